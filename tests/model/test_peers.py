from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.config import build, load_config
from rfcx_audio.model import Peers
from rfcx_audio.model.peers import Answer, mean_logits


class Offset(nn.Module):
    """Adds a number to the spectrogram."""

    reduction = 8

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.encoder = nn.Linear(1, 1)
        self.offset = offset

    def forward(self, spectrogram: Tensor) -> Logits:
        frame = spectrogram[:, 0].transpose(1, 2) + self.offset  # (batch, frames, mels)
        return Logits(frame.amax(1), frame)


def test_the_mean_answer_is_the_mean_probability_of_clips_and_frames() -> None:
    first, second = Offset(-1.0), Offset(2.0)
    spectrogram = torch.randn(3, 1, 4, 5)
    both = Peers(first, second)(spectrogram)
    for name in ("clip", "frame"):
        alone = [getattr(model(spectrogram), name).double().sigmoid() for model in (first, second)]
        expected = (alone[0] + alone[1]) / 2
        torch.testing.assert_close(getattr(both, name).double().sigmoid(), expected)


def test_the_mean_stays_exact_where_probabilities_round_to_one() -> None:
    first, second = torch.tensor([200.0, -200.0, 200.0]), torch.tensor([200.0, -200.0, -200.0])
    assert mean_logits(first, second).tolist() == [200.0, -200.0, 0.0]
    # Next to 1, odds average harmonically: 1 - p is what is averaged.
    near = mean_logits(torch.tensor([40.0]), torch.tensor([50.0])).double()
    expected = -torch.logaddexp(torch.tensor([-40.0]), torch.tensor([-50.0])).double()
    torch.testing.assert_close(near, expected + torch.tensor(2.0).double().log())


def test_half_precision_is_averaged_in_single_precision() -> None:
    logits = torch.tensor([0.25], dtype=torch.bfloat16)
    assert mean_logits(logits, logits).dtype == torch.float32


@pytest.mark.parametrize(("answer", "offset"), [("first", -1.0), ("second", 2.0)])
def test_one_network_can_answer_alone(answer: Answer, offset: float) -> None:
    spectrogram = torch.randn(3, 1, 4, 5)
    logits = Peers(Offset(-1.0), Offset(2.0), answer)(spectrogram)
    assert torch.equal(logits.clip, Offset(offset)(spectrogram).clip)


def test_what_others_ask_of_a_detector_is_the_first_networks_and_stored_once() -> None:
    peers = Peers(Offset(-1.0), Offset(2.0))
    assert peers.encoder is peers.first.encoder
    assert peers.reduction == 8
    assert {key.split(".")[0] for key in peers.state_dict()} == {"first", "second"}


def test_networks_built_from_one_description_start_differently() -> None:
    config = load_config("train", ["method=co_teaching", "model=tiny"])
    peers = build(config.method.model)
    second = dict(peers.second.named_parameters())
    # Norms and biases start alike; every other weight is drawn.
    drawn = {name: weight for name, weight in peers.first.named_parameters() if weight.ndim > 1}
    assert not any(torch.equal(weight, second[name]) for name, weight in drawn.items())


def test_what_cannot_teach_itself_is_refused() -> None:
    model = Offset(0.0)
    with pytest.raises(ValueError, match="one network"):
        Peers(model, model)
    with pytest.raises(ValueError, match="'best' does not exist; choose mean, first, second"):
        Peers(model, Offset(0.0), "best")  # type: ignore[arg-type]
