from __future__ import annotations

import numpy as np

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Plan, Rainforest, plan_rainforest, songs_of
from rfcx_audio.data.synthetic.false_alarms import CLEAR_S, false_alarms

RECIPE = Rainforest(num_train=48, num_test=2, duration_s=20.0, tp_per_species=2, fp_per_species=2)
SONGS = songs_of(rfcx_templates())


def planned(recipe: Rainforest) -> Plan:
    return plan_rainforest(recipe, rfcx_templates())


def test_alarms_are_clear_of_the_species_and_one_a_recording() -> None:
    scenes = [scene for scene in planned(RECIPE).scenes if scene.split == "train"]
    for species in (3, 13, 18):
        alarms = list(
            false_alarms(np.random.default_rng(0), scenes, SONGS, species, RECIPE.duration_s)
        )
        names = [alarm.recording_id for alarm in alarms]
        assert len(names) == len(set(names)) > 10
        by_id = {scene.recording_id: scene for scene in scenes}
        for alarm in alarms:
            end = alarm.t_min + alarm.template.duration_s
            assert 0 <= alarm.t_min < end <= RECIPE.duration_s
            for sound in by_id[alarm.recording_id].sounds:
                if sound.kind == "call" and sound.template.species_id == species:
                    assert sound.t_max + CLEAR_S <= alarm.t_min or end + CLEAR_S <= sound.t_min


def test_what_is_mistaken_comes_before_what_is_quiet() -> None:
    scenes = [scene for scene in planned(RECIPE).scenes if scene.split == "train"]
    causes = [a.cause for a in false_alarms(np.random.default_rng(0), scenes, SONGS, 5, 20.0)]
    first_quiet = causes.index("quiet") if "quiet" in causes else len(causes)
    assert "quiet" not in causes[:first_quiet]
    assert set(causes[first_quiet:]) <= {"quiet"}
    assert first_quiet > 0
