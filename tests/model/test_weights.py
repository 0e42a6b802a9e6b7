from __future__ import annotations

import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest
import timm
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError
from safetensors.torch import save_file

from rfcx_audio.model import Encoder, PretrainedWeightsError, UntrainedEncoderWarning
from rfcx_audio.model import weights as room

MODEL = "test_resnet"


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """What a hub would hold: three input channels, and a classifier."""
    torch.manual_seed(0)
    return timm.create_model(MODEL).state_dict()


@pytest.fixture
def file(tmp_path: Path, published: dict[str, torch.Tensor]) -> Path:
    path = tmp_path / "mine.safetensors"
    save_file(published, path)
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(room, "hub_answers", lambda: False)
    monkeypatch.setattr(room, "hf_hub_download", forbidden)


def forbidden(*_: object, **__: object) -> str:
    raise AssertionError("the hub was asked")


def assert_loaded(encoder: Encoder, published: dict[str, torch.Tensor]) -> None:
    found = encoder.backbone.state_dict()
    assert set(found) == {key for key in published if not key.startswith("fc.")}
    for key, value in found.items():
        first = key == "conv1.0.weight"
        expected = published[key].sum(1, keepdim=True) if first else published[key]
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".bin"])
def test_a_local_file_is_loaded_and_its_channels_summed(
    tmp_path: Path, published: dict[str, torch.Tensor], ending: str
) -> None:
    path = tmp_path / f"mine{ending}"
    if ending == ".safetensors":
        save_file(published, path)
    else:
        torch.save(published, path)
    encoder = Encoder(MODEL, pretrained=str(path))
    assert encoder.weights == f"file:mine{ending}"
    assert_loaded(encoder, published)
    assert "state_dict" not in encoder.backbone.pretrained_cfg


def test_three_channels_are_loaded_as_they_are(
    file: Path, published: dict[str, torch.Tensor]
) -> None:
    encoder = Encoder(MODEL, in_chans=3, pretrained=str(file))
    found = encoder.backbone.state_dict()
    assert torch.equal(found["conv1.0.weight"], published["conv1.0.weight"])


def test_weights_of_one_channel_fit_one_channel(tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = Encoder(MODEL, pretrained=False)
    save_file(source.backbone.state_dict(), tmp_path / "own.safetensors")
    encoder = Encoder(MODEL, pretrained=str(tmp_path / "own.safetensors"))
    for key, value in source.backbone.state_dict().items():
        assert torch.equal(encoder.backbone.state_dict()[key], value), key


def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, file: Path, published: dict[str, torch.Tensor]
) -> None:
    with pytest.raises(PretrainedWeightsError, match=r"mine\.safetensors.*'test_efficientnet'"):
        Encoder("test_efficientnet", pretrained=str(file))
    partial = {key: value for key, value in published.items() if not key.startswith("layer4")}
    save_file(partial, tmp_path / "partial.safetensors")
    with pytest.raises(PretrainedWeightsError, match="Missing key"):
        Encoder(MODEL, pretrained=str(tmp_path / "partial.safetensors"))
    with pytest.raises(PretrainedWeightsError, match=r"size mismatch.*"):
        Encoder(MODEL, pretrained=str(file), options={"channels": (8, 8, 8, 8)})


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for wrong in ("yes", str(tmp_path / "gone.safetensors"), str(tmp_path)):
        with pytest.raises(PretrainedWeightsError, match=r"auto, true or false"):
            Encoder(MODEL, pretrained=wrong)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no weights at all")
    with pytest.raises(PretrainedWeightsError, match=r"broken\.safetensors cannot be read"):
        Encoder(MODEL, pretrained=str(broken))
    for content in ([1, 2], {"epoch": 3}, {}):
        torch.save(content, tmp_path / "odd.pth")
        with pytest.raises(PretrainedWeightsError, match=r"odd\.pth"):
            Encoder(MODEL, pretrained=str(tmp_path / "odd.pth"))


class Payload:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize(
    "write", [torch.save, lambda x, f: f.write_bytes(pickle.dumps(x, protocol=2))]
)
def test_a_pickle_runs_no_code(tmp_path: Path, write: Callable[[object, Path], None]) -> None:
    trace, path = tmp_path / "executed", tmp_path / "payload.pth"
    write({"conv1.weight": Payload(trace)}, path)
    with pytest.raises(PretrainedWeightsError, match=r"payload\.pth cannot be read"):
        Encoder(MODEL, pretrained=str(path))
    assert not trace.exists()


