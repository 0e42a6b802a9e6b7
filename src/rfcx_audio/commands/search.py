"""A store of features and examples to the windows that sound most alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.commands.calls import call_config
from rfcx_audio.config import DictConfig
from rfcx_audio.data import AudioError, AudioReader, probe
from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.scores import WINDOW
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import RECORDINGS, fingerprint, stored_contents
from rfcx_audio.scoring.examples import Example, example_features, parse_examples
from rfcx_audio.scoring.load import described_encoder
from rfcx_audio.scoring.nearest import nearest, similarities
from rfcx_audio.scoring.sounds_picture import draw_sounds
from rfcx_audio.scoring.window_index import WindowIndex
from rfcx_audio.screen import print_line, print_table
from rfcx_audio.whole_files import save_picture, write_atomically

_PRINTED = 10
_DRAWN = 12
_CANDIDATES = 10_000  # of the index for each example, whose features are then compared
_log = logging.getLogger(__name__)
UNANSWERED = "?"
"""In the column `present` of a queue: the reader of labels refuses it until it is 1 or 0."""


def search(
    store: str | Path, example: str, *overrides: str, out: str | Path | None = None
) -> pd.DataFrame:
    """The windows of a store that sound most like an example, as `rfcx-audio search` finds them.

    >>> encoder = ["model=checkpoint", "model.encoder.checkpoint=best.ckpt"]
    >>> store = rfcx_audio.embed("audio", *encoder, out="store")
    >>> matches = rfcx_audio.search("store", "audio/dawn.wav,1.0,2.0", "top=3")
    >>> matches.loc[[0], ["recording_id", "t_min", "is_example"]].to_dict("records")
    [{'recording_id': 'dawn', 't_min': 1.0, 'is_example': True}]

    Args:
        store: a folder that `rfcx_audio.embed` wrote.
        example: a file, a start and an end in s, such as `call.wav,3.2,4.7`; several may follow
            one another.
        overrides: further ones of `conf/search.yaml`, as on the command line.
        out: the folder; None: one with the time as its name, in `runs/search/`.

    Returns:
        `rank`, `recording_id`, `t_min`, `t_max` (s), `similarity` (cosine of the features, 1 at
        most) and `is_example` (whether it shares time with the example, of the same file), the
        nearest first. It also stands in `matches.csv` of the folder.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: the store, its encoder or the example cannot be used.
    """
    return find(call_config("search", overrides, out, store=store, example=example))


def run(config: DictConfig) -> None:
    """The command."""
    folder = Path(config.paths.output_dir)
    matches = find(config)
    print_table(matches.head(_PRINTED), f"the nearest {min(_PRINTED, len(matches))}")
    print_line(f"{len(matches)} matches are in {folder / 'matches.csv'}")
    if config.species is None:
        print_line("species=NAME also writes queue.csv: rows of labels to be confirmed")
    else:
        queue = folder / "queue.csv"
        print_line(f"{queue} has them as labels of {config.species} that are to be answered:")
        print_line(
            f"  rfcx-audio review detections={queue} recordings=… queue=top; or write 1 (present) "
            f"or 0 (absent) in place of each {UNANSWERED}, and remove the rest"
        )


def find(config: DictConfig) -> pd.DataFrame:
    """Finds the matches, and writes them into the folder of the run.

    Raises:
        ValueError: see `search`.
    """
    store = FeatureStore.open(config.store)
    given = config.example
    examples = parse_examples(given if isinstance(given, str) else list(given))
    embedder = embedder_of(store, config.encoder_file)
    queries = torch.cat([example_features(embedder, one) for one in examples])
    gap_s = store.settings["window_s"] if config.min_gap_s is None else config.min_gap_s
    pick = partial(nearest, top=config.top, min_gap_s=gap_s, per_recording=config.per_recording)
    rows, similarity = nearest_rows(store, queries, config.exact_up_to, pick)
    matches = matches_of(store, rows, similarity, examples)
    folder = Path(config.paths.output_dir)
    _write(matches, folder / "matches.csv")
    if config.species is not None:
        queue = queue_of(matches, config.species, known_of(store)["duration_s"])
        _write(queue, folder / "queue.csv")
    if config.pictures:
        sounds = sounds_of(embedder, examples, matches.head(_DRAWN), known_of(store)["path"])
        figure = draw_sounds(sounds, embedder.reader.sample_rate)
        write_atomically(folder / "matches.png", partial(save_picture, figure))
    return matches


def embedder_of(store: FeatureStore, encoder_file: str | None = None) -> Embedder:
    """What gives a sound the features that it would have in a store.

    Args:
        store: whose encoder, reader and gain are taken.
        encoder_file: where the encoder's weights are now; None: where they were.

    Raises:
        PartError: the store does not name an encoder that a file may name.
    """
    settings = store.settings
    encoder = described_encoder(settings["encoder"], encoder_file)
    frontend = EncoderFrontend(encoder, settings["hop_s"], settings["gain_db"])
    return Embedder(AudioReader(settings["sample_rate"], settings["channel"]), frontend)


def nearest_rows(
    store: FeatureStore,
    queries: Tensor,
    exact_up_to: int | None,
    pick: Callable[[pd.DataFrame, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the matches in a store, the nearest first, and their similarities.

    Args:
        store: to be searched.
        queries: (queries, features).
        exact_up_to: windows, up to which all are compared; of larger stores only candidates that
            an index finds. None: always all.
        pick: chooses rows of keys by their similarity.
    """
    if exact_up_to is None or len(store.keys) <= exact_up_to:
        similarity = similarities(store.features, queries)
        rows = pick(store.keys, similarity)
        return rows, similarity[rows]
    among = WindowIndex.of(store).candidates(queries, _CANDIDATES)
    _log.info(
        "the nearest of %d candidates by the index; exact_up_to=null compares all", len(among)
    )
    similarity = similarities(store.features[among], queries)
    rows = pick(store.keys.iloc[among], similarity)
    return among[rows], similarity[rows]


