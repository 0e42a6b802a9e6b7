"""Recognisers from files: checkpoints of training runs, and artefacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any

import pandas as pd
import torch
import yaml
from torch import nn

from rfcx_audio.data import AudioReader
from rfcx_audio.encoders import EncoderFileError, EncoderFrontend, FeatureEncoder
from rfcx_audio.frontend import LogMel
from rfcx_audio.scores import Calibration, species_columns
from rfcx_audio.scoring.artefact import Artefact, file_hash, read_artefact
from rfcx_audio.scoring.parts import PartError, build_part
from rfcx_audio.scoring.recogniser import Recogniser
from rfcx_audio.scoring.tta import views
from rfcx_audio.scoring.windows import SlidingWindows

# What torch raises on broken files.
_BROKEN = (
    RuntimeError,
    UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
CONFIG_KEY = "rfcx_audio_config"
"""Where a checkpoint keeps the text of the configuration it was trained with."""
SEEN_KEY = "rfcx_audio_teachers_saw"
"""Where a checkpoint keeps the recordings whose labels reached it by pseudo-labels, if any."""

_MODEL_PREFIX = "model."
_REASON_LENGTH = 600  # torch names every weight that is missing


class CheckpointError(ValueError):
    """A checkpoint that cannot be used, and why."""


def load_recogniser(
    checkpoint: str | Path,
    overlap: float | None = None,
    pool: str | None = None,
    smooth: int | None = None,
    tta: int = 1,
    flip: bool = False,
    pixels_at_once: int | None = None,
    encoder: FeatureEncoder | str | Path | None = None,
) -> Recogniser:
    """The recogniser of a checkpoint or an artefact, ready to use.

    >>> model = rfcx_audio.load("best.ckpt", tta=2)
    >>> model.num_species
    24

    Only tensors and plain values are read from the file: loading executes no code of its own, and
    what the file describes is built from this library's parts only, see `build_part`.

    Args:
        checkpoint: a `.ckpt` file that `rfcx_audio.train` wrote, or the folder of an artefact.
        overlap: of the windows, else as trained.
        pool: of the windows' scores, else as trained.
        smooth: windows in the moving average of their scores, else as trained.
        tta: number of views of each window, 1 for none but the window itself, see `views`.
        flip: whether every second view runs backwards.
        pixels_at_once: mels x frames x windows of a batch on a GPU, else as trained.
        encoder: of a head on features: where the file of its encoder is now, or the encoder itself
            if it is code of yours, which no checkpoint can name. It is read when sound is scored.

    Raises:
        ValueError: a setting is out of its range; as the rest, the file cannot be used:
        CheckpointError: it is missing, broken, or no checkpoint of this library.
        ArtefactError: the same of an artefact.
        PartError: it describes what this library does not know.
    """
    trained = read_trained(checkpoint)
    wanted = {
        "overlap": overlap,
        "pool": pool,
        "smooth": smooth,
        "pixels_at_once": pixels_at_once,
    }
    changes = {key: value for key, value in wanted.items() if value is not None}
    calibration = trained.calibration
    detector = build_part(trained.model, nn.Module)
    try:
        detector.load_state_dict(dict(trained.weights))
    except RuntimeError as error:
        reason = shorten(str(error), _REASON_LENGTH, placeholder=" …")
        raise CheckpointError(
            f"{checkpoint} does not fit its own configuration: {reason}"
        ) from None
    recogniser = Recogniser(
        reader=build_part(trained.reader, AudioReader),
        frontend=_frontend(trained.frontend, encoder),
        detector=detector,
        windows=build_part({**trained.windows, **changes}, SlidingWindows),
        species=trained.species,
        views=views(tta, flip=flip),
        checkpoint_hash=trained.checkpoint_sha256,
        calibration=None
        if calibration is None
        else Calibration.from_dict(calibration).of_species(trained.species),
        about=trained.about,
    )
    recogniser.teachers_saw = tuple(trained.teachers_saw)
    return recogniser.eval()


def _frontend(
    node: Mapping[str, Any], encoder: FeatureEncoder | str | Path | None
) -> LogMel | EncoderFrontend:
    """The front end that a description describes, with another encoder or file if one is given.

    Raises:
        PartError: it describes an encoder that is code of the user's, or has none to replace.
        EncoderFileError: the given encoder is another one.
    """
    described = node.get("encoder")
    if described is None:
        if encoder is not None:
            raise PartError(
                "an encoder is given, and the network is none on features of an encoder"
            )
        return build_part(node, LogMel)
    return build_part({**node, "encoder": described_encoder(described, encoder)}, EncoderFrontend)


def described_encoder(
    described: Mapping[str, Any], given: FeatureEncoder | str | Path | None = None
) -> FeatureEncoder:
    """The encoder that a checkpoint or a store describes.

    Args:
        described: as `FeatureEncoder.described` has it.
        given: the encoder itself, or where its file is now; None: it is where it was.

    Raises:
        PartError: it is code of the user's, and is not given.
        EncoderFileError: the given encoder is another one.
    """
    if isinstance(given, FeatureEncoder):
        if given.sha256 != described["sha256"]:
            raise EncoderFileError(
                f"the network was trained on features of an encoder with the SHA-256 "
                f"{described['sha256']}, the given one has {given.sha256}"
            )
        return given
    if given is not None:
        key = "checkpoint" if "checkpoint" in described else "file"
        described = {**described, key: str(given)}
    return build_part(described, FeatureEncoder)  # pyright: ignore[reportAbstractUsage]


def read_trained(place: str | Path) -> Artefact:
    """The content of a checkpoint or an artefact: descriptions and weights.

    Args:
        place: a `.ckpt` file or the folder of an artefact.

    Raises:
        CheckpointError: the file is missing, broken, or no checkpoint of this library.
        ArtefactError: the same of an artefact.
    """
    if Path(place).is_dir():
        return read_artefact(place)
    content = read_checkpoint(place)
    try:
        config = yaml.safe_load(content[CONFIG_KEY])
        data = config["data"]
        of_reader = data["reader"]  # whose rate is that of a pretrained encoder
        rate = of_reader.get("sample_rate", data["sample_rate"])
        reader = {"sample_rate": rate, "channel": of_reader["channel"]}
        species = data.get("species") or species_columns(data["num_species"])
        return Artefact(
            species=species,
            reader={"_target_": "rfcx_audio.data.AudioReader", **reader},
            frontend=config["frontend"],
            # A method may wrap the model, as co-teaching does; its weights come from the file.
            model=without_encoders(without_pretrained(config["method"]["model"])),
            windows=config["inference"],
            calibration=None,
            checkpoint_sha256=file_hash(Path(place)),
            about=_about_species(species, data),
            teachers_saw=list(content.get(SEEN_KEY, ())),
            weights={
                key.removeprefix(_MODEL_PREFIX): value
                for key, value in content["state_dict"].items()
                if key.startswith(_MODEL_PREFIX)
            },
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{place} has an unreadable configuration: {error!r}") from None


def _about_species(names: Sequence[str], data: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a configuration states of species by name: the band of their templates, other names."""
    about = {name: dict(row) for name, row in (data.get("other_names") or {}).items()}
    templates = data.get("templates")
    if templates:
        made = pd.DataFrame(
            templates if isinstance(templates, list) else build_part(templates, pd.DataFrame)
        )
        bands = made.groupby("species_id").agg(low=("f_min", "min"), high=("f_max", "max"))
        of_others = set(bands.index) != set(range(len(names)))
        for number, low, high in [] if of_others else bands.reset_index().to_numpy().tolist():
            about.setdefault(names[int(number)], {})["band"] = [low, high]
    return about


