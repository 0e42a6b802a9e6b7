"""An encoder and recordings to a store of features."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from time import monotonic, process_time

import pandas as pd

from rfcx_audio.commands.calls import call_config
from rfcx_audio.commands.place_and_time import infos_of_audio
from rfcx_audio.commands.resumable import resumable
from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import AudioReader, add_to_table
from rfcx_audio.data.feature_store import SETTINGS, FeatureStore
from rfcx_audio.encoders import EncoderFrontend, FeatureEncoder
from rfcx_audio.scoring import Embedder, list_recordings
from rfcx_audio.scoring.archive import RECORDINGS, embed_archive
from rfcx_audio.screen import print_line
from rfcx_audio.whole_files import write_atomically

_log = logging.getLogger(__name__)
_SECONDS = "seconds.json"
_DTYPES = ("float16", "float32")


def embed(recordings: str | Path, *overrides: str, out: str | Path | None = None) -> FeatureStore:
    """Stores an encoder's features of many recordings, as `rfcx-audio embed` does.

    A call that was interrupted goes on where it was, given the same folder; further recordings are
    added to it.

    >>> encoder = ["model=checkpoint", "model.encoder.checkpoint=best.ckpt"]
    >>> store = rfcx_audio.embed("audio", *encoder, out="store")
    >>> sorted(store.places), len(store.keys) == len(store.features)
    (['dawn', 'dusk'], True)

    Args:
        recordings: a folder, a pattern, a list (`.txt`, `.csv`) or a file, see `list_recordings`.
        overrides: further ones of `conf/embed.yaml`, as on the command line: `model=birdnet`,
            `model.encoder.file=…`.
        out: the folder; None: one with the time as its name, in `runs/embed/`.

    Returns:
        The store, opened. Recordings that cannot be read are in its `failures.csv`; where and when
        each recording was made is in its `recordings.csv`.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: there is no encoder, its file cannot be used, there are no recordings, none
            could be read, or the folder was begun with other settings.
    """
    return make_store(call_config("embed", overrides, out, recordings=recordings))


def run(config: DictConfig) -> None:
    """The command."""
    begun = monotonic()
    with resumable(config.paths.output_dir):
        store = make_store(config)
    report(store, encoder_of(config).licence, monotonic() - begun)


def make_store(config: DictConfig) -> FeatureStore:
    """Embeds what is left of the recordings, and joins all into the store.

    `seconds.json` states what that has cost, see `note_seconds`.

    Raises:
        ValueError: no recording can be read, or a setting is out of its range.
    """
    begun, begun_core = monotonic(), process_time()
    if config.dtype not in _DTYPES:
        raise ValueError(f"dtype={config.dtype}; expected {' or '.join(_DTYPES)}")
    encoder = encoder_of(config)
    load = partial(embedder, encoder, config.hop_s, config.gain_db, config.channel)
    paths = list_recordings(config.recordings)
    infos = infos_of_audio(config, paths)
    folder = Path(config.paths.output_dir)
    is_new = not (folder / SETTINGS).exists()
    growing = embed_archive(build(config.engine), load, paths, folder, config.dtype)
    store = growing.join()
    add_to_table(infos, folder / RECORDINGS)
    growing.check_some_kept()
    spent = {"embed_s": monotonic() - begun, "embed_core_s": process_time() - begun_core}
    note_seconds(folder / _SECONDS, is_new, spent)
    return store


def note_seconds(file: Path, is_new: bool, spent: Mapping[str, float]) -> None:
    """Writes what a store has cost, by the clock and over all cores that this process had.

    Args:
        file: where the seconds of earlier commands stand, which are added. A store whose first
            command was killed has no such file, as not all of its seconds are known.
        is_new: whether this command began the store.
        spent: seconds of this command.
    """
    if is_new or file.exists():
        known = {} if is_new else json.loads(file.read_text(encoding="utf-8"))
        added = {name: round(known.get(name, 0.0) + value, 2) for name, value in spent.items()}
        text = json.dumps(added, indent=2) + "\n"
        write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))


def encoder_of(config: DictConfig) -> FeatureEncoder:
    """The encoder that the configuration describes.

    Raises:
        ValueError: it describes none.
    """
    node = (config.get("model") or {}).get("encoder")
    encoder = None if node is None else build(node)
    if not isinstance(encoder, FeatureEncoder):
        raise ValueError(
            f"there is no pretrained encoder: model.encoder is {node}; give model=birdnet, or "
            "another one that conf/model/encoder has, and model.encoder.file=…"
        )
    return encoder


def embedder(
    encoder: FeatureEncoder, hop_s: float | None, gain_db: float, channel: str | int
) -> Embedder:
    """An encoder with a reader at its sample rate; without a hop, of half a window."""
    hop_s = encoder.window_s / 2 if hop_s is None else hop_s
    reader = AudioReader(encoder.sample_rate, channel)  # pyright: ignore[reportArgumentType]
    return Embedder(reader, EncoderFrontend(encoder, hop_s, gain_db))


def report(store: FeatureStore, licence: str | None, seconds: float) -> None:
    """Prints what the store holds, the licence of the weights, and what to do next."""
    rows, width = store.features.shape
    failures = len(pd.read_csv(store.folder / "failures.csv"))
    print_line(
        f"{len(store.places)} recordings, {rows} windows of {store.settings['window_s']:g} s, "
        f"{width} features each ({store.features.nbytes / 1e6:.1f} MB as "
        f"{store.settings['dtype']}); {failures} could not be read; {seconds:.1f} s"
    )
    if licence is not None:
        print_line(
            f"The encoder's weights are under {licence}; see what it allows before you "
            "share or sell what is made with them"
        )
    print_line(f"Next: rfcx-audio train model=features data.store={store.folder} data.root=…")
    print_line(f"  or: rfcx-audio search store={store.folder} example=call.wav,3.2,4.7")
