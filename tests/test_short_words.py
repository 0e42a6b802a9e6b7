from __future__ import annotations

import pytest

from rfcx_audio.config import CONF_DIR
from rfcx_audio.short_words import _OPTIONS, _UNLESS_CHOSEN, spelled_out


def test_a_model_of_embed_is_an_encoder() -> None:
    words = ["model=onnx", "model.encoder.file=a=b.onnx", "hop_s=1", "--help"]
    assert spelled_out("embed", words) == ["model/encoder=onnx", *words[1:]]


@pytest.mark.parametrize("name", ["train", "search"])
def test_other_commands_have_their_words_unchanged(name: str) -> None:
    assert spelled_out(name, ["model=tiny"]) == ["model=tiny"]


@pytest.mark.parametrize(
    ("words", "added"),
    [
        (["data=rfcx"], ["experiment=best"]),
        (["experiment=lsoft_b"], []),
        (["~experiment"], []),
        (["model=features"], []),
        (["model.encoder.pretrained=false"], ["experiment=best"]),
    ],
)
def test_a_recipe_is_the_best_one_unless_another_or_a_model_is_chosen(
    words: list[str], added: list[str]
) -> None:
    assert spelled_out("recipe", words) == [*words, *added]


def test_they_are_of_commands_that_there_are() -> None:
    assert all((CONF_DIR / f"{name}.yaml").exists() for name in (*_OPTIONS, *_UNLESS_CHOSEN))
