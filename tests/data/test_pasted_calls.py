from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hydra.errors import InstantiationException
from torch import Tensor, nn

from preloaded import run_module
from rfcx_audio.config import DictConfig, build, load_config, variant
from rfcx_audio.data import (
    AudioReader,
    FeatureDataModule,
    FeatureStore,
    Recordings,
    StoreError,
    embed_pasted,
)
from rfcx_audio.data import pasted_calls as module
from rfcx_audio.data.pasted_calls import FOLDER, PastedCalls, keyed
from rfcx_audio.data.pasting import draw_pastes, pasted_window
from rfcx_audio.encoders import EncoderFileError
from rfcx_audio.experiment import settle, train_run
from rfcx_audio.experiment.embeddings import with_store
from rfcx_audio.experiment.encoders import with_encoder
from rfcx_audio.scoring import load_recogniser
from stores import (
    DURATION_S,
    NAMES,
    RATE,
    WIDTH,
    WINDOW_S,
    frontend,
    recordings,
    words,
    write_data,
    write_store,
)
from tiny_encoders import write_onnx


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_data(tmp_path / "data", 6)
    write_store(root, recordings(root), frontend(root))
    return root


def confirmed(root: Path) -> pd.DataFrame:
    rows = pd.read_csv(root / "labels.csv")
    rows["species_id"] = rows["species"].map(NAMES.index)
    return rows[rows["present"] == 1].reset_index(drop=True)


def paste_into(root: Path, per_row: int, rows: pd.DataFrame | None = None, **more: Any) -> int:
    return embed_pasted(
        FeatureStore.open(root / "store"),
        confirmed(root) if rows is None else rows,
        NAMES,
        more.get("found", Recordings.probe(recordings(root))),
        more.get("reader", AudioReader(RATE)),
        more.get("frontend") or frontend(root),
        per_row,
    )


def ordered(pasted: PastedCalls) -> tuple[pd.DataFrame, np.ndarray]:
    order = pasted.table.sort_values(["recording_id", "t_min", "draw"]).index
    return pasted.table.loc[order].reset_index(drop=True), pasted.features[order.to_numpy()]


def test_features_are_those_of_the_pasted_sound(root: Path) -> None:
    assert paste_into(root, 2) == 12
    rows, found = confirmed(root), PastedCalls.open(root / "store")
    keys = keyed(rows, NAMES)
    for paste in draw_pastes(keys, dict.fromkeys(recordings(root), DURATION_S), WINDOW_S, 2):
        same = (found.table["t_min"] == keys["t_min"][paste.row]) & (
            found.table["draw"] == paste.draw
        )
        (number,) = np.flatnonzero(same)
        probed = Recordings.probe(recordings(root))
        sound = pasted_window(AudioReader(RATE), probed, rows.iloc[paste.row], paste, WINDOW_S)
        expected = frontend(root)(torch.from_numpy(sound)[None])[0, 0, :, 0]
        np.testing.assert_allclose(found.features[number], expected, rtol=1e-5)
    assert found.features.dtype == FeatureStore.open(root / "store").features.dtype


def test_the_dtype_is_that_of_the_store(root: Path) -> None:
    store = FeatureStore.open(root / "store")
    half = replace(store, settings={**store.settings, "dtype": "float16"})
    probed = Recordings.probe(recordings(root))
    embed_pasted(half, confirmed(root), NAMES, probed, AudioReader(RATE), frontend(root), 1)
    assert PastedCalls.open(root / "store").features.dtype == np.float16


def test_what_is_there_is_not_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = confirmed(root)
    twice = pd.concat([rows, rows], ignore_index=True)
    assert paste_into(root, 2, twice) == 12
    assert paste_into(root, 2) == 0
    assert paste_into(root, 3) == 6
    in_parts = ordered(PastedCalls.open(root / "store"))
    assert not in_parts[0].duplicated([*module.KEY, "draw"]).any()
    (root / "store" / FOLDER).rename(root / "before")
    monkeypatch.setattr(module, "_PER_PART", 5)
    assert paste_into(root, 3) == 18
    assert len(list((root / "store" / FOLDER).iterdir())) == 4
    at_once = ordered(PastedCalls.open(root / "store"))
    pd.testing.assert_frame_equal(in_parts[0], at_once[0])
    np.testing.assert_array_equal(in_parts[1], at_once[1])


