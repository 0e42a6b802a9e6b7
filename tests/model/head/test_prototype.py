from __future__ import annotations

from typing import Any

import pytest
import torch

from rfcx_audio.model import PrototypeHead


@pytest.mark.parametrize("union", ["max", "softmax"])
def test_a_logit_is_a_scaled_cosine_to_the_species_prototypes(union: Any) -> None:
    torch.manual_seed(0)
    head = PrototypeHead(6, num_species=2, num_prototypes=3, union=union).eval()
    torch.nn.init.normal_(head.bias)
    torch.nn.init.normal_(head.log_scale)
    features = torch.randn(4, 6, 1, 5)
    logits = head(features)
    for clip in range(4):
        for species in range(2):
            scale, found = head.log_scale[species].exp(), []
            for column in features[clip, :, 0].T:
                cosines = torch.stack(
                    [column @ one / column.norm() / one.norm() for one in head.prototypes[species]]
                )
                share = (scale * cosines).softmax(0)
                near = cosines.max() if union == "max" else (share * cosines).sum()
                found.append(scale * near + head.bias[species])
            torch.testing.assert_close(logits.frame[clip, :, species], torch.stack(found))
            torch.testing.assert_close(logits.clip[clip, species], torch.stack(found).max())


def test_one_prototype_answers_alike_however_prototypes_are_united() -> None:
    torch.manual_seed(0)
    head = PrototypeHead(6, num_species=2, num_prototypes=1, union="max").eval()
    other = PrototypeHead(6, num_species=2, num_prototypes=1, union="softmax").eval()
    other.load_state_dict(head.state_dict())
    features = torch.randn(4, 6, 1, 5)
    torch.testing.assert_close(head(features).clip, other(features).clip)


def test_silence_which_has_no_direction_gets_the_bias() -> None:
    head = PrototypeHead(6, num_species=2).eval()
    torch.testing.assert_close(head(torch.zeros(1, 6, 1, 1)).clip[0], head.bias)


@pytest.mark.parametrize(
    "wrong", [{"num_prototypes": 0}, {"scale": 0.0}, {"union": "mean"}], ids=str
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|choose"):
        PrototypeHead(6, num_species=2, **wrong)
