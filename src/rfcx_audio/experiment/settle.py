"""A configuration with what the data decide: species, bands, sample rate, frequency range."""

from __future__ import annotations

import logging
from typing import Any, cast

import pandas as pd

from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import (
    AnnotationError,
    Folds,
    RfcxFolder,
    SpeciesNames,
    Split,
    frequency_range,
    with_every_species,
)
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from rfcx_audio.scores import check_names

_log = logging.getLogger(__name__)
_SHOWN = 12
_RANGE = ("sample_rate", "f_min", "f_max")


def settle(config: DictConfig) -> DictConfig:
    """A copy of a configuration in which what the data decide has its value.

    A command does this first. In a notebook, it comes before parts are built:

    >>> config = rfcx_audio.load_config("train", ["data=rfcx", "data.root=rfcx"])
    >>> config.data.num_species is None
    True
    >>> rfcx_audio.settle(config).data.num_species
    24

    Args:
        config: of `conf/train.yaml`. In `data`, `num_species`, `species`, `sample_rate`, `f_min`
            and `f_max` are taken from the tables and recordings where they are null, and
            `templates` from the rows where they are to be (with `rows_per_species`, from those that
            are trained on; the range is that of all rows); given values stay. What a pretrained
            encoder decides is taken from `data.store`, else from its file, see `with_encoder`.

    Raises:
        AnnotationError: the tables cannot be read, or there is no recording.
        ValueError: `templates` is null.
    """
    if config.data.templates is None:
        raise ValueError(
            "data.templates is null; choose data/templates=rows or data/templates=rfcx"
        )
    config = with_encoder(config)
    if is_settled(config):  # as in the runs of a cross-validation
        return config
    source = cast(RfcxFolder, build(config.data.source))
    source.prepare()
    species, rows = source.species, _rows_to_learn_from(config, source)
    check_names(species.names)
    _log.info("%s", species)
    changes: dict[str, Any] = {"num_species": len(species.names), "species": list(species.names)}
    changes["other_names"] = {name: dict(row) for name, row in species.others.items()} or None
    made: Any = build(config.data.templates)
    templates = cast(pd.DataFrame, made(rows) if callable(made) else pd.DataFrame(made))
    few = callable(made) and rows is not source.rows
    widest = cast(pd.DataFrame, made(source.rows)) if few else templates
    changes |= _range(config, source, widest, len(source.rows))
    if callable(made):
        ends = [changes.get(name, config.data[name]) for name in ("f_min", "f_max")]
        complete, missing = with_every_species(templates, len(species.names), *ends)
        changes["templates"] = complete.round(3).to_dict("records")
        _report(species, rows, templates, missing)
    return variant(config, {f"data.{name}": value for name, value in changes.items()})


def provisional(config: DictConfig) -> DictConfig:
    """A configuration with invented values for what the data decide, to try its parts with.

    Its networks start from random weights: those of others need not be fetched for that.
    """
    data = config.data
    count = _species_of_bands(config) if data.num_species is None else data.num_species
    values: dict[str, Any] = {"sample_rate": 48_000, "f_min": 60.0, "f_max": 15_000.0}
    values = {name: value for name, value in values.items() if data[name] is None}
    values |= {"num_species": count, "species": [f"s{number}" for number in range(count)]}
    if _is_partial(data.templates):
        box = {"songtype_id": 1, "f_min": 1000.0, "f_max": 3000.0, "duration_s": 1.0}
        values["templates"] = [{"species_id": number, **box} for number in range(count)]
    changes = {f"data.{name}": value for name, value in values.items()}
    if not has_encoder(config):
        changes["model.encoder.pretrained"] = False
    return variant(config, changes)


def _species_of_bands(config: DictConfig) -> int:
    """How many species the bands of the network are of; 2 where it has none, or rows decide."""
    classes = (config.model.get("bands") or {}).get("classes")
    given = None if classes is None else classes.templates
    if given is None or _is_partial(given):
        return 2
    return int(pd.DataFrame(build(given))["species_id"].max()) + 1


def is_settled(config: DictConfig) -> bool:
    """Whether nothing is left for the data to decide."""
    data = config.data
    open_ones = [name for name in ("num_species", "species", *_RANGE) if data[name] is None]
    return not open_ones and not _is_partial(data.templates)


def _rows_to_learn_from(config: DictConfig, source: RfcxFolder) -> pd.DataFrame:
    """All rows of the tables; where only a few are trained on, those few."""
    if config.data.rows_per_species is None:
        return source.rows
    rows = Split.of(source.load(), cast(Folds, build(config.data.folds))).train_rows
    return rows[~rows["pseudo"]]


def _is_partial(node: object) -> bool:
    return isinstance(node, DictConfig) and bool(node.get("_partial_", False))


def _range(
    config: DictConfig, source: RfcxFolder, templates: pd.DataFrame, num_rows: int
) -> dict[str, Any]:
    """Values for what of the sample rate and the frequency range is not given."""
    wanted = [name for name in _RANGE if config.data[name] is None]
    if not wanted:
        return {}
    recordings = source.recordings
    if not recordings.infos:
        raise AnnotationError(recordings.without_audio(num_rows, source.audio))
    found = frequency_range(templates, recordings.infos, config.data.sample_rate)
    _log.info("sample rate %d Hz, front end %g to %g Hz", *found)
    return {name: getattr(found, name) for name in wanted}


def _report(
    species: SpeciesNames, rows: pd.DataFrame, templates: pd.DataFrame, missing: list[int]
) -> None:
    """Logs the bands that were found, and which species have few or no rows for one."""
    if len(templates):
        shown = [
            f"{species.names[int(row['species_id'])]} {row['f_min']:.0f} to {row['f_max']:.0f}"
            for row in templates.head(_SHOWN).to_dict("records")
        ]
        _log.info(
            "%d bands of %d species from the rows (Hz): %s%s",
            *(len(templates), templates["species_id"].nunique(), ", ".join(shown)),
            ", …" if len(templates) > _SHOWN else "",
        )
    counts = rows[rows["present"]].groupby("species_id").size()
    for number, what in ((0, "no confirmed row"), (1, "one confirmed row")):
        found = [name for place, name in enumerate(species.names) if counts.get(place, 0) == number]
        if found:
            _log.warning("%d species have %s: %s", len(found), what, ", ".join(found))
    if missing:
        names = ", ".join(species.names[number] for number in missing)
        _log.warning(
            "%d species have no row with frequencies, and get the whole band: %s",
            len(missing),
            names,
        )