@pytest.mark.usefixtures("no_network")
def test_auto_without_a_hub_warns_and_keeps_the_reason() -> None:
    with pytest.warns(UntrainedEncoderWarning, match=r"RANDOM.*hub unreachable.*pretrained"):
        encoder = Encoder(MODEL)
    assert encoder.weights == "random (hub unreachable)"


@pytest.mark.usefixtures("no_network")
def test_true_without_a_hub_is_an_error_with_the_ways_to_go_on() -> None:
    with pytest.raises(PretrainedWeightsError, match=r"hub unreachable.*local file.*false"):
        Encoder(MODEL, pretrained=True)


@pytest.mark.usefixtures("no_network")
def test_a_model_without_weights_in_timm_has_a_reason_of_its_own() -> None:
    with pytest.warns(UntrainedEncoderWarning, match="timm has no weights"):
        encoder = Encoder("ghostnet_050")
    assert encoder.weights == "random (timm has no weights)"


@pytest.mark.usefixtures("no_network")
def test_false_asks_no_hub_and_warns_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "hub_weights", forbidden)
    assert Encoder(MODEL, pretrained=False).weights == "random"


def test_a_hub_switched_off_is_not_asked(monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
    monkeypatch.setattr(room, "hub_answers", forbidden)
    monkeypatch.setattr(room.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PretrainedWeightsError, match="HF_HUB_OFFLINE"):
        Encoder(MODEL, pretrained=True)


@pytest.mark.parametrize("pretrained", [True, "auto"])
def test_the_cache_is_asked_before_the_hub(
    monkeypatch: pytest.MonkeyPatch,
    no_network: None,
    file: Path,
    published: dict[str, torch.Tensor],
    pretrained: bool | str,
) -> None:
    asked: list[tuple[str, str]] = []

    def cache(repository: str, filename: str, revision: str | None) -> str:
        asked.append((repository, filename))
        return str(file)

    monkeypatch.setattr(room, "try_to_load_from_cache", cache)
    monkeypatch.setattr(room, "hub_answers", forbidden)
    encoder = Encoder(MODEL, pretrained=pretrained)
    assert encoder.weights == "hub:test_resnet.r160_in1k"
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert_loaded(encoder, published)


def refusal(kind: type[HfHubHTTPError]) -> HfHubHTTPError:
    request = httpx2.Request("GET", "https://hub")
    return kind("no", response=httpx2.Response(404, request=request))


def test_the_hub_is_asked_for_safetensors_first(
    monkeypatch: pytest.MonkeyPatch, no_network: None, file: Path
) -> None:
    asked = []

    def download(repository: str, filename: str, revision: str | None) -> str:
        asked.append(filename)
        if filename == "model.safetensors":
            raise refusal(RemoteEntryNotFoundError)
        return str(file)

    monkeypatch.setattr(room, "hub_answers", lambda: True)
    monkeypatch.setattr(room, "hf_hub_download", download)
    assert Encoder(MODEL, pretrained=True).weights == "hub:test_resnet.r160_in1k"
    assert asked == ["model.safetensors", "pytorch_model.bin"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LocalEntryNotFoundError("gone"), "hub unreachable"),
        (refusal(HfHubHTTPError), "hub refused, HfHubHTTPError"),
        (PermissionError("cache"), "hub refused, PermissionError"),
        (refusal(RemoteEntryNotFoundError), "hub has no file of weights"),
    ],
)
def test_a_download_that_fails_is_a_warning_under_auto(
    monkeypatch: pytest.MonkeyPatch, no_network: None, error: Exception, reason: str
) -> None:
    def download(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(room, "hub_answers", lambda: True)
    monkeypatch.setattr(room, "hf_hub_download", download)
    with pytest.warns(UntrainedEncoderWarning, match=reason):
        assert Encoder(MODEL).weights == f"random ({reason})"


class NotFound(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_any_answer_is_an_answer(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setattr(room.constants, "ENDPOINT", server)
    assert room.hub_answers()


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute_hub:
        port = mute_hub.getsockname()[1]
        monkeypatch.setattr(room.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        start = time.monotonic()
        assert not room.hub_answers(timeout_s=0.2)
        assert time.monotonic() - start < 2
    assert not room.hub_answers()  # now the port is closed


def test_a_name_that_takes_for_ever_to_look_up_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = threading.Event()

    def look_up(*_: object, **__: object) -> object:
        waiting.wait(10)
        raise OSError("no such name")

    monkeypatch.setattr(room.urllib.request, "urlopen", look_up)
    assert not room.hub_answers(timeout_s=0.1)
    waiting.set()
