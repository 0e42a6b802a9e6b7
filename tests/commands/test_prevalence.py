from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from preloaded import run_module
from rfcx_audio.commands.prevalence import estimated, reviewed_windows, true_prevalence
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.queues import Design, Random, Strata, Top, draw, frame_of_scores, read_sample
from rfcx_audio.scores import Scores
from rfcx_audio.verdicts import ABSENT, PRESENT, Verdict, VerdictStore

FREQUENT = np.array([0.8, 0.1])


def scored(names: list[str], present: np.ndarray, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    parts = []
    for name, there in zip(names, present, strict=True):
        scores = expit(rng.normal(-3, 0.5, (4, 2)) + 5 * there)
        parts.append(Scores.of_windows(name, np.arange(4) * 6.0, 6.0, scores, {"pool": "max"}))
    return Scores.concatenate(parts)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Known scores with rows, unlabelled scores, and their truth."""
    present = np.arange(150)[:, None] < FREQUENT * 150
    names = [f"u{n}" for n in range(150)]
    scored(names, present, 1).write(tmp_path / "scores.parquet")
    where, species = np.nonzero(present)
    calls = pd.DataFrame({"recording_id": [names[n] for n in where], "species_id": species})
    calls.to_csv(tmp_path / "truth.csv", index=False)
    known = np.arange(80) < 40
    oof = [f"k{n}" for n in range(80)]
    both = np.repeat(known[:, None], 2, 1)
    scored(oof, both, 2).write(tmp_path / "oof.parquet")
    box = {"songtype_id": 1, "t_min": 7.0, "f_min": 100.0, "t_max": 8.0, "f_max": 200.0}
    for name, which in (("tp", known), ("fp", ~known)):
        rows = [
            {"recording_id": r, "species_id": s, **box}
            for r in np.array(oof)[which]
            for s in (0, 1)
        ]
        pd.DataFrame(rows).to_csv(tmp_path / f"train_{name}.csv", index=False)
    return tmp_path


def config_of(place: Path, *words: str) -> DictConfig:
    known = [f"oof={place}/oof.parquet", f"labels={place}"]
    return load_config("prevalence", [f"scores={place}/scores.parquet", *(words or known)])


def test_true_prevalence_counts_recordings_once_and_only_those_that_are_scored(
    tmp_path: Path,
) -> None:
    calls = {"recording_id": ["a", "a", "b", "other"], "species_id": [1, 1, 1, 2]}
    pd.DataFrame(calls).to_csv(tmp_path / "truth.csv", index=False)
    words = [f"complete_labels={tmp_path}/truth.csv", "scores=s"]
    keys = pd.DataFrame({"recording_id": ["a", "b", "c", "d"]})
    pooled = Scores(keys, np.zeros((4, 3)), ("s0", "s1", "s2"))
    found = true_prevalence(load_config("prevalence", words), pooled)
    assert found.tolist() == [0, 0.5, 0]


def test_true_prevalence_of_tables_finds_recordings_in_folders(tmp_path: Path) -> None:
    lines = ["recording,species,t_min,t_max", "marsh/d.wav,Owl,0,1", "ridge/d.wav,Wren,0,1"]
    (tmp_path / "calls.csv").write_text("\n".join([*lines, "ridge/e.wav,Owl,0,1"]))
    keys = pd.DataFrame({"recording_id": ["marsh/d", "ridge/d", "ridge/e", "ridge/f"]})
    pooled = Scores(keys, np.zeros((4, 2)), ("Wren", "Owl"))
    words = [f"complete_labels={tmp_path}/calls.csv", "scores=s"]
    found = true_prevalence(load_config("prevalence", words), pooled)
    np.testing.assert_allclose(found, [1 / 3, 2 / 3])


def unlabelled(num_species: int, pool: str = "max") -> Scores:
    return Scores.of_windows("u", np.arange(4.0), 1.0, np.zeros((4, num_species))).pool(pool)


def test_estimates_come_from_known_scores_or_from_a_table_that_was_written(place: Path) -> None:
    scores = Scores.read(place / "scores.parquet")
    made, balanced = estimated(config_of(place), scores)
    assert balanced.metadata == scores.metadata
    np.testing.assert_allclose(made.estimate, FREQUENT, atol=0.06)
    table = pd.DataFrame({name: value.numpy() for name, value in made._asdict().items()})
    table.insert(0, "species_id", [0, 1])
    table[::-1].to_csv(place / "prevalence.csv", index=False)
    read = estimated(config_of(place, f"prevalence={place}/prevalence.csv"), scores)[0]
    torch.testing.assert_close(read.low, made.low)
    twice = f"prevalence=[{place}/prevalence.csv,{place}/prevalence.csv]"
    torch.testing.assert_close(estimated(config_of(place, twice), scores)[0].high, made.high)
    with pytest.raises(ValueError, match="each of the 3 species, it has 2"):
        estimated(config_of(place, f"prevalence={place}/prevalence.csv"), unlabelled(3))


def test_what_does_not_go_together_is_refused(place: Path) -> None:
    for words in (["labels=."], ["labels=.", "oof=k", "prevalence=p"], ["min_overlap=1"]):
        with pytest.raises(ValueError, match="give either oof"):
            estimated(config_of(place, *words), unlabelled(2))
    with pytest.raises(ValueError, match="predict with pool=max"):
        estimated(config_of(place), unlabelled(2, "mean"))


def reviewed_store(place: Path, scores: Scores, design: Design, answered: int = 1000) -> str:
    """A queue of windows, the first clips of which are answered by the truth of `place`."""
    store = VerdictStore.open(place / f"{len(list(place.iterdir()))}.sqlite", create=True)
    draw(frame_of_scores(scores, {}, None), design, store, {})
    truth = pd.read_csv(place / "truth.csv")
    there = set(zip(truth["recording_id"], truth["species_id"].map("s{}".format), strict=True))
    clips = store.clips()[["clip", "recording_id", "species"]][:answered]
    pairs = [(int(clip), (name, kind) in there) for clip, name, kind in clips.to_numpy()]
    store.record(
        Verdict(clip, "ana", PRESENT if is_in else ABSENT, f"{clip}") for clip, is_in in pairs
    )
    return str(store.path)


def test_reviewed_random_windows_are_a_sample_of_these_recordings(place: Path) -> None:
    scores = Scores.read(place / "scores.parquet")
    store = reviewed_store(place, scores, Random(number=80), answered=40)
    found = reviewed_windows(store, scores)
    sample = read_sample(VerdictStore.open(store)).clips
    judged = sample[sample["status"].isin([PRESENT, ABSENT])]
    for number, name in enumerate(scores.species):
        own = judged[judged["species"] == name]["status"]
        # Of 600 windows about twenty are no longer to be drawn: they count a little more.
        assert 1 < float(found.judged[number]) / len(own) < 1.05
        share = found.present[number] / found.judged[number]
        assert float(share) == pytest.approx((own == PRESENT).mean(), abs=1e-6)
    assert found.windows == 4


def test_windows_drawn_without_labelled_ones_are_no_sample_of_all(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = Scores.read(place / "scores.parquet")
    store = VerdictStore.open(place / "partial.sqlite", create=True)
    labels = scores.keys[["recording_id", "t_min", "t_max"]].head(4).assign(species="s0")
    draw(frame_of_scores(scores, {}, None), Random(number=80), store, {}, labels)
    with pytest.raises(ValueError, match="no queue of windows"):
        reviewed_windows(str(store.path), scores)
    assert "1 queue(s) of" in caplog.text
    assert "queue.leave_out" in caplog.text


def test_calibrated_scores_beside_raw_ones_are_refused(place: Path) -> None:
    scores = Scores.read(place / "scores.parquet")
    calibrated = scores.with_values(scores.values, calibration={})
    with pytest.raises(ValueError, match=r"out-of-fold scores are raw, .* calibrated"):
        estimated(config_of(place, f"oof={place}/oof.parquet", f"labels={place}"), calibrated)


def test_reviewed_windows_move_an_estimate(place: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("scores", "oof"):  # by a model that detects nothing
        scores = Scores.read(place / f"{name}.parquet")
        scores.with_values(expit(rng.normal(size=scores.values.shape))).write(
            place / f"{name}.parquet"
        )
    noise = Scores.read(place / "scores.parquet")
    store = reviewed_store(place, noise, Strata(number=120, bins=2))
    before, after = (
        estimated(config_of(place, f"oof={place}/oof.parquet", f"labels={place}", *more), noise)[0]
        for more in ([], [f"verdicts={store}"])
    )
    assert (after.high - after.low < 0.6 * (before.high - before.low)).all()
    assert ((after.low.numpy() < FREQUENT) & (after.high.numpy() > FREQUENT)).all()


def test_verdicts_that_are_no_sample_of_the_scored_recordings_are_refused(place: Path) -> None:
    scores = Scores.read(place / "scores.parquet")
    for design, of, message in (
        (Top(number=9), scores, "no queue of windows that was drawn by chance .* queues: top"),
        (Random(number=9), scores.rows_of(["u1", "u2"]), "from the 150 recordings"),
        (Random(number=9), scores, "no verdict of a clip"),
    ):
        store = reviewed_store(place, of, design, answered=0 if of is scores else 9)
        with pytest.raises(ValueError, match=message):
            reviewed_windows(store, scores)
    with pytest.raises(ValueError, match="is estimated already"):
        estimated(config_of(place, "prevalence=p.csv", f"verdicts={store}"), scores)


@pytest.mark.slow
def test_the_command_corrects_the_scores_and_marks_them(place: Path) -> None:
    words = [f"scores={place}/scores.parquet", f"oof={place}/oof.parquet", f"labels={place}"]
    words += [f"complete_labels={place}/truth.csv", f"hydra.run.dir={place}/out"]
    done = run_module("rfcx_audio.prevalence", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "prevalence in 150 unlabelled recordings" in done.stdout
    assert (place / "out" / "prevalence.png").exists()
    table = pd.read_csv(place / "out" / "prevalence.csv")
    corrected = Scores.read(place / "out" / "scores.parquet")
    assert corrected.metadata["prior_correction"]["transductive"]
    mean = corrected.pool("max").values.mean(0)
    np.testing.assert_allclose(mean, table["prior"], atol=1e-6)
    np.testing.assert_allclose(table["prior"], FREQUENT, atol=0.06)
    assert corrected.keys.equals(Scores.read(place / "scores.parquet").keys)
    words += [f"scores={place}/out/scores.parquet"]
    again = run_module("rfcx_audio.prevalence", *words, cwd=place)
    assert again.returncode != 0
    assert "corrected already" in again.stderr
