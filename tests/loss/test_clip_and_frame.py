from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from rfcx_audio.batch import CellLoss, CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.loss import CSL, ROLE, ClipAndFrame, LSoft, MaskedBCE, Ramp, pool_frames

NAN = float("nan")
BATCH, FRAMES, SPECIES = 3, 5, 4


def some_labels(parts: int = 10, seed: int = 0) -> CropLabels:
    """Hard targets, `known` between 0 and 1 or unknown; NaN where nothing is known."""
    generator = torch.Generator().manual_seed(seed)

    def labels(*shape: int) -> Labels:
        target = torch.rand(shape, generator=generator).round()
        known = torch.rand(shape, generator=generator)
        known = torch.where(known > 0.4, known, 0)
        return Labels(torch.where(known > 0, target, NAN), known)

    return unknown_labels(BATCH, SPECIES)._replace(
        clip=labels(BATCH, SPECIES), frame=labels(BATCH, parts, SPECIES)
    )


def some_logits(seed: int = 1) -> Logits:
    generator = torch.Generator().manual_seed(seed)
    clip = torch.randn(BATCH, SPECIES, generator=generator).requires_grad_()
    frame = torch.randn(BATCH, FRAMES, SPECIES, generator=generator).requires_grad_()
    return Logits(clip, frame)


def touched(frame: int, frames: int, parts: int) -> list[int]:
    """Which parts adaptive average pooling would average, asked of PyTorch itself."""
    pooled = F.adaptive_avg_pool1d(torch.eye(parts), frames)
    return [part for part in range(parts) if pooled[part, frame] > 0]


@pytest.mark.parametrize(("parts", "frames"), [(10, 5), (10, 3), (7, 4), (7, 6), (4, 1), (5, 5)])
def test_longer_frames_pool_as_a_loop_does(parts, frames):
    target, known = some_labels(parts).frame
    ours = pool_frames(Labels(target, known), frames)
    for row in range(BATCH):
        for frame in range(frames):
            for species in range(SPECIES):
                cells = [(row, part, species) for part in touched(frame, frames, parts)]
                present = [known[c] for c in cells if known[c] > 0 and target[c] == 1]
                mean = sum(known[c] for c in cells) / len(cells)
                assert ours.target[row, frame, species] == (1 if present else 0)
                expected = max(present) if present else mean
                torch.testing.assert_close(ours.known[row, frame, species], expected)


@pytest.mark.parametrize(("parts", "frames"), [(5, 5), (4, 12), (3, 7), (1, 4)])
def test_shorter_frames_repeat_the_nearest(parts, frames):
    target, known = some_labels(parts).frame
    ours = pool_frames(Labels(target, known), frames)
    nearest = F.interpolate(known.transpose(1, 2), frames, mode="nearest-exact").transpose(1, 2)
    assert torch.equal(ours.known, nearest)
    clean = torch.where(known > 0, target, 0)
    nearest = F.interpolate(clean.transpose(1, 2), frames, mode="nearest-exact").transpose(1, 2)
    assert torch.equal(ours.target, nearest)


def test_of_soft_targets_the_best_known_presence_counts():
    labels = Labels(torch.tensor([[[0.1], [0.9], [1.0]]]), torch.tensor([[[1.0], [0.5], [0.3]]]))
    target, known = pool_frames(labels, 1)
    assert (target.item(), known.item()) == pytest.approx((0.9, 0.5))


def test_it_equals_a_loop_over_clips_and_frames():
    logits, labels = some_logits(), some_labels()
    value, weight = ClipAndFrame(MaskedBCE(), 0.5, 1.0)(logits, labels)
    frames = pool_frames(labels.frame, FRAMES)
    bce = F.binary_cross_entropy_with_logits
    for row in range(BATCH):
        for species in range(SPECIES):
            k_clip = labels.clip.known[row, species]
            target = labels.clip.target[row, species] if k_clip > 0 else torch.tensor(0.0)
            v_clip = bce(logits.clip[row, species], target)
            k = frames.known[row, :, species]
            v = torch.stack(
                [
                    bce(logits.frame[row, i, species], frames.target[row, i, species])
                    for i in range(FRAMES)
                ]
            )
            v_frame = (k * v).sum() / k.sum() if k.sum() > 0 else torch.tensor(0.0)
            united = max(k_clip, k.max())
            expected = 0.5 * k_clip * v_clip + 1.0 * k.max() * v_frame
            torch.testing.assert_close(weight[row, species], united)
            torch.testing.assert_close(united * value[row, species], expected)


