from __future__ import annotations

import copy

import pytest
import timm
import torch
from torch import nn

from rfcx_audio.model import Encoder, EncoderError
from rfcx_audio.model.encoder import frozen_modules

SLIM_SWIN = {"img_size": (128, 256), "embed_dim": 12, "depths": (1, 1, 1, 1), "window_size": 4}


def slim(freeze_to: int | str = "none") -> Encoder:
    return Encoder("test_resnet", pretrained=False, freeze_to=freeze_to)


@pytest.mark.parametrize(
    ("name", "options", "num_features"),
    [
        ("test_resnet", {}, 96),
        ("test_efficientnet", {}, 256),
        ("lcnet_050", {}, 256),  # timm's head has 1280, its map has not
        ("resnet10t", {"channels": [8, 16, 24, 32], "stem_width": 16}, 32),
        ("swin_tiny_patch4_window7_224", SLIM_SWIN, 96),  # its map has the channels last
    ],
)
def test_the_map_is_as_announced(name: str, options: dict[str, object], num_features: int) -> None:
    encoder = Encoder(name, pretrained=False, options=options).eval()
    features = encoder(torch.randn(2, 1, 128, 256))
    assert encoder.num_features == num_features
    assert encoder.reduction == 32
    assert features.shape == (2, num_features, 4, 8)
    assert encoder.training is False


def test_channels_last_maps_are_turned_not_reshaped() -> None:
    encoder = Encoder("swin_tiny_patch4_window7_224", pretrained=False, options=SLIM_SWIN).eval()
    spectrogram = torch.randn(1, 1, 128, 256)
    inside = encoder.backbone.forward_features(spectrogram)  # (batch, height, width, features)
    assert torch.equal(encoder(spectrogram)[0, :, 1, 5], inside[0, 1, 5])


def test_a_shallower_stride_is_seen() -> None:
    encoder = Encoder("test_resnet", pretrained=False, options={"output_stride": 16})
    assert encoder.reduction == 16
    assert encoder.eval()(torch.randn(1, 1, 128, 256)).shape[2:] == (8, 16)


def test_several_channels_are_taken() -> None:
    encoder = Encoder("test_resnet", in_chans=3, pretrained=False).eval()
    assert encoder(torch.randn(1, 3, 128, 256)).shape == (1, 96, 4, 8)


def test_a_new_encoder_is_in_training_mode_and_has_normalised_nothing() -> None:
    encoder = slim()
    assert all(module.training for module in encoder.modules())
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(norm.num_batches_tracked == 0 for norm in norms)


def test_an_unknown_name_leads_to_the_nearest() -> None:
    with pytest.raises(EncoderError, match=r"'densnet121'.*densenet121"):
        Encoder("densnet121", pretrained=False)


def test_a_model_without_a_map_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"'test_vit'.*\(1, \d+, 64\).*\(batch, features, "):
        Encoder("test_vit", pretrained=False)


def test_a_model_of_one_size_is_refused_unless_it_is_given() -> None:
    slim_but_square = {**SLIM_SWIN, "img_size": None}
    with pytest.raises(EncoderError, match=r"fails on .*\(1, 1, 128, 256\).*img_size"):
        Encoder("swin_tiny_patch4_window7_224", pretrained=False, options=slim_but_square)


@pytest.mark.parametrize(
    ("freeze_to", "frozen"),
    [
        (0, []),
        ("none", []),
        (1, ["conv1", "bn1"]),
        (3, ["conv1", "bn1", "layer1", "layer2"]),
        (5, ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]),
        ("all", ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]),
    ],
)
def test_frozen_stages_learn_nothing_and_the_others_do(
    freeze_to: int | str, frozen: list[str]
) -> None:
    torch.manual_seed(0)
    encoder = slim(freeze_to)
    head = nn.Linear(encoder.num_features, 1)
    before = copy.deepcopy(encoder.backbone.state_dict())
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        head(encoder(torch.randn(4, 1, 64, 64)).mean((2, 3))).square().sum().backward()
        optimizer.step()
    after = encoder.backbone.state_dict()
    for name, value in before.items():
        moved = not torch.equal(value, after[name])
        assert moved == (name.split(".")[0] not in frozen), name
    for name, parameter in encoder.backbone.named_parameters():
        assert (parameter.grad is None) == (name.split(".")[0] in frozen), name


def test_frozen_stages_stay_in_evaluation_mode() -> None:
    encoder = slim(2)
    for _ in range(2):
        encoder.train()
        assert encoder.training
        assert not encoder.backbone.bn1.training
        assert not any(module.training for module in encoder.backbone.layer1.modules())
        assert all(module.training for module in encoder.backbone.layer2.modules())
        encoder.eval()
        assert not any(module.training for module in encoder.modules())
    twin = copy.deepcopy(encoder).train()
    assert twin.backbone.layer2.training
    assert not twin.backbone.bn1.training
    assert not encoder.training


@pytest.mark.parametrize(
    "name",
    [
        "test_resnet",
        "test_efficientnet",
        pytest.param("densenet121", marks=pytest.mark.slow),
        pytest.param("resnest50d", marks=pytest.mark.slow),
    ],
)
def test_what_is_frozen_comes_before_what_is_not(name: str) -> None:
    # Changing all other parameters must leave the output of the last frozen stage as it was.
    torch.manual_seed(0)
    backbone = timm.create_model(name, in_chans=1, num_classes=0, global_pool="").eval()
    spectrogram = torch.randn(1, 1, 64, 64)
    for number, stage in enumerate(backbone.feature_info, start=1):
        frozen = {id(p) for module in frozen_modules(backbone, number) for p in module.parameters()}
        seen: list[torch.Tensor] = []
        hook = backbone.get_submodule(stage["module"]).register_forward_hook(
            lambda _module, _given, result, seen=seen: seen.append(result.clone())
        )
        with torch.no_grad():
            backbone.forward_features(spectrogram)
            for parameter in backbone.parameters():
                if id(parameter) not in frozen:
                    parameter.mul_(1.1)
            backbone.forward_features(spectrogram)
        hook.remove()
        assert frozen
        assert torch.equal(*seen), stage["module"]


def test_more_stages_than_there_are_cannot_be_frozen() -> None:
    with pytest.raises(EncoderError, match=r"freeze_to = 6; expected .* 0 to 5.*layer4"):
        slim(6)
    with pytest.raises(EncoderError, match=r"freeze_to = 'half'"):
        slim("half")


def test_a_learning_rate_of_nothing_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"lr_ratio = 0; .*freeze_to"):
        Encoder("test_resnet", pretrained=False, lr_ratio=0)
