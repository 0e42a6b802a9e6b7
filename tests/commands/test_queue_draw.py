from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from queued import new_store, scores_of
from rfcx_audio.commands.queue_draw import draw_queue
from rfcx_audio.config import CONF_DIR, DictConfig, parse_config
from rfcx_audio.queues import QueueError
from rfcx_audio.scores import Scores


def config(design: str, **changes: Any) -> DictConfig:
    """The keys of a command that draws a queue."""
    keys = ["scores", "detections", "recordings", "recordings_table", "timezone", "species"]
    text = "\n".join(f"{key}: null" for key in keys)
    group = (CONF_DIR / "queue" / f"{design}.yaml").read_text().replace("\n", "\n  ")
    return parse_config(f"{text}\nqueue:\n  {group}", {"queue.number": 12, **changes})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    scores_of(6).write(tmp_path / "scores.parquet")
    (tmp_path / "audio").mkdir()
    for n in range(6):
        path = tmp_path / "audio" / f"night_{n:04d}.wav"
        soundfile.write(path, np.zeros(300, np.float32), 10)
    return tmp_path


@pytest.mark.parametrize("design", ["random", "strata", "top", "uncertainty", "entropy"])
def test_a_queue_from_scores(place: Path, design: str) -> None:
    store = new_store(place)
    scores = str(place / "scores.parquet")
    words = {"scores": scores, "recordings": str(place / "audio"), "queue.species": ["owl", "frog"]}
    number = draw_queue(config(design, **words), store)
    clips = store.clips(number)
    assert len(clips) == 12
    assert set(clips["species"]) == {"owl", "frog"}
    assert clips["t_max"].max() <= 30.0  # where the recordings end
    assert clips["probability"].notna().all() == (design in ("random", "strata"))
    assert store.queues()["design"].to_list() == [design]


def test_a_queue_from_detections(place: Path) -> None:
    rows = [(f"night_{n % 6:04d}", "owl", 2.0 * n, 2.0 * n + 1, n / 40) for n in range(24)]
    names = pd.Index(["recording_id", "species", "t_min", "t_max", "score"])
    pd.DataFrame(rows, columns=names).to_csv(place / "events.csv", index=False)
    store = new_store(place)
    events = str(place / "events.csv")
    draw_queue(config("top", detections=events, **{"queue.number": 3}), store)
    assert store.clips(1)["score"].to_list() == [0.575, 0.55, 0.525]
    table = place / "sites.csv"
    table.write_text(
        "recording_id,site,start\n"
        + "".join(f"night_{n:04d},pond_{n % 2},2026-03-01T18:00:00\n" for n in range(6))
    )
    words = {"detections": events, "recordings_table": str(table), "queue.number": 16}
    draw_queue(config("places", **words), store)
    assert store.clips(2)["site"].value_counts().to_dict() == {"pond_0": 8, "pond_1": 8}
    assert store.clips(2)["clock"].str.startswith("2026-03-01T18:00:").all()


def test_labels_are_left_out(place: Path) -> None:
    labels = place / "labels.csv"
    labels.write_text("recording_id,species,t_min,t_max\nnight_0000,owl,0,30\n")
    words = {"scores": str(place / "scores.parquet"), "queue.leave_out": str(labels)}
    store = new_store(place)
    draw_queue(config("random", **words), store)
    population = store.strata().set_index("species")["population"].to_dict()
    assert population == {"frog": 30, "owl": 25, "wren": 30}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "give either scores=… or detections=…"),
        ({"scores": "a", "detections": "b"}, "give either scores=… or detections=…"),
        ({"scores": "none.parquet"}, "no table of scores"),
        ({"detections": "none.csv"}, "does not exist"),
    ],
)
def test_places_that_cannot_be_used_are_refused(
    place: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        draw_queue(config("random", **changes), new_store(place))


def test_recordings_must_be_those_that_were_scored(place: Path) -> None:
    (place / "audio" / "night_0003.wav").unlink()
    words = {"scores": str(place / "scores.parquet"), "recordings": str(place / "audio")}
    store = new_store(place)
    with pytest.raises(QueueError, match=r"1 recording\(s\) of the queue .*'night_0003'"):
        draw_queue(config("random", **words), store)
    assert store.queues().empty


def test_corrected_scores_are_refused_as_no_threshold_holds_for_them(place: Path) -> None:
    scores = Scores.read(place / "scores.parquet")
    scores.with_values(scores.values, prior_correction={}).write(place / "corrected.parquet")
    with pytest.raises(QueueError, match="corrected to a prevalence"):
        draw_queue(config("random", scores=str(place / "corrected.parquet")), new_store(place))
