"""What a GPU would do, without one: operations that raise or wait there, memory of tensors."""

from __future__ import annotations

import re
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

RAISING: dict[str, tuple[str, ...]] = {
    "AvgPool3d": ("avg_pool3d_backward",),
    "AdaptiveAvgPool2d": ("_adaptive_avg_pool2d_backward",),
    "AdaptiveAvgPool3d": ("_adaptive_avg_pool3d_backward",),
    "MaxPool3d": ("max_pool3d_with_indices_backward",),
    "AdaptiveMaxPool2d": ("adaptive_max_pool2d_backward",),
    "FractionalMaxPool2d": ("fractional_max_pool2d_backward",),
    "FractionalMaxPool3d": ("fractional_max_pool3d_backward",),
    "MaxUnpool1d": ("max_unpool2d",),
    "MaxUnpool2d": ("max_unpool2d",),
    "MaxUnpool3d": ("max_unpool3d",),
    "interpolate": (
        "upsample_linear1d_backward",
        "upsample_bilinear2d_backward",
        "_upsample_bilinear2d_aa_backward",
        "upsample_bicubic2d_backward",
        "_upsample_bicubic2d_aa_backward",
        "upsample_trilinear3d_backward",
    ),
    "ReflectionPad1d": ("reflection_pad1d_backward",),
    "ReflectionPad2d": ("reflection_pad2d_backward",),
    "ReflectionPad3d": ("reflection_pad3d_backward",),
    "NLLLoss": ("nll_loss_forward", "nll_loss2d_forward"),
    "CTCLoss": ("_ctc_loss_backward",),
    "EmbeddingBag": ("_embedding_bag_dense_backward",),
    "put_": ("put", "put_"),
    "histc": ("histc",),
    "bincount": ("bincount",),
    "median": ("median.dim", "nanmedian.dim"),
    "grid_sample": ("grid_sampler_2d_backward", "grid_sampler_3d_backward"),
    "cumsum": ("cumsum",),
    "scatter_reduce": ("scatter_reduce",),
    "resize_": (),  # of quantized tensors, which are not used here
}
"""Operators that raise on CUDA in deterministic mode, by their entry in PyTorch's list (see the
docstring of `use_deterministic_algorithms`). Those of gradients run in the backward pass only."""

_NOT_LISTED = ("roi_align", "_roi_align_backward", "roi_pool", "ps_roi_align", "deform_conv2d")
"""torchvision's operators: their gradients raise, or fall back to a Python implementation whose
memory grows with the square of the number of crops."""

WAITING = (
    "_local_scalar_dense",  # item(), tolist(), int(), float(), bool(), if
    "nonzero",
    "masked_select",
    "unique_dim",
    "_unique2",
    "bincount",
    "equal",
    "repeat_interleave.Tensor",
)
"""Operators that wait for a CUDA device, whatever their arguments."""


def documented() -> list[str]:
    """The entries of PyTorch's own list, by the name of the function or module."""
    text = torch.use_deterministic_algorithms.__doc__ or ""
    section = re.search(
        r"operations will throw a\s+:class:`RuntimeError` when(.*?)In addition", text, re.S
    )
    assert section is not None
    found = re.findall(r"\* :\w+:`([\w.]+)`", section[1])
    return list(dict.fromkeys(name.rpartition(".")[2] for name in found))


