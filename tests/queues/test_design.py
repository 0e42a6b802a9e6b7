import json

import pytest

from rfcx_audio.queues import Farthest, QueueError, Strata


def test_a_design_states_what_was_asked_for_as_plain_json() -> None:
    design = Strata(number=50, species=("owl",), bins=4)
    assert (design.name, design.by_chance) == ("strata", True)
    options = json.loads(json.dumps(design.options))
    assert (options["number"], options["species"], options["bins"]) == (50, ["owl"], 4)
    assert (Farthest().name, Farthest().by_chance) == ("farthest", False)


def test_a_queue_without_clips_is_refused() -> None:
    with pytest.raises(QueueError, match=r"queue.number = 0; expected 1 or more"):
        Strata(number=0)