class Killed(BaseException):
    """As Ctrl-C, or a power cut."""


def test_it_goes_on_where_it_was_killed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PER_PART", 4)
    real, written = module.write_atomically, []

    def dying(path: Path, write: Callable[[Path], object]) -> None:
        if len(written) == 3:  # of the second part, the features are there and the table is not
            raise Killed
        real(path, write)
        written.append(path)

    monkeypatch.setattr(module, "write_atomically", dying)
    with pytest.raises(Killed):
        paste_into(root, 2)
    assert written[-1].name == "features.npy"
    assert len(PastedCalls.open(root / "store").table) == 4
    monkeypatch.setattr(module, "write_atomically", real)
    assert paste_into(root, 2) == 8
    gone_on = ordered(PastedCalls.open(root / "store"))
    (root / "store" / FOLDER).rename(root / "before")
    paste_into(root, 2)
    afresh = ordered(PastedCalls.open(root / "store"))
    pd.testing.assert_frame_equal(gone_on[0], afresh[0])
    np.testing.assert_array_equal(gone_on[1], afresh[1])


def test_two_runs_at_the_same_time_lose_and_repeat_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PER_PART", 5)
    own, begins = frontend(root), iter([True])

    def meanwhile(waveform: Tensor) -> Tensor:
        if next(begins, False):
            assert paste_into(root, 3, frontend=own) == 18  # the other run, as a whole
        return own(waveform)

    assert paste_into(root, 2, frontend=meanwhile) == 12
    both = PastedCalls.open(root / "store")
    assert paste_into(root, 3) == 0
    (root / "store" / FOLDER).rename(root / "before")
    paste_into(root, 3)
    alone = PastedCalls.open(root / "store")
    pd.testing.assert_frame_equal(both.table, alone.table)
    np.testing.assert_array_equal(both.features, alone.features)


