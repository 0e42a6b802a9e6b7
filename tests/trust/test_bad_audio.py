"""Every file in a folder of recordings is read correctly, or reported with a reason."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from preloaded import run_module
from quick import SECONDS
from rfcx_audio.config import load_config
from rfcx_audio.data import AudioError, AudioReader, CachedReader, find_recordings
from rfcx_audio.data.rows import RFCX_COLUMNS
from rfcx_audio.experiment import train_run
from rfcx_audio.scoring import load_recogniser
from trust.corpus import (
    RATE,
    Bad,
    Good,
    bad_files,
    good_files,
    hour_of_silence,
    named_by,
    tone,
    write,
)
from trust.ledger import Tally, brief_or_long

PART = "Bad audio"
EDGE = 2400  # samples at either end that resampling and lossy codecs may change


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[Good]:
    return good_files(tmp_path_factory.mktemp("good") / "audio")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> list[Bad]:
    return bad_files(tmp_path_factory.mktemp("bad") / "audio")


@pytest.fixture
def everything(good: list[Good], bad: list[Bad], tmp_path: Path) -> dict[str, Path]:
    """Links to all files, in one folder."""
    folder = tmp_path / "everything"
    folder.mkdir()
    for path in [*(one.path for one in good), *(one.path for one in bad)]:
        (folder / path.name).symlink_to(path)
    return find_recordings(folder)


def is_right(samples: np.ndarray, one: Good) -> bool:
    length = min(len(samples), len(one.expected))
    difference = np.abs(samples[:length] - one.expected[:length])
    inner = difference[EDGE:-EDGE] if length > 2 * EDGE else difference
    exact = abs(len(samples) - len(one.expected)) <= (600 if "ADPCM" in one.path.name else 2)
    return exact and bool((inner <= one.tolerance).all())


@pytest.mark.promise(PART, "a sound file is read as what it is, whatever its form and name")
@pytest.mark.parametrize("cached", [False, True])
def test_valid_files_are_used(good: list[Good], cached: bool, tmp_path: Path, tally: Tally) -> None:
    reader = CachedReader(RATE, str(tmp_path)) if cached else AudioReader(RATE)
    for one in good:
        rounding = 2**-16 * cached
        loose = one._replace(tolerance=one.tolerance + rounding)
        tally.case(is_right(reader.read(one.path), loose), ascii(one.path.name))


@pytest.mark.promise(PART, "what cannot be used is named with its reason, never replaced")
@pytest.mark.parametrize("cached", [False, True])
def test_invalid_files_are_named(
    bad: list[Bad], cached: bool, tmp_path: Path, tally: Tally
) -> None:
    reader = CachedReader(RATE, str(tmp_path)) if cached else AudioReader(RATE)
    for path, reason in bad:
        message = named_by(lambda path=path: reader.read(path), AudioError)
        tally.case(bool(message) and reason in str(message), f"{path.name}: {message}")


@pytest.mark.promise(PART, "what cannot be used is named with its reason, never replaced")
def test_a_file_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "secret.wav", tone())
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything, so the system's error is simulated
        opened = Path.open

        def denied(self: Path, *args: Any, **options: Any) -> Any:
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return opened(self, *args, **options)

        monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(AudioError, match="Permission denied"):
        AudioReader(RATE).read(path)


@pytest.mark.promise(PART, "a damaged FLAC file is named, or every sample is as it was")
def test_a_damaged_flac_file_is_never_decoded_wrongly(tmp_path: Path, tally: Tally) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, RATE)
    whole = write(tmp_path / "whole.flac", noise).read_bytes()
    reader = AudioReader(RATE)
    truth = reader.read(tmp_path / "whole.flac")
    for case in range(brief_or_long(100, 5000)):
        content = bytearray(whole)
        for place in rng.integers(100, len(whole), rng.integers(1, 4)):
            content[place] ^= 1 << rng.integers(8)
        path = tmp_path / "damaged.flac"
        path.write_bytes(content)
        try:
            same = np.array_equal(reader.read(path), truth)
        except AudioError:
            same = True
        tally.case(same, f"case {case}")


@pytest.mark.promise(PART, "no score is NaN; every recording is scored or named, once")
def test_a_folder_of_everything_is_scored(
    everything: dict[str, Path],
    good: list[Good],
    bad: list[Bad],
    checkpoint: Path,
    tally: Tally,
) -> None:
    scores = load_recogniser(checkpoint).score(everything)
    table, failures = scores.frame(), scores.metadata["failures"]
    scored, named = set(table["recording_id"]), set(failures)
    numbers = table.drop(columns="recording_id").to_numpy()
    finite = dict(zip(table["recording_id"], np.isfinite(numbers).all(1), strict=True))
    names = {path.name: name for name, path in everything.items()}
    for one in good:
        name = names[one.path.name]
        tally.case(name in scored and name not in named and bool(finite[name]), ascii(name))
    for one in bad:
        name = names[one.path.name]
        tally.case(name in named and name not in scored, name)


@pytest.mark.slow
@pytest.mark.promise(PART, "prediction names in failures.csv all that it could not use")
def test_prediction_names_the_files_that_it_left_out(
    everything: dict[str, Path], bad: list[Bad], checkpoint: Path, tmp_path: Path, tally: Tally
) -> None:
    out = tmp_path / "out"
    folder = next(iter(everything.values())).parent
    words = [f"checkpoint={checkpoint}", f"recordings={folder}"]
    words += [f"paths.output_dir={out}", f"hydra.run.dir={out}"]
    done = run_module("rfcx_audio.predict", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    failures = pd.read_csv(out / "failures.csv")
    scored = pd.read_csv(out / "submission.csv", dtype={"recording_id": str})
    assert set(scored["recording_id"]) == set(everything) - set(failures["recording_id"])
    for path, reason in bad:
        # Too much for one read, and these are many.
        expected = "truncated" if path.name == "promises_too_much.flac" else reason
        reasons = failures.loc[failures["recording_id"] == path.stem, "reason"].to_list()
        tally.case(len(reasons) == 1 and expected in reasons[0], f"{path.name}: {reasons}")


def rfcx_folder(root: Path, good: list[Good], bad: list[Bad]) -> list[str]:
    """Writes all files as training recordings with a TP and an FP row each; their names."""
    (root / "train").mkdir(parents=True)
    rows = []
    for one in [*good, *bad]:
        (root / "train" / one.path.name).symlink_to(one.path)
        duration_s = len(one.expected) / RATE if isinstance(one, Good) else 0.5
        if duration_s > 0.1:
            rows.append([one.path.stem, len(rows) % 24, 1, 0.0, 500, 0.4, 2000])
    table = pd.DataFrame(rows, columns=pd.Index(RFCX_COLUMNS))
    for kind, shift in (("tp", 0), ("fp", 7)):
        shifted = table.assign(species_id=(table["species_id"] + shift) % 24)
        shifted.to_csv(root / f"train_{kind}.csv", index=False)
    return table["recording_id"].to_list()


@pytest.mark.slow
@pytest.mark.promise(PART, "training names all that it could not use, and no loss is NaN")
def test_training_continues_without_invalid_files(
    good: list[Good], bad: list[Bad], tmp_path: Path, tally: Tally
) -> None:
    good = [one for one in good if one.path.name.isascii()]
    named = rfcx_folder(tmp_path / "data", good, bad)
    overrides = [
        *("data=rfcx", f"data.root={tmp_path}/data", f"paths.data_dir={tmp_path}"),
        *(f"paths.output_dir={tmp_path}/run", *SECONDS, "data.crop_duration_s=1.0"),
        *("trainer.max_epochs=1", "data.crops.crops_per_epoch=800"),
    ]
    trainer = train_run(load_config("train", overrides))
    assert np.isfinite(float(trainer.callback_metrics["train/loss"]))
    weights = trainer.lightning_module.state_dict().values()
    assert all(torch.isfinite(value).all() for value in weights if value.is_floating_point())
    run = tmp_path / "run"
    left_out = set(pd.read_csv(run / "left_out.csv", dtype=str)["recording_id"])
    failures = set(pd.read_csv(run / "failures.csv", dtype=str)["recording_id"])
    for one in bad:
        tally.case(one.path.stem in failures, f"{one.path.name} is not in failures.csv")
    for one in good:
        kept = one.path.stem not in failures | left_out
        tally.case(kept or one.path.stem not in named, f"{one.path.name!a} was left out")


@pytest.mark.slow
@pytest.mark.trust
@pytest.mark.promise(PART, "a file that decodes to more than the stated limit is refused at once")
def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = hour_of_silence(tmp_path / "bomb.flac")
    assert bomb.stat().st_size < 20e6
    with pytest.raises(AudioError, match="at most"):
        AudioReader(RATE).read(bomb)
    assert not AudioReader(RATE).read(bomb, 1800.0, 6.0).any()  # a short part of it is allowed


@pytest.mark.promise(PART, "a file that decodes to more than the stated limit is refused at once")
def test_resampling_makes_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(20_000), 1)  # a sample a second
    with pytest.raises(AudioError, match="at most"):
        AudioReader(RATE).read(path)
