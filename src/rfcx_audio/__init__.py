"""Find species in sound with many species, few labels and noisy ones.

>>> model = rfcx_audio.load("best.ckpt")
>>> frame = model.score("audio/dawn.wav").frame()
>>> list(frame)[:5]
['recording_id', 't_min', 't_max', 's0', 's1']

The names of `__all__` are imported when they are first used: `import rfcx_audio` waits for nothing.
"""

from __future__ import annotations

import sys
from pkgutil import resolve_name
from types import ModuleType

__version__ = "0.1.0"

_HOMES = {
    "Annotations": "rfcx_audio.data:Annotations",
    "Labels": "rfcx_audio.batch:Labels",
    "LogMel": "rfcx_audio.frontend:LogMel",
    "Recogniser": "rfcx_audio.scoring:Recogniser",
    "Scores": "rfcx_audio.scores:Scores",
    "answers": "rfcx_audio.commands.answers:answers",
    "build": "rfcx_audio.config:build",
    "detect": "rfcx_audio.commands.detect:detect",
    "draw_prevalence": "rfcx_audio.scores:draw_prevalence",
    "draw_recording": "rfcx_audio.scoring:draw_recording",
    "embed": "rfcx_audio.commands.embed:embed",
    "evaluate": "rfcx_audio.scores:evaluate",
    "load": "rfcx_audio.scoring:load_recogniser",
    "load_config": "rfcx_audio.config:load_config",
    "lwlrap": "rfcx_audio.metric:lwlrap",
    "predict": "rfcx_audio.commands.predict:predict",
    "read_annotations": "rfcx_audio.data:read_annotations",
    "recipe": "rfcx_audio.commands.recipe:recipe",
    "row_templates": "rfcx_audio.data:row_templates",
    "search": "rfcx_audio.commands.search:search",
    "settle": "rfcx_audio.experiment:settle",
    "train": "rfcx_audio.commands.train:train",
    "unlabelled_prevalence": "rfcx_audio.scores:unlabelled_prevalence",
}
"""Where the public names are at home; `__init__.pyi` shows the same to type checkers."""

__all__ = list(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] (which reads the stub)


def __getattr__(name: str) -> object:
    """Imports a public name (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = resolve_name(_HOMES[name])
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """All names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """A package in which functions go before submodules of their name.

    `train`, `predict` and `evaluate` are functions, and modules as well, for
    `python -m rfcx_audio.train`. Whoever imports such a module would find it in place of the
    function from then on; here `rfcx_audio.train` is the function before and after, and the module
    is what `sys.modules` and `from rfcx_audio.train import main` give.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