def test_a_recording_that_cannot_be_read_is_named_once(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = Recordings.probe(recordings(root))
    name, path = next(iter(found.paths.items()))
    path.write_bytes(b"broken")
    rows = confirmed(root)
    others = rows[rows["recording_id"] != name]
    with caplog.at_level(logging.WARNING):
        added = paste_into(root, 6, others, found=found)  # it is a background only
    (message,) = [record.message for record in caplog.records]
    lost = 6 * len(others) - added
    assert lost > 0
    assert message.startswith(f"{lost} windows with pasted calls are left out: {name!r} cannot be")
    assert name not in set(PastedCalls.open(root / "store").table["background_id"])


def test_a_broken_part_is_refused_by_name(root: Path) -> None:
    paste_into(root, 1)
    (part,) = (root / "store" / FOLDER).iterdir()
    np.save(part / "features.npy", np.zeros((2, WIDTH), np.float32))
    with pytest.raises(
        StoreError, match=f"{part.name} has 6 windows, and features of 2; remove it"
    ):
        PastedCalls.open(root / "store")
    (part / "features.npy").write_bytes(b"")
    with pytest.raises(StoreError, match=rf"{part.name} is broken: .*remove it"):
        PastedCalls.open(root / "store")


def test_calls_are_chosen_by_row_draw_and_background(root: Path) -> None:
    paste_into(root, 4)
    of_store, rows = PastedCalls.open(root / "store"), confirmed(root)
    keys, backgrounds = keyed(rows.iloc[[4, 1]], NAMES), set(list(recordings(root))[:3])
    found = of_store.of_rows(keys, 3, backgrounds)
    assert 0 < len(found.table) < 6
    assert set(found.table["background_id"]) <= backgrounds
    assert found.table["draw"].max() < 3
    for number, line in found.table.iterrows():
        assert line["recording_id"] == rows["recording_id"][[4, 1][line["row"]]]
        same = (of_store.table[[*module.KEY, "draw"]] == line[[*module.KEY, "draw"]]).all(axis=1)
        np.testing.assert_array_equal(found.features[number], of_store.features[same][0])
    assert not len(of_store.of_rows(keys, 3, set()).table)


def test_a_store_without_pasted_calls_has_none(root: Path) -> None:
    found = PastedCalls.open(root / "store")
    assert not len(found.of_rows(keyed(confirmed(root), NAMES), 3, {"a"}).features)


def configured(root: Path, *more: str) -> DictConfig:
    given = words(root, "data.pasted.per_row=4", f"out={root / 'run'}", *more)
    return settle(with_encoder(load_config("train", given)))


def built(root: Path, *more: str) -> FeatureDataModule:
    """A data module whose store has its windows with pasted calls."""
    config = configured(root, *more)
    data = build(with_store(config, root / "run").data.module)
    data.setup("fit")
    return data


def test_neither_call_nor_background_is_of_a_recording_that_is_held_out(root: Path) -> None:
    made = set()
    for held_out in (0, 1):
        data = built(root, f"data.folds.held_out={held_out}")
        assert data.pasted is not None
        inside = set(data.train_rows["recording_id"])
        assert not inside & set(data.split.val_recordings)
        table = data.pasted.table
        assert set(table["recording_id"]) <= inside
        assert set(table["background_id"]) <= inside
        assert set(table["recording_id"]) | set(table["background_id"]) == inside
        for line in table.itertuples():
            row = data.train_rows.iloc[line.row]
            assert (row["recording_id"], row["present"]) == (line.recording_id, True)
        made |= set(PastedCalls.open(data.store.folder).table["background_id"])
    assert made == set(data.corpus.train.paths)  # all are made, whatever is held out


def test_of_a_few_rows_a_species_the_others_are_not_pasted(root: Path) -> None:
    data = built(root, "data.rows_per_species=1")
    drawn_rows = data.train_rows[data.train_rows["present"]]
    table = PastedCalls.open(data.store.folder).table
    assert len(drawn_rows) == len(NAMES) < len(confirmed(root))
    assert len(table) == 4 * len(drawn_rows)
    assert set(table["recording_id"]) == set(drawn_rows["recording_id"])


def test_recordings_without_features_are_neither_call_nor_background(root: Path) -> None:
    some = dict(list(recordings(root).items())[:4])
    (root / "store").rename(root / "of all")
    write_store(root, some, frontend(root))
    table = PastedCalls.open(built(root, "data.pasted.per_row=30").store.folder).table
    for column in ("recording_id", "background_id"):
        assert set(table[column]) == {f"audio/{name}" for name in some}


def test_a_store_with_other_windows_is_refused_before_calls_are_pasted(root: Path) -> None:
    config = variant(configured(root), {"frontend.hop_s": 0.5})
    with pytest.raises(InstantiationException) as caught:
        with_store(config, root / "run")
    assert "hop_s 0.25 in place of 0.5" in str(caught.value.__cause__)
    assert not (root / "store" / FOLDER).exists()


def test_recordings_without_rows_are_no_background(root: Path) -> None:
    table = pd.read_csv(root / "labels.csv")
    some = sorted(set(table["recording_id"]))[:4]
    table[table["recording_id"].isin(some)].to_csv(root / "labels.csv", index=False)
    data = built(root, "data.pasted.per_row=30")
    backgrounds = set(PastedCalls.open(data.store.folder).table["background_id"])
    assert backgrounds == {f"audio/{name}" for name in some}


def drawn(data: FeatureDataModule) -> tuple[Tensor, Tensor]:
    """Of the draws of an epoch: which have a pasted call; which are around a confirmed row."""
    draws_of = list(data.train_dataloader().sampler)
    crops = torch.tensor([data.labelled.chosen(*draw) for draw in draws_of])
    present = data.train_rows["present"].to_numpy()
    around = torch.tensor([draw.row >= 0 and bool(present[draw.row]) for draw in draws_of])
    return crops >= len(data.labelled.first), around


def test_the_share_is_of_the_crops_around_confirmed_rows(root: Path) -> None:
    more = ["data.crops.crops_per_epoch=2000", "data.pasted.per_row=20"]
    for share in (0.0, 0.3, 1.0):
        pasted, around = drawn(built(root, f"data.pasted.share={share}", *more))
        assert around.any()
        assert not pasted[~around].any()
        assert pasted[around].float().mean().item() == pytest.approx(share, abs=0.07)
        if share in (0, 1):
            assert pasted[around].float().mean() == share


def test_a_batch_has_the_features_and_labels_of_pasted_calls(root: Path) -> None:
    data = built(root, "data.pasted.share=1", "data.crops.background_share=0.25")
    assert data.pasted is not None
    loader = data.train_dataloader()
    draws_of = list(loader.sampler)
    batch = loader.dataset.__getitems__(draws_of)
    crops = [data.labelled.chosen(*draw) for draw in draws_of]
    assert batch.labels.rows is not None
    for number, (draw, crop) in enumerate(zip(draws_of, crops, strict=True)):
        behind = crop - len(data.labelled.first)
        own = draw.row if behind < 0 else -1  # the row's memory is of its own recording
        assert batch.labels.rows[number, 0] == own
        if behind < 0:
            continue
        line, row = data.pasted.table.iloc[behind], data.train_rows.iloc[draw.row]
        assert line["row"] == draw.row
        features = torch.from_numpy(data.pasted.features[behind])
        assert torch.equal(batch.spectrogram[number, 0, :, 0], features)
        assert batch.labels.clip.target[number, row["species_id"]] == 1
        assert batch.labels.clip.known[number, row["species_id"]] == 1
        box = batch.labels.boxes.t_min[number, 0].item()
        assert box == pytest.approx(line["offset_s"], abs=1e-6)


def test_supervision_by_truth_leaves_pasted_calls_out(root: Path) -> None:
    calls = confirmed(root)[["recording_id", "species_id", "t_min", "t_max"]]
    calls.to_csv(root / "truth.csv", index=False)
    config = variant(configured(root), {"data.crops.supervision": "truth"})
    assert with_store(config, root / "run").data.store == str(root / "store")
    assert not (root / "store" / FOLDER).exists()
    paste_into(root, 2)
    assert build(config.data.module).pasted is None


def test_without_the_encoder_the_error_names_the_way_to_do_without(root: Path) -> None:
    config = configured(root)
    next(root.glob("weights*.txt")).unlink()
    with pytest.raises(EncoderFileError, match=r"pasted onto other sound.*data\.pasted=null"):
        with_store(config, root / "run")
    without = variant(config, {"data.pasted": None})
    assert with_store(without, root / "run") is without


def test_crops_of_several_windows_are_refused(root: Path) -> None:
    with pytest.raises(InstantiationException) as caught:
        build(configured(root, "data.crop_duration_s=1.25").data.module)
    assert "longer than the encoder's window" in str(caught.value.__cause__)
    assert "data.pasted=null" in str(caught.value.__cause__)


class Means(nn.Module):
    """Windows to the mean amplitudes of their parts."""

    def forward(self, waveform: Tensor) -> Tensor:
        return waveform.unflatten(1, (WIDTH, -1)).abs().mean(2)


@pytest.mark.slow
def test_a_training_with_pasted_calls_can_be_repeated(root: Path, tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "means.onnx", Means(), samples=round(RATE * WINDOW_S))
    given = [
        *words(root, "data.store=null", "data.pasted.per_row=2", "model/encoder=onnx"),
        *(f"model.encoder.file={file}", f"model.encoder.sample_rate={RATE}"),
        f"model.encoder.window_s={WINDOW_S}",
    ]
    done = run_module("rfcx_audio.train", *given, f"out={tmp_path / 'one'}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 windows with the calls of 6 rows pasted onto other sound" in done.stdout
    store = tmp_path / "one" / "embeddings"
    given = [*given, f"data.store={store}"]
    written = {path: path.stat().st_mtime_ns for path in (store / FOLDER).rglob("*.*")}
    train_run(load_config("train", [*given, f"out={tmp_path / 'two'}"]))
    train_run(load_config("train", [*given, "seed=1", f"out={tmp_path / 'three'}"]))
    assert written == {path: path.stat().st_mtime_ns for path in (store / FOLDER).rglob("*.*")}
    one, two, three = (
        load_recogniser(tmp_path / name / "checkpoints" / "best.ckpt")
        .score_store(FeatureStore.open(store))
        .values
        for name in ("one", "two", "three")
    )
    assert (one == two).all()
    assert (one != three).any()
