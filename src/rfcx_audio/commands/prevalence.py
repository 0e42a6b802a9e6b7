"""How frequent species are in unlabelled recordings.

TRANSDUCTIVE: the scores of a recording depend on all recordings that are scored with it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.commands.labels import labels_of, read_complete
from rfcx_audio.config import DictConfig
from rfcx_audio.queues import (
    ALL,
    Sample,
    Share,
    counts_behind,
    density,
    fingerprint_of_recordings,
    lacks_labelled,
    read_sample,
)
from rfcx_audio.scores import (
    CORRECTED,
    Prevalence,
    ReviewedWindows,
    Scores,
    balanced_scores,
    check_labels,
    draw_prevalence,
    estimate_prevalence,
    implied_prior,
    known_beside,
    mean_prevalence,
    prior_correction,
    read_by_species,
    scale_of,
    uncertain_species,
)
from rfcx_audio.screen import print_table
from rfcx_audio.verdicts import VerdictStore
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)
UNCERTAIN = (
    "The scores tell little about how frequent these species are: {}. For them the correction may "
    "cost more than it brings: use scores that are calibrated only, or judge about ten windows of "
    "each that review draws by chance (queue=random), and name its store to prevalence (verdicts=)"
)


def estimated(config: DictConfig, scores: Scores) -> tuple[Prevalence, Scores]:
    """The estimates, made here or read, and the scores on the scale to which they apply.

    Args:
        config: of the command.
        scores: of unlabelled recordings.

    Raises:
        ValueError: neither out-of-fold scores with labels nor estimates are given, or both; or the
            out-of-fold scores are pooled otherwise.
    """
    given = (config.oof, config.labels)
    if (config.prevalence is None) == (given == (None, None)) or (None in given and any(given)):
        raise ValueError("give either oof=… and labels=…, or prevalence=…")
    if config.prevalence is not None:
        if config.verdicts is not None:
            raise ValueError(
                "verdicts=… needs oof=… and labels=…; prevalence=… is estimated already"
            )
        places = [config.prevalence] if isinstance(config.prevalence, str) else config.prevalence
        return mean_prevalence([read_prevalence(place, scores.species) for place in places]), scores
    oof = Scores.read(config.oof).of_species(scores.species)
    annotations = labels_of(config, oof.species, oof.recordings)
    known = known_beside(scores, oof, annotations, config.min_overlap)
    reviewed = None if config.verdicts is None else reviewed_windows(config.verdicts, scores)
    found = estimate_prevalence(scores.pool().tensor, known, reviewed=reviewed)
    uncertain = uncertain_species(found, scores.species, reviewed)
    if uncertain:
        _log.warning("%s", UNCERTAIN.format(", ".join(uncertain)))
    return found, scores.with_values(balanced_scores(scores.tensor, known))


def reviewed_windows(store: str, scores: Scores) -> ReviewedWindows:
    """What a review found in windows of the scored recordings that were drawn by chance.

    Args:
        store: the `verdicts.sqlite` of `review`.
        scores: of the recordings.

    Raises:
        ValueError: no queue of it was drawn by chance from windows of just these recordings, or
            none of its clips was judged.
    """
    sample = read_sample(VerdictStore.open(store))
    queues, recordings = sample.queues, set(map(str, scores.recordings))
    same = queues["of_recordings"] == fingerprint_of_recordings(recordings)
    chosen = queues[queues["by_chance"] & (queues["kind"] == "windows") & same]
    partial = chosen["frame"].map(lacks_labelled).astype(bool)
    if partial.any():
        _log.warning(
            "%d queue(s) of %s were drawn without labelled windows (queue.leave_out), so that they "
            "tell nothing of all windows, and are not used",
            *(int(partial.sum()), store),
        )
        chosen = chosen[~partial]
    if chosen.empty:
        raise ValueError(
            f"{store} has no queue of windows that was drawn by chance from the {len(recordings)} "
            f"recordings of scores=…; its queues: {', '.join(queues['design']) or 'none'}. "
            "rfcx-audio review scores=… queue=random draws one"
        )
    of_them = [part[part["queue"].isin(chosen["queue"])] for part in (sample.strata, sample.clips)]
    found = density(Sample(chosen, *of_them))
    whole = found[(found["stratum"] == ALL) & (found["judged"] > 0)]
    # Of several populations of the same recordings, the one with most verdicts.
    whole = whole.sort_values("judged").drop_duplicates("species", keep="last")
    whole = whole.set_index("species").reindex(list(scores.species))
    if whole["judged"].isna().all():
        raise ValueError(f"{store} has no verdict of a clip that was drawn by chance yet")
    share = Share(*(whole[name].to_numpy(float) for name in Share._fields))
    share = share._replace(
        low=np.nan_to_num(share.low, nan=0), high=np.nan_to_num(share.high, nan=1)
    )
    present, judged = map(torch.from_numpy, counts_behind(share))
    _log.info(
        "%d windows, drawn by chance, of %d species were reviewed",
        *(int(whole["judged"].sum()), int(whole["judged"].notna().sum())),
    )
    return ReviewedWindows(present, judged, max(1.0, whole["population"].max() / len(recordings)))


def read_prevalence(path: str, species: Sequence[str]) -> Prevalence:
    """The estimates that this command wrote, in the order of species.

    Raises:
        ValueError: they lack one.
    """
    table = read_by_species(path, species)
    columns = (table[name].to_numpy("float64", copy=True) for name in Prevalence._fields)
    return Prevalence(*(torch.from_numpy(column) for column in columns))


def true_prevalence(config: DictConfig, pooled: Scores) -> Tensor:
    """(species,): in which share of the recordings each species is, by labels of every call.

    Labels that are not complete truth by themselves count as such for the recordings that have rows
    or an empty table; the others are left out, and counted in the log.

    Raises:
        ValueError: the labels are of no scored recording, or partial, see `read_complete`.
    """
    settings = (pooled.species, config.species, pooled.recordings)
    annotations = read_complete(Path(config.complete_labels), *settings)
    check_labels(pooled.recordings, annotations)
    target, known = (part.double().sum(0) for part in pooled.labelled_by(annotations)[1])
    return target / known


def run(config: DictConfig) -> None:
    """The command."""
    scores = Scores.read(config.scores)
    if scale_of(scores.metadata) == CORRECTED:
        raise ValueError(f"{config.scores} is corrected already; give what it was made from")
    folder, pooled = Path(config.paths.output_dir), scores.pool()
    found, balanced = estimated(config, scores)
    before, observed = (of.pool().tensor.double() for of in (balanced, scores))
    prior = torch.where(found.estimate.isnan(), before.mean(0), found.estimate)  # no correction
    made_under = implied_prior(before, prior)

    folder.mkdir(parents=True, exist_ok=True)
    observed = observed.mean(0)
    columns = {"observed": observed, **found._asdict(), "prior": prior}
    lines = pd.DataFrame({name: values.numpy() for name, values in columns.items()})
    lines.insert(0, "species", scores.species)
    lines.to_csv(folder / "prevalence.csv", index=False)
    against, label = observed, "mean of the raw scores"
    if config.complete_labels is not None:
        against, label = true_prevalence(config, pooled), "true prevalence"
    picture = draw_prevalence(found, against, label, scores.species)
    save_picture(picture, folder / "prevalence.png")

    how = "posterior" if config.prevalence is None else str(config.prevalence)
    if config.verdicts is not None:
        how = "posterior, with reviewed windows of the same recordings"
    correction = {"transductive": True, "source": how, "prior": prior.tolist()}
    correction["made_under"] = made_under.tolist()
    values = prior_correction(balanced.tensor, prior, made_under)
    corrected = scores.with_values(values, prior_correction=correction)
    corrected.write(folder / "scores.parquet")
    print_table(lines, f"prevalence in {len(pooled)} unlabelled recordings")
    _log.warning("TRANSDUCTIVE: the scores in %s use all of these recordings", folder)
