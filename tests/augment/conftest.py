"""What the tests of augmentations share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rfcx_audio.batch import Boxes, CropLabels, Labels

MakeLabels = Callable[..., CropLabels]


@pytest.fixture
def make_labels() -> MakeLabels:
    """Random labels of three states; the last species is always unknown."""

    def make(
        batch: int,
        species: int = 4,
        frames: int = 10,
        boxes: int = 3,
        t_end: float = 1.0,
        f_end: float = 1.0,
    ) -> CropLabels:
        generator = torch.Generator().manual_seed(batch)

        def draw(*shape: int) -> torch.Tensor:
            return torch.rand(shape, generator=generator)

        def states(*shape: int) -> Labels:
            known = (draw(*shape) < 0.6).float()
            known[..., -1] = 0
            return Labels((draw(*shape) < 0.5).float() * known, known)

        corner, size = draw(2, batch, boxes) * 0.8, draw(2, batch, boxes) * 0.2 + 0.02
        return CropLabels(
            clip=states(batch, species),
            frame=states(batch, frames, species),
            boxes=Boxes(
                species=(draw(batch, boxes) * species).long() - 1,
                songtype=torch.ones(batch, boxes, dtype=torch.int64),
                present=draw(batch, boxes) < 0.5,
                weight=torch.ones(batch, boxes),
                t_min=corner[0] * t_end,
                t_max=(corner + size)[0] * t_end,
                f_min=corner[1] * f_end,
                f_max=(corner + size)[1] * f_end,
            ),
            truth=states(batch, species),
        )

    return make


@pytest.fixture
def one_box() -> MakeLabels:
    """Labels of a batch in which each example has one box, and its cell the label of the box."""

    def make(
        t: tuple[float, float],
        f: tuple[float, float] = (0.4, 0.6),
        present: bool = True,
        batch: int = 1,
        frames: int = 10,
    ) -> CropLabels:
        def place(value: float) -> torch.Tensor:
            return torch.full((batch, 1), float(value))

        clip = Labels(torch.full((batch, 1), float(present)), torch.ones(batch, 1))
        frame = Labels(*(part[:, None].repeat(1, frames, 1) for part in clip))
        number = torch.zeros(batch, 1, dtype=torch.int64)
        here = torch.full((batch, 1), present)
        boxes = Boxes(number, number, here, place(1), *map(place, (*t, *f)))
        return CropLabels(clip, frame, boxes, clip)

    return make
