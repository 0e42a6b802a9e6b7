from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchmetrics import MetricCollection

from quick import words
from rfcx_audio.batch import (
    Labels,
    Logits,
    SpectrogramBatch,
    WindowBatch,
    unknown_labels,
)
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.experiment import train_run
from rfcx_audio.loss import ROLE, MaskedBCE
from rfcx_audio.method import Supervised, constant
from rfcx_audio.method.supervised import parameter_groups
from rfcx_audio.metric import Lwlrap, MaskedAUROC, Metrics, UnlabelledAUROC
from rfcx_audio.model import BandNorm, Detector, Encoder, LinearHead
from rfcx_audio.scoring import SlidingWindows

SPECIES = 3


def test_biases_and_normalisation_have_no_weight_decay() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3), nn.LayerNorm(3))
    weights, others = parameter_groups(model)
    assert "weight_decay" not in weights  # the optimizer's own
    assert [id(one) for one in weights["params"]] == [id(model[0].weight), id(model[2].weight)]
    assert others["weight_decay"] == 0
    both = [*weights["params"], *others["params"]]
    assert sorted(map(id, both)) == sorted(map(id, model.parameters()))
    optimizer = torch.optim.SGD(parameter_groups(model), lr=0.5, weight_decay=1.0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(new, old * (0.5 if old.ndim > 1 else 1.0))


@pytest.mark.parametrize("rate", [0.5, 0.125])
def test_only_pretrained_layers_have_a_lower_learning_rate(
    method: Supervised, rate: float, tmp_path: Path
) -> None:
    random = Encoder("test_resnet", pretrained=False, lr_ratio=0.25)
    save_file(random.backbone.state_dict(), tmp_path / "mine.safetensors")
    mine = Encoder("test_resnet", pretrained=str(tmp_path / "mine.safetensors"), lr_ratio=0.25)
    encoder = random if rate == 0.5 else mine
    method.model = Detector(encoder, partial(LinearHead, num_species=SPECIES), BandNorm(64))
    method.optimizer = partial(torch.optim.SGD, lr=0.5, weight_decay=1.0)
    trainer: Any = SimpleNamespace(estimated_stepping_batches=10)
    method._trainer = trainer
    groups = method.configure_optimizers()["optimizer"].param_groups
    found = {
        parameter: (group["lr"], group["weight_decay"])
        for group in groups
        for parameter in group["params"]
    }
    assert found == {
        parameter: (rate if name.startswith("encoder.") else 0.5, float(parameter.ndim > 1))
        for name, parameter in method.model.named_parameters()
    }


def test_a_model_without_biases_has_one_group() -> None:
    (only,) = parameter_groups(nn.Linear(2, 3, bias=False))
    assert "weight_decay" not in only
    (only,) = parameter_groups(nn.LayerNorm(3))
    assert only["weight_decay"] == 0


class PixelModel(nn.Module):
    """One weight for each species, times the first pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(SPECIES))

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = spectrogram[:, 0, 0, :SPECIES] * self.weight
        return Logits(clip, clip[:, None])


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch) -> Supervised:
    monkeypatch.setattr(Supervised, "log", lambda *_, **__: None)  # there is no trainer
    return Supervised(
        model=PixelModel(),
        loss=MaskedBCE(),
        optimizer=partial(torch.optim.SGD, lr=0.1),
        scheduler=constant,
        metrics=Metrics({"auc": MaskedAUROC(SPECIES)}, {"lwlrap": Lwlrap(SPECIES)}),
        windows=SlidingWindows(6.0),
    )


def batch(known: Tensor) -> SpectrogramBatch:
    spectrogram = torch.randn(4, 1, 2, 5)
    labels = unknown_labels(4, SPECIES)._replace(clip=Labels(torch.ones(4, SPECIES), known))
    return SpectrogramBatch(spectrogram, labels, seed=0)


def test_unknown_species_receive_no_gradient(method: Supervised) -> None:
    known = torch.ones(4, SPECIES)
    known[:, 1] = 0
    loss = method.training_step(batch(known), 0)
    assert loss is not None
    loss.backward()
    gradient = method.model.weight.grad
    assert gradient[1] == 0
    assert (gradient[[0, 2]] != 0).all()


def test_a_batch_of_unknowns_costs_exactly_nothing(method: Supervised) -> None:
    loss = method.training_step(batch(torch.zeros(4, SPECIES)), 0)
    assert loss is not None
    loss.backward()
    assert loss.item() == 0
    assert (method.model.weight.grad == 0).all()


def test_a_batch_without_crops_is_skipped(method: Supervised) -> None:
    empty = torch.zeros(0, 0)
    assert method.training_step(SpectrogramBatch(empty, unknown_labels(0, 0), 0), 0) is None


def test_testing_pools_windows_and_ranks_recordings(method: Supervised) -> None:
    windows = torch.zeros(2, 1, 2, 5)
    windows[0, 0, 0, :3] = torch.tensor([2.0, -1.0, 0.0])
    windows[1, 0, 0, :3] = torch.tensor([0.0, 1.0, 0.5])
    truth = Labels(torch.tensor([[0.0, 1.0, 0.0]]), torch.ones(1, SPECIES))
    nothing = Labels(torch.zeros(2, SPECIES), torch.zeros(2, SPECIES))
    batch = WindowBatch(("r",), windows, torch.zeros(2), (2,), nothing, truth)
    pooled = method.test_step(batch, 0)
    assert pooled is not None
    assert torch.allclose(pooled, torch.tensor([[2.0, 1.0, 0.5]]).sigmoid())
    assert method.test_metrics.compute()["test/lwlrap"] == 0.5  # ranked second of three


def test_a_recording_that_could_not_be_read_is_passed_over(method: Supervised) -> None:
    nothing = Labels(torch.zeros(0, SPECIES), torch.zeros(0, SPECIES))
    unread = WindowBatch((), torch.zeros(0), torch.zeros(0), (), nothing, nothing)
    assert method.test_step(unread, 0) is None
    method.validation_step(unread, 0)


@pytest.mark.parametrize("pool", ["max", "mean", "top3"])
def test_several_recordings_at_once_have_the_metrics_of_each_after_the_other(
    pool: str, method: Supervised
) -> None:
    method.windows = SlidingWindows(6.0, pool=pool, smooth=3)
    metrics = {"auc": MaskedAUROC(SPECIES), "auc_unlabelled": UnlabelledAUROC(SPECIES)}
    method.val_metrics = MetricCollection(dict(metrics), prefix="val/")
    generator = torch.Generator().manual_seed(0)
    counts = (1, 8, 8, 40, 2)
    total, names = sum(counts), tuple("abcde")
    windows = torch.randn(total, 1, 2, 5, generator=generator)

    def draw(number: int) -> Labels:
        target, known = (torch.rand(2, number, SPECIES, generator=generator) < 0.3).float()
        return Labels(target, known)

    of_windows, whole = draw(total), draw(len(counts))
    together = [WindowBatch(names, windows, torch.zeros(total), counts, of_windows, whole)]
    parts = zip(
        names,
        windows.split(counts),
        counts,
        *(part.split(counts) for part in of_windows),
        *(part.split(1) for part in whole),
        strict=True,
    )
    apart = [
        WindowBatch(
            (name,),
            cut,
            torch.zeros(count),
            (count,),
            Labels(target, known),
            Labels(true, sure),
        )
        for name, cut, count, target, known, true, sure in parts
    ]
    found = []
    for batches in together, apart:
        for number, recordings in enumerate(batches):
            method.validation_step(recordings, number)
        pooled = [method.test_step(recordings, 0) for recordings in batches]
        values = {**method.val_metrics.compute(), **method.test_metrics.compute()}
        values["val/lwlrap_partial"] = method.val_lwlrap.compute()
        found.append((torch.cat(pooled), values))
        for metric in method.val_metrics, method.test_metrics, method.val_lwlrap:
            metric.reset()
    (one, values), (other, expected) = found
    assert one.shape == (len(counts), SPECIES)
    assert torch.allclose(one, other, atol=1e-6)
    assert set(values) == {
        "val/auc",
        "val/auc_unlabelled",
        "test/lwlrap",
        "val/lwlrap_partial",
    }
    for name, value in values.items():
        assert value.isfinite()
        assert torch.allclose(value, expected[name], atol=1e-6), name


def remembering(method: Supervised, num_rows: int = 7) -> Supervised:
    """A method whose loss has a table of rows, before training."""
    method.loss = ROLE(expected=1.0)
    data = SimpleNamespace(train_rows=range(num_rows), num_species=SPECIES)
    trainer: Any = SimpleNamespace(datamodule=data)
    method._trainer = trainer
    method.setup("fit")
    return method


def test_a_loss_table_is_updated_once_a_step(method: Supervised) -> None:
    remembering(method)
    (table,) = method.row_tables.values()
    assert table.values.shape == (7, SPECIES)
    crops = batch(torch.zeros(4, SPECIES))
    rows = torch.tensor([[1], [-1], [3], [3]])
    crops = crops._replace(labels=crops.labels._replace(rows=rows))
    loss = method.training_step(crops, 0)
    assert loss is not None
    loss.backward()
    assert (table.values == 0).all()
    method.on_after_backward()
    assert table.values.any(1).nonzero().flatten().tolist() == [1, 3]


def test_a_checkpoint_has_the_loss_tables_apart_from_the_weights(method: Supervised) -> None:
    remembering(method)
    (table,) = method.row_tables.values()
    table.values.copy_(torch.randn(7, SPECIES))
    checkpoint: dict[str, Any] = {}
    method.on_save_checkpoint(checkpoint)
    assert not [name for name in method.state_dict() if name.startswith("loss")]
    kept = table.values.clone()
    again = remembering(method)
    again.on_load_checkpoint(checkpoint)
    (restored,) = again.row_tables.values()
    assert torch.equal(restored.values, kept)
    with pytest.raises(ValueError, match="start_from"):
        remembering(method, num_rows=8).on_load_checkpoint(checkpoint)
    with pytest.raises(ValueError, match=r"has no table of training rows .* for ROLE"):
        remembering(method).on_load_checkpoint({})


@pytest.mark.parametrize("option", sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml")))
def test_any_loss_can_be_asked_whether_it_weighs_the_unknown(
    method: Supervised, option: str
) -> None:
    method.loss = build(load_config("train", [f"loss={option}"]).loss)
    method.val_lwlrap = Lwlrap(24)
    tables = method.row_tables.values()
    labelled_only = {"masked_bce", "masked_focal", "clip_and_frame"}
    assert method.weighs_unknown() == (option not in labelled_only)
    assert not any(table.written or table.values.numel() for table in tables)


# The new run keeps its own checkpoints; Lightning warns that it leaves the old ones where they are.
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.slow
@pytest.mark.parametrize("loss", ["role", "em_apl", "large_loss_cp", "csl"])
def test_a_resumed_run_has_the_tables_of_an_uninterrupted_one(
    loss: str, forest: Path, tmp_path: Path
) -> None:
    def go(folder: str, *more: str) -> dict[str, Any]:
        more = (f"loss={loss}", "scheduler=constant", "callbacks.report.num_pictures=0", *more)
        train_run(load_config("train", words(forest, tmp_path / folder, *more)))
        return torch.load(tmp_path / folder / "checkpoints" / "last.ckpt", weights_only=True)

    whole = go("whole")
    go("first", "+trainer.max_steps=4")
    second = go("second", f"resume={tmp_path}/first/checkpoints/last.ckpt")
    for key in ("state_dict", "rfcx_audio_row_tables"):
        for name, value in whole[key].items():
            torch.testing.assert_close(second[key][name], value, rtol=0, atol=0, equal_nan=True)
    assert any((t.nan_to_num(0.0) != 0).any() for t in whole["rfcx_audio_row_tables"].values())