def without_pretrained(node: Any) -> Any:  # noqa: ANN401 (a configuration of any depth)
    """A copy of a model's configuration in which every encoder starts from random weights."""
    if isinstance(node, Mapping):
        return {
            key: False if key == "pretrained" else without_pretrained(value)
            for key, value in node.items()
        }
    return node


def without_encoders(node: Any) -> Any:  # noqa: ANN401 (a configuration of any depth)
    """A copy of a model's configuration in which heads on features name their encoder only.

    It is the front end's, and a head needs no file of it.
    """
    if not isinstance(node, Mapping):
        return node
    node = {key: without_encoders(value) for key, value in node.items()}
    if str(node.get("_target_")).endswith(".FeatureDetector"):
        encoder = node["encoder"]
        facts = {key: encoder[key] for key in ("sha256", "num_features")}
        name = str(encoder["_target_"]).rpartition(".")[2]
        node["encoder"] = {"_target_": "rfcx_audio.model.Origin", "name": name, **facts}
    return node


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint of this library.

    Raises:
        CheckpointError: the file is missing, broken, or no checkpoint of this library.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f"{path} does not exist; training writes last.ckpt and best.ckpt into the folder "
            "checkpoints/ of its run"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        # torch's own words recommend to load it all the same.
        raise CheckpointError(
            f"{path} is no readable checkpoint ({type(error).__name__}): it is broken, or holds "
            "more than tensors and plain values, which could run code and is not loaded"
        ) from None
    if not isinstance(content, dict) or CONFIG_KEY not in content:
        raise CheckpointError(f"{path} carries no configuration of rfcx_audio; train it with it")
    return content
