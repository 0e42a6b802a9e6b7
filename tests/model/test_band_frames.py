from __future__ import annotations

import pytest
import torch

from rfcx_audio.model.band_frames import covered_frames, frame_logits


@pytest.mark.parametrize("width", [2, 7, 50, 283])
def test_every_place_covers_a_frame_and_every_frame_is_covered(width: int) -> None:
    lengths = torch.tensor([length for length in (2, 3, 8, 41) if length <= width])
    starts = torch.cat([torch.arange(0, width - int(n) + 1) for n in lengths])
    of_each = torch.cat([n.repeat(width - int(n) + 1) for n in lengths])
    covered = covered_frames(starts, of_each, width)
    assert covered.any(1).all()
    assert covered.any(0).all()


def test_a_frame_takes_the_highest_of_its_places_and_songs() -> None:
    none = -torch.inf
    by_place = torch.tensor([[[1.0, 5.0], [3.0, none], [0.0, 2.0]]])  # of three classes
    covered = torch.tensor(
        [[[True, False], [False, True]], [[True, True], [False, False]], [[True, False]] * 2]
    )
    songs, is_song = torch.tensor([[0, 1], [2, 0]]), torch.tensor([[True, True], [True, False]])
    found = frame_logits(by_place, covered, songs, is_song)
    assert found.tolist() == [[[3.0, 2.0], [5.0, none]]]