def test_where_all_is_known_it_is_the_weighted_sum():
    logits, labels = some_logits(), some_labels(FRAMES)
    labels = labels._replace(
        clip=Labels(torch.ones(BATCH, SPECIES), torch.ones(BATCH, SPECIES)),
        frame=Labels(torch.zeros(BATCH, FRAMES, SPECIES), torch.ones(BATCH, FRAMES, SPECIES)),
    )
    value, weight = ClipAndFrame(MaskedBCE(), 0.3, 2.0)(logits, labels)
    expected = 0.3 * F.softplus(-logits.clip) + 2.0 * F.softplus(logits.frame).mean(1)
    torch.testing.assert_close(value, expected)
    assert (weight == 1).all()


def test_without_frames_it_is_the_loss_of_the_clips_and_frames_learn_nothing():
    logits, labels = some_logits(), some_labels()
    value, weight = ClipAndFrame(MaskedBCE(), clip_weight=1.0, frame_weight=0.0)(logits, labels)
    plain = MaskedBCE()(logits, labels)
    assert torch.equal(weight, plain.weight)
    torch.testing.assert_close(weight * value, plain.weight * plain.value)
    (weight * value).sum().backward()
    assert logits.frame.grad is None


def test_without_clips_a_clip_that_is_known_has_no_weight_and_learns_nothing():
    logits, labels = some_logits(), some_labels()
    nothing = unknown_labels(BATCH, SPECIES, FRAMES).frame
    loss = ClipAndFrame(MaskedBCE(), clip_weight=0.0, frame_weight=1.0)
    assert (loss(logits, labels._replace(frame=nothing)).weight == 0).all()
    value, weight = loss(logits, labels)
    (weight * value).sum().backward()
    assert logits.clip.grad is None


def test_each_frame_reaches_the_loss_as_a_clip_without_boxes_and_without_truth():
    seen: list[tuple[Logits, CropLabels]] = []

    class Ear(nn.Module):
        def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
            seen.append((logits, labels))
            return CellLoss(logits.clip, torch.ones_like(logits.clip))

    logits, labels = some_logits(), some_labels()
    ClipAndFrame(Ear(), clip_weight=0.0)(logits, labels)
    ((their_logits, their_labels),) = seen
    assert torch.equal(their_logits.clip, logits.frame.flatten(0, 1))
    assert torch.equal(their_logits.frame[:, 0], their_logits.clip)
    assert their_logits.teacher is None
    assert torch.equal(
        their_labels.clip.known, pool_frames(labels.frame, FRAMES).known.flatten(0, 1)
    )
    assert torch.equal(their_labels.frame.known[:, 0], their_labels.clip.known)
    assert (their_labels.truth.known == 0).all()
    assert {field.shape for field in their_labels.boxes} == {(BATCH * FRAMES, 0)}
    assert [a.dtype for a in their_labels.boxes] == [a.dtype for a in labels.boxes]


def test_a_schedule_inside_the_loss_is_found():
    loss = ClipAndFrame(LSoft(beta=Ramp(1.0, 0.5)))
    assert sum(isinstance(part, Ramp) for part in loss.modules()) == 1


def test_a_loss_with_a_table_of_rows_is_refused_for_frames_only():
    with pytest.raises(ValueError, match=r"ROLE keeps a table of training rows.*frame_weight=0"):
        ClipAndFrame(ROLE())
    with pytest.raises(ValueError, match=r"CSL keeps a table of training rows.*frame_weight=0"):
        ClipAndFrame(CSL())
    ClipAndFrame(ROLE(), clip_weight=1.0, frame_weight=0.0)


@pytest.mark.parametrize(("clip_weight", "frame_weight"), [(-1.0, 1.0), (1.0, -1.0), (0.0, 0.0)])
def test_weights_that_teach_nothing_are_refused(clip_weight, frame_weight):
    with pytest.raises(ValueError, match="at least 0, and one of them above"):
        ClipAndFrame(MaskedBCE(), clip_weight, frame_weight)


def test_by_default_frames_count_twice_as_much_as_clips():
    loss = ClipAndFrame(MaskedBCE())
    assert (loss.clip_weight, loss.frame_weight) == (0.5, 1.0)
