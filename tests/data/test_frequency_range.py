from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import (
    AnnotationError,
    AudioInfo,
    FrequencyRange,
    check_range,
    frequency_range,
)


def infos(*rates: int) -> dict[str, AudioInfo]:
    return {f"r{n}": AudioInfo(rate, rate * 10, 1) for n, rate in enumerate(rates)}


def boxes(*bands: tuple[float, float]) -> pd.DataFrame:
    table = pd.DataFrame(list(bands), columns=["f_min", "f_max"])
    return table.assign(recording_id="r0", species_id=range(len(bands)))


@pytest.mark.parametrize(
    ("bands", "rates", "expected"),
    [
        ([(93.75, 13_687.5)], [48_000], (48_000, 60.0, 15_000.0)),  # RFCX
        ([(500.0, 3000.0)], [16_000], (16_000, 60.0, 8000.0)),
        ([(500.0, 3000.0)], [16_000, 44_100], (44_100, 60.0, 15_000.0)),
        ([(500.0, 3000.0)], [96_000], (48_000, 60.0, 15_000.0)),
        ([(30.0, 3000.0)], [48_000], (48_000, 20.0, 15_000.0)),
        ([(42_000.0, 82_000.0)], [384_000], (192_000, 28_000.0, 90_000.0)),  # bats
        ([(2000.0, 82_000.0)], [384_000], (192_000, 60.0, 90_000.0)),
        ([(42_000.0, 120_000.0)], [250_000], (250_000, 28_000.0, 125_000.0)),
        ([], [32_000], (32_000, 60.0, 15_000.0)),
    ],
)
def test_the_range_follows_rows_and_recordings(bands, rates, expected) -> None:
    assert frequency_range(boxes(*bands), infos(*rates)) == expected


def test_a_given_sample_rate_stays() -> None:
    found = frequency_range(boxes((42e3, 82e3)), infos(384_000), sample_rate=48_000)
    assert found == (48_000, 28_000.0, 24_000.0)


def test_what_is_lost_is_named() -> None:
    covered = FrequencyRange(48_000, 60.0, 15_000.0)
    bats = boxes((42e3, 82e3), (50e3, 60e3))
    with pytest.raises(AnnotationError, match="all 2 rows lie mostly outside the 60 to 15000 Hz"):
        check_range(bats, infos(384_000), covered, ["a", "b"])
    mixed = boxes((500.0, 900.0), (50e3, 60e3))
    (line,) = check_range(mixed, infos(384_000), covered, ["owl", "bat"])
    assert line.startswith("1 of 2 rows lie mostly outside")
    assert line.endswith("all of 'bat'")
    assert check_range(boxes((500.0, 900.0)), infos(48_000), covered, ["owl"]) == []


def test_recordings_that_do_not_reach_as_high_are_counted() -> None:
    covered = FrequencyRange(48_000, 60.0, 15_000.0)
    (line,) = check_range(boxes((500.0, 900.0)), infos(48_000, 16_000, 16_000), covered, ["owl"])
    assert "2 of 16000 Hz" in line
    high = boxes((9000.0, 12_000.0)).assign(recording_id="r1")
    with pytest.raises(AnnotationError, match="all 1 rows"):
        check_range(high, infos(48_000, 16_000), covered, ["cricket"])


def test_rows_without_frequencies_cannot_be_lost(tmp_path: Path) -> None:
    covered = FrequencyRange(48_000, 60.0, 15_000.0)
    whole = boxes((0.0, 192_000.0)).assign(whole_band=True)
    assert check_range(whole, infos(384_000), covered, ["owl"]) == []
