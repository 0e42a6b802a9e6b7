from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from quick import words
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import AudioError, AudioReader
from rfcx_audio.experiment import cost
from rfcx_audio.experiment.cost import Speed, Work, estimate, measured, work_of
from rfcx_audio.experiment.folds import shared_by_folds
from rfcx_audio.experiment.run import build_parts

WORK = Work(
    models=5,
    left=2,
    steps=100,
    validations=1.0,
    recordings=50,
    minutes=50.0,
    other_minutes=120.0,
    species=10,
    hop_s=3.0,
    cached_bytes=0.0,
)
SPEED = Speed(step_s=3.0, first_read_s=6.0, minute_s=0.5, parameters=1_000_000)


@pytest.fixture(scope="module")
def config(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    folder = tmp_path_factory.mktemp("cost")
    more = ["data.folds.num_folds=4", "trainer.check_val_every_n_epoch=1"]
    settings = load_config("train", words(forest, folder, *more))
    return shared_by_folds(settings, folder)


def test_an_estimate_is_the_sum_of_what_is_left() -> None:
    table = estimate(WORK, SPEED)
    minutes = table["minutes"].tolist()
    assert minutes == pytest.approx(
        [2 * 100 * 3 / 60, 2 / 5 * 50 * 2 * 0.5 / 60, 5.0, sum(minutes[:3])]
    )
    assert table["disk_mb"].iloc[0] == pytest.approx(5 * 2 * 12)
    assert table["disk_mb"].iloc[-1] == pytest.approx(table["disk_mb"].iloc[:-1].sum())
    assert table["work"].iloc[0] == "2 of 5 models, 100 steps of 3 s each"


def test_what_is_decoded_and_embedded_first_has_lines_of_its_own() -> None:
    table = estimate(
        WORK._replace(cached_bytes=3e8, embedded_minutes=WORK.other_minutes),
        SPEED._replace(embed_s=2.0),
    ).set_index("work")
    decoded = table.filter(like="to decode", axis=0).iloc[0]
    assert decoded.tolist() == pytest.approx([5.0, 300.0])
    embedded = table.filter(like="to embed", axis=0).iloc[0]
    assert embedded.tolist() == pytest.approx([4.0, 0.0])
    assert table.loc["in all", "minutes"] == pytest.approx(table["minutes"].iloc[:-1].sum())


def test_the_work_is_counted_as_the_runs_do_it(config: DictConfig) -> None:
    work = work_of(config, finished=1, other_minutes=7.0)
    assert (work.models, work.left, work.steps) == (4, 3, 2 * 32 // 8)
    assert (work.validations, work.other_minutes, work.species) == (2.0, 7.0, 24)
    assert work.minutes == pytest.approx(work.recordings * 12 / 60)
    assert (work.hop_s, work.cached_bytes) == (1.5, 0.0)


@pytest.mark.parametrize(("limit", "expected"), [(3, 3), (0.25, 2.5), (None, 10), (99, 10)])
def test_limits_are_lightnings(limit: float | None, expected: float) -> None:
    assert cost._limited(10, limit) == expected


@pytest.mark.slow
def test_a_measurement_is_of_real_steps_and_leaves_nothing(
    config: DictConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = Path(config.paths.output_dir)
    before = sorted(folder.rglob("*"))
    found = measured(config)
    assert min(found.step_s, found.minute_s) > 0
    assert found.parameters > 1000
    assert found.first_read_s == 0  # nothing is kept by this reader
    assert sorted(folder.rglob("*")) == before
    assert "Trainer.fit" not in caplog.text
    assert logging.getLogger("pytorch_lightning").level != logging.ERROR


@pytest.mark.slow
def test_recordings_that_cannot_be_read_are_not_what_is_measured(
    config: DictConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read, asked = AudioReader.read, []

    def torn(self: AudioReader, path: Path, *more: Any) -> Any:
        asked.append(path)
        if path == asked[0]:
            raise AudioError("it lost sync")
        return read(self, path, *more)

    method, data = build_parts(config)
    data.prepare_data()
    monkeypatch.setattr(AudioReader, "read", torn)
    assert cost._minute_s(method, data) > 0
    assert f"{asked[0].stem} cannot be read, so that another is scored: it lost sync" in caplog.text
    monkeypatch.setattr(AudioReader, "read", lambda self, path, *_: torn(self, asked[0]))
    with pytest.raises(AudioError, match="none of the recordings with labels can be read"):
        cost._minute_s(method, data)