def raises_on_cuda(operator: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a call raises on CUDA in deterministic mode."""
    name, overload = operator._schema.name.partition("::")[2], operator._schema.overload_name
    if name in _NOT_LISTED:
        return True
    if name == "cumsum":
        kind = options.get("dtype") or arguments[0].dtype
        return kind.is_floating_point or kind.is_complex
    if name == "scatter_reduce":
        return "prod" in (*arguments, *options.values())
    if name == "bincount":
        return len(arguments) > 1 and arguments[1] is not None
    raising = {one for several in RAISING.values() for one in several}
    return name in raising or f"{name}.{overload}" in raising


class Noted(TorchDispatchMode):
    """Notes every operator of a kind, forwards and backwards.

    Args:
        concerns: called with the operator, its arguments and its options.

    Attributes:
        found: names of the operators, with the line of the library that called them.
    """

    def __init__(self, concerns: Callable[[Any, tuple[Any, ...], dict[str, Any]], bool]) -> None:
        super().__init__()
        self.concerns = concerns
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        options = kwargs or {}
        name = func._schema.name
        if name == "aten::_standard_gamma" and args[0].device.type == "cuda":
            return torch.empty_like(args[0])  # it cannot run on a device that is not there
        if self.concerns(func, args, options):
            self.found.append(f"{name} {_place()}".strip())
        return func(*args, **options)


def waits(operator: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a call on tensors of a GPU makes the host wait for it."""
    name, overload = operator._schema.name.partition("::")[2], operator._schema.overload_name
    tensors = [one for one in tree_leaves((arguments, options)) if isinstance(one, Tensor)]
    if name in ("_to_copy", "copy_"):  # between host and device
        devices = {one.device.type for one in tensors}
        devices |= {torch.device(options["device"]).type} if options.get("device") else set()
        asynchronous = options.get("non_blocking") or any(one is True for one in arguments)
        return len(devices) > 1 and not asynchronous
    on_gpu = any(one.device.type == "cuda" for one in tensors)
    if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
        indices = [one for one in tree_leaves(arguments[1]) if isinstance(one, Tensor)]
        kinds = {one.dtype for one in indices}
        return on_gpu and bool(kinds & {torch.bool, torch.uint8})
    return on_gpu and (name in WAITING or f"{name}.{overload}" in WAITING)


def on_fake(device: str, value: Any, seen: dict[int, Any]) -> Any:
    """The same object with all its tensors on a fake device.

    Modules and the library's own objects are changed in place, so that shared parts stay shared:
    pass one `seen` for objects that share. Call it inside a `FakeTensorMode`.
    """
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, Tensor):
        made: Any = torch.empty_strided(
            value.shape, value.stride(), dtype=value.dtype, device=device
        )
        if isinstance(value, nn.Parameter):
            made = nn.Parameter(made, requires_grad=value.requires_grad)
    elif isinstance(value, torch.device):
        made = torch.device(device)
    elif isinstance(value, dict):
        made = {on_fake(device, k, seen): on_fake(device, v, seen) for k, v in value.items()}
    elif isinstance(value, tuple | list):
        items = [on_fake(device, one, seen) for one in value]
        made = type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    elif isinstance(value, nn.Module) or type(value).__module__.startswith("rfcx_audio"):
        seen[id(value)] = value
        for name, part in list(vars(value).items()):
            if not name.startswith(("_backward", "_forward", "_trainer")):
                vars(value)[name] = on_fake(device, part, seen)
        return value
    else:
        return value
    seen[id(value)] = made
    return made


def waits_of(step: Callable[[], object]) -> list[str]:
    """The waits in the second of two steps in a `FakeTensorMode`; the first may initialise."""
    with Noted(waits) as mode:
        step()
        mode.found.clear()
        step()
    return mode.found


class Living(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, as an allocator without rounding would.

    Attributes:
        peak: the most bytes that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self._counted: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def count(self, tensor: Tensor) -> None:
        """Counts a tensor from now on, if it has memory of its own."""
        storage = tensor.untyped_storage()
        if storage not in self._counted:
            self._counted.add(storage)
            self._change(storage.nbytes())
            weakref.finalize(storage, self._change, -storage.nbytes())

    def _change(self, size: int) -> None:
        self.now += size
        self.peak = max(self.peak, self.now)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in tree_leaves(made):
            if isinstance(one, Tensor):
                self.count(one)
        return made


def fake_tensors() -> FakeTensorMode:
    """A mode in which tensors, those of CUDA among them, have shapes and no values."""
    return FakeTensorMode(allow_non_fake_inputs=True)


def _place() -> str:
    """The innermost line of the library that is running."""
    lines = [frame for frame in traceback.extract_stack() if "/rfcx_audio/" in frame.filename]
    if not lines:
        return ""
    name = lines[-1].filename.rpartition("/rfcx_audio/")[2]
    return f"at {name}:{lines[-1].lineno}"
