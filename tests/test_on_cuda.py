"""A training step raises nothing, waits for nothing and fits on a GPU; checked without a GPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
)
from torch.nn import functional
from torchvision.ops import roi_align

from benchmarks.techniques import ON_FEATURES
from cuda_rules import (
    RAISING,
    Living,
    Noted,
    documented,
    fake_tensors,
    on_fake,
    raises_on_cuda,
    waits,
    waits_of,
)
from quick import AS_RFCX
from rfcx_audio.augment import pitch
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.loss import by_species
from rfcx_audio.method import Supervised
from techniques import DURATION_S, RATE, batch, techniques, trainer
from trust.corpus import tone, write

EXPERIMENTS = [[f"experiment={path.stem}"] for path in sorted((CONF_DIR / "experiment").iterdir())]
ALL = [
    *techniques(),
    *EXPERIMENTS,
    ["loss=weak_negatives", "loss.unknown_weight=${tenths}", f"+tenths={[0.1] * 24}"],
]
MODELS = sorted({path.stem for path in (CONF_DIR / "model").glob("*.yaml")} - {*ON_FEATURES})
GB_ALLOWED = 8
SLIM = ["model.encoder.name=resnet10t", "++model.encoder.options.channels=[8,8,16,16]"]
SLIM += ["++model.encoder.options.stem_width=8", "model.encoder.pretrained=false"]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Supervised, "log", lambda *_, **__: None)


def parts(words: list[str], folder: Path) -> tuple[Any, Any]:
    """A method and its data, ready for a step."""
    if any("background" in word for word in words):
        (folder / "rfcx" / "test").mkdir(parents=True)
        write(folder / "rfcx" / "test" / "background.wav", tone(duration_s=4.0))
    more = [f"paths.output_dir={folder}", f"paths.data_dir={folder}", *AS_RFCX]
    more += [f"data.crop_duration_s={DURATION_S}", "data.num_workers=0"]
    chosen = any(word.startswith(("model=", "experiment=")) for word in words)
    model = [] if chosen else ["model=densenet121"]
    root = "relabel" if any("pseudo_labels" in word for word in words) else "train"
    config = load_config(root, [*more, *model, *words])
    torch.manual_seed(0)
    method, data = build(config.method), build(config.data.module)
    method._trainer = trainer()
    method.setup("fit")
    method.train()
    method.on_train_epoch_start()
    return method, data


@contextmanager
def faked() -> Iterator[None]:
    """Runs steps on tensors without values, and forgets what was kept for their device."""
    host, gradient = torch.Generator(), lambda _, inputs: (torch.zeros_like(inputs),)
    forget()
    with (
        fake_tensors(),
        mock.patch("torch.Generator", lambda *_: host),
        mock.patch("torch.autograd.grad", gradient),  # which looks for a real device
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message=".*CUDA is not available")
        yield
    forget()


def forget() -> None:
    """Tensors kept for a device."""
    by_species._on_device.cache_clear()
    pitch._resampler.cache_clear()


def step(method: Any, data: Any, waveforms: Any) -> Tensor:
    """A training step up to its loss."""
    spectrograms = data.spectrograms(waveforms)
    method.on_train_batch_start(spectrograms, 0)
    loss = method.training_step(spectrograms, 0)
    for table in method.row_tables.values():
        table.commit()
    method.on_train_batch_end(None, spectrograms, 0)
    return loss


# ------------------------------------------------------------------ nothing raises


def test_the_list_is_that_of_the_installed_torch() -> None:
    assert documented() == list(RAISING)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda x: functional.adaptive_avg_pool2d(x, (4, x.shape[3])), "adaptive_avg_pool2d"),
        (lambda x: functional.interpolate(x, size=(5, 5), mode="bilinear"), "bilinear"),
        (lambda x: x.cumsum(3), "cumsum"),
        (lambda x: roi_align(x, torch.tensor([[0.0, 0, 0, 3, 3]]), (2, 2)), "roi_align"),
    ],
)
def test_the_guard_finds_what_raises(operation: Any, name: str) -> None:
    features = torch.rand(1, 2, 6, 7, requires_grad=True)
    with Noted(raises_on_cuda) as mode:
        operation(features).sum().backward()
    assert any(name in found for found in mode.found)


def test_the_guard_passes_what_does_not_raise() -> None:
    features = torch.rand(1, 2, 6, 7, requires_grad=True)
    with Noted(raises_on_cuda) as mode:
        torch.ones(3).cumsum(0, dtype=torch.int64)
        functional.max_pool2d(
            functional.conv2d(features, torch.ones(1, 2, 3, 3)), 2
        ).sum().backward()
    assert not mode.found


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_operation_of_a_step_raises_in_deterministic_mode(
    words: list[str], tmp_path: Path
) -> None:
    method, data = parts([*words, *SLIM], tmp_path)
    with Noted(raises_on_cuda) as mode:
        step(method, data, batch(seed=1)).backward()
    assert not mode.found


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_no_operation_of_an_encoder_raises_in_deterministic_mode(
    model: str, tmp_path: Path
) -> None:
    words = [f"model={model}", "model.encoder.pretrained=false", "model/head=linear"]
    network = build(load_config("train", [*words, *AS_RFCX, f"paths.output_dir={tmp_path}"]).model)
    with Noted(raises_on_cuda) as mode:
        network(torch.randn(2, 1, 128, 64)).clip.sum().backward()
    assert not mode.found


@pytest.mark.parametrize("words", [["model=tiny"], ["experiment=best"]], ids=" ".join)
def test_no_operation_of_scoring_and_metrics_raises_in_deterministic_mode(
    words: list[str], tmp_path: Path
) -> None:
    method, data = parts([*words, *SLIM], tmp_path)
    method.eval()
    recording = 0.1 * torch.randn(1, 12 * RATE, generator=torch.Generator().manual_seed(0))
    with Noted(raises_on_cuda) as mode, torch.no_grad():
        windows, _ = data.windows.cut(data.frontend, recording)
        scores = method.windows.scores(method.model, windows)
        target = (torch.rand_like(scores) < 0.3).float()
        known = (torch.rand_like(scores) < 0.5).float()
        for metrics in (method.val_metrics, method.test_metrics):
            metrics.update(scores, target, known)
            metrics.compute()
    assert not mode.found


# ------------------------------------------------------------------ nothing waits


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x.sum().item(),
        lambda x: x[0].tolist(),
        lambda x: x[x > 0],
        lambda x: x.index_put_((x > 0,), torch.zeros((), device="cuda")),
        lambda x: x + torch.tensor([1.0, 2.0, 3.0], device="cuda"),
        lambda x: x.cpu(),
        lambda x: bool(x.any()),
        lambda x: x.nonzero(),
    ],
)
def test_the_guard_finds_what_waits(operation: Any) -> None:
    with fake_tensors(), Noted(waits) as mode:
        x = torch.zeros(3, 3, device="cuda")
        with suppress(DataDependentOutputException, DynamicOutputShapeException):
            operation(x)
    assert mode.found


def test_the_guard_passes_what_does_not_wait() -> None:
    with fake_tensors(), Noted(waits) as mode:
        x = torch.zeros(3, 3, device="cuda")
        order = x.argsort(stable=True)
        x.gather(1, order) + x[order[0]] + torch.full((), 2.0, device="cuda")
        torch.zeros(4).to("cuda", non_blocking=True)
    assert not mode.found


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_no_step_waits_for_the_device(words: list[str], tmp_path: Path) -> None:
    method, data = parts([*words, *SLIM], tmp_path)
    waveforms = batch(seed=1)
    step(method, data, waveforms)  # makes what is made once
    with faked():
        method, data, waveforms = on_fake("cuda:0", [method, data, waveforms], {})
        found = waits_of(lambda: step(method, data, waveforms))
    assert not found


# ------------------------------------------------------------------ memory


def test_the_count_of_memory_follows_the_life_of_tensors() -> None:
    with Living() as memory:
        first = torch.zeros(250, dtype=torch.float32)
        second = (first + 1)[:100].view(10, 10)  # a view has no memory of its own
        assert memory.now == 2000
        del first
        assert memory.now == 1000
        del second
    assert (memory.now, memory.peak) == (0, 2000)


@pytest.mark.slow
def test_the_tensors_of_the_best_recipe_grow_as_its_batch(tmp_path: Path) -> None:
    words = ["experiment=best", "model.encoder.pretrained=false", "data.crop_duration_s=6.0"]
    method, data = parts(words, tmp_path)
    step(method, data, batch(seed=1, duration_s=6.0))  # makes what is made once
    peaks = []
    with faked():
        # Fake CUDA tensors have no backward pass where there is no GPU.
        method, data = on_fake("cpu", [method, data], {})
        optimizer = torch.optim.AdamW(method.parameters())
        with Living() as memory:
            for tensor in (*method.parameters(), *method.buffers()):
                memory.count(tensor)
            for size in (8, 8, 16, 32):  # the first step makes the state of the optimizer
                waveforms = on_fake("cpu", batch(1, size, duration_s=6.0), {})
                memory.peak = memory.now
                with torch.autocast("cpu", torch.bfloat16):
                    loss = step(method, data, waveforms)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                peaks.append(memory.peak / 1e9)
    _, eight, sixteen, thirty_two = peaks
    assert thirty_two < GB_ALLOWED
    assert thirty_two - sixteen == pytest.approx(2 * (sixteen - eight), rel=0.05)
