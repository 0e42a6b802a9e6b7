"""Comparisons of techniques on complete truth, and their pages: `make study`, `make selection`."""

from __future__ import annotations

from pathlib import Path

CONF_DIR = Path(__file__).parent / "conf"
"""The studies' configuration; other groups are the library's."""
