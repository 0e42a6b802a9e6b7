from __future__ import annotations

from benchmarks.techniques import GROUPS, ON_FEATURES, techniques
from rfcx_audio.config import CONF_DIR, load_config


def test_every_option_is_a_technique() -> None:
    names = {technique.name for technique in techniques()}
    options = {
        f"{group}={path.stem}" for group in GROUPS for path in (CONF_DIR / group).glob("*.yaml")
    }
    assert options - {f"model={name}" for name in ON_FEATURES} <= names
    assert len(names) == len(techniques())


def test_every_technique_composes_with_its_own_encoder_or_a_slim_one() -> None:
    for name, words, rounds in techniques():
        config = load_config("relabel" if rounds else "train", [*words, "paths.output_dir=."])
        encoder = config.model.encoder
        whole = name.startswith("model=") and not name.startswith(
            ("model=class_bands", "model=tiny")
        )
        assert (encoder.options is None) == whole, name
