"""Versions of packages, also where this one runs from a checkout that was never installed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

NOT_INSTALLED = "not installed"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of each package, or `NOT_INSTALLED` where it has no metadata.

    Args:
        packages: by the names that they have on a package index.
    """
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_INSTALLED
