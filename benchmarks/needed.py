"""`python -m benchmarks.needed`: checks that all packages of the GPU commands can be imported."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

_NEEDED = {
    "hydra": "hydra-core",
    "hypothesis": "hypothesis",
    "iterstrat": "iterative-stratification",
    "matplotlib": "matplotlib",
    "omegaconf": "omegaconf",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "pytest": "pytest",
    "pytorch_lightning": "pytorch-lightning",
    "rich": "rich",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "tensorboard": "tensorboard",
    "timm": "timm",
    "torch": "torch",
    "torchaudio": "torchaudio",
    "torchmetrics": "torchmetrics",
    "torchvision": "torchvision",
    "yaml": "pyyaml",
}
"""Packages by module."""


def missing() -> list[str]:
    """The packages that cannot be imported here."""
    return [package for module, package in _NEEDED.items() if find_spec(module) is None]


def main() -> None:
    """Prints the versions and the device.

    Raises:
        SystemExit: a package is missing.
    """
    absent = missing()
    if absent:
        raise SystemExit(f"{sys.executable} cannot import {', '.join(absent)}")
    import torch  # noqa: PLC0415 (it may be missing)

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"Python {platform.python_version()}, torch {torch.__version__}, {device}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
