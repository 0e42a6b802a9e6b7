from __future__ import annotations

import pytest

from rfcx_audio.config import ConfigError, build, load_config
from rfcx_audio.unsettled import unsettled

GIVEN = ["data.num_species=2", "data.sample_rate=16000", "data.f_min=60", "data.f_max=8000"]


@pytest.mark.parametrize(
    ("given", "part", "names"),
    [
        ([], "frontend", "sample_rate, f_min, f_max of rfcx_audio.frontend.LogMel"),
        (GIVEN[1:3], "frontend", r"f_max of rfcx_audio.frontend.LogMel.* give data\.f_max$"),
        (GIVEN[1:], "model", r"num_species of rfcx_audio\.model\."),
        (GIVEN, "model", "templates of rfcx_audio.data.species_classes"),
    ],
)
def test_parts_that_wait_for_the_data_are_not_built(
    given: list[str], part: str, names: str
) -> None:
    config = load_config("train", ["data=table", "experiment=best", *given])
    with pytest.raises(ConfigError, match=f"{names}.*") as error:
        build(config[part])
    assert "rfcx_audio.settle(config)" in str(error.value)


def test_what_reads_the_data_and_what_needs_none_can_be_built() -> None:
    assert unsettled({"_target_": "rfcx_audio.data.RfcxFolder", "num_species": None}) is None
    part = {"_target_": "rfcx_audio.model.Head", "num_species": 2, "templates": None}
    assert unsettled([{"head": part}, 1, None]) is None
    assert unsettled([{"head": {**part, "num_species": None}}]) is not None