def matches_of(
    store: FeatureStore, rows: np.ndarray, similarity: np.ndarray, examples: Sequence[Example]
) -> pd.DataFrame:
    """The table of matches, see `search`.

    Args:
        store: that they are of.
        rows: of the matches in it, the nearest first.
        similarity: of these rows.
        examples: that were looked for.
    """
    windows = store.keys.iloc[rows].reset_index(drop=True)
    contents = windows[WINDOW[0]].map(stored_contents(store.folder)).fillna("").to_numpy()
    own = np.zeros(len(rows), bool)
    for example in examples:
        same = contents == fingerprint(example.path)
        own |= same & example.overlaps(windows["t_min"].to_numpy(), windows["t_max"].to_numpy())
    windows.insert(0, "rank", np.arange(1, len(rows) + 1))
    return windows.assign(similarity=similarity, is_example=own)


def queue_of(matches: pd.DataFrame, species: str, ends_s: pd.Series) -> pd.DataFrame:
    """Matches as rows of labels that a person has yet to answer.

    The examples are left out, as they are known. `present` is `UNANSWERED`.

    Args:
        matches: see `search`.
        species: their name.
        ends_s: of recordings by id, NaN where unknown; no row reaches beyond it, as windows may.
    """
    others = matches[~matches["is_example"]]
    rows = others[list(WINDOW)].assign(species=species, present=UNANSWERED)
    limits = rows[WINDOW[0]].map(ends_s).astype(float)
    rows["t_max"] = np.fmin(rows["t_max"], limits)
    return rows.assign(score=others["similarity"])


def sounds_of(
    embedder: Embedder, examples: Sequence[Example], matches: pd.DataFrame, paths: pd.Series
) -> dict[str, np.ndarray]:
    """The sounds of examples and matches by a title; those that cannot be read are left out.

    Args:
        embedder: whose reader reads them.
        examples: of the search.
        matches: see `search`.
        paths: of the recordings, by id.
    """
    wanted = {
        f"example: {one.path.name}, {one.t_min:g} s": (one.path, one.t_min, one.t_max)
        for one in examples
    }
    for row in matches.to_dict("records"):
        name, t_min = row["recording_id"], row["t_min"]
        title = f"{row['rank']}: {name}, {t_min:.9g} s ({row['similarity']:.3f})"
        wanted[title] = (Path(paths[name]), t_min, row["t_max"])
    sounds = {}
    for title, (path, t_min, t_max) in wanted.items():
        try:
            end_s = min(t_max, probe(path).duration_s)  # a window may reach beyond
            if end_s <= t_min:
                _log.warning("not drawn: %s: %s lasts %g s only", title, path, end_s)
                continue
            sounds[title] = embedder.reader.read(path, t_min, end_s - t_min)
        except AudioError as error:
            _log.warning("not drawn: %s: %s: %s", title, path, error)
    return sounds


def known_of(store: FeatureStore) -> pd.DataFrame:
    """What is known of a store's recordings, by id: `path`; `duration_s`, NaN where it is not."""
    table = pd.read_csv(store.folder / RECORDINGS, dtype=str, keep_default_na=False)
    known = table.set_index("recording_id").reindex(columns=["path", "duration_s"])
    return known.assign(duration_s=pd.to_numeric(known["duration_s"]))


def _write(table: pd.DataFrame, path: Path) -> None:
    # A day has 86 400 s: with fewer digits, the times of long recordings would be rounded.
    write_atomically(path, lambda part: table.to_csv(part, index=False, float_format="%.9g"))
