"""Nothing in a checkpoint is executed, and no network connection is opened."""

from __future__ import annotations

import io
import pickle
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run
from rfcx_audio.scoring import CONFIG_KEY, CheckpointError, load_recogniser, read_checkpoint
from rfcx_audio.scoring.parts import PartError
from trust.corpus import tone, write

PART = "Hostile input"


class Payload:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.called


def payloads(mark: Path) -> dict[str, Payload]:
    """Payloads that would create a file at `mark`."""
    script = f"open({str(mark)!r}, 'w')"
    return {
        "exec": Payload(exec, script),
        "eval": Payload(eval, script),
        "open": Payload(open, str(mark), "w"),
        "touch": Payload(Path.touch, mark),
        "mkdir": Payload(Path.mkdir, mark),
        "import": Payload(__import__, "antigravity"),
        "getattr": Payload(getattr, mark, "touch"),
        "nested": Payload(pickle.loads, pickle.dumps(Payload(exec, script))),
        "torch.load": Payload(torch.load, str(mark)),
    }


NAMES = sorted(payloads(Path()))


@pytest.mark.promise(PART, "a pickle payload in a checkpoint is not executed")
@pytest.mark.parametrize("place", ["value", "weights", "key", "legacy", "plain", "in_zip"])
@pytest.mark.parametrize("name", NAMES)
def test_a_payload_is_not_executed(name: str, place: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "last.ckpt"
    payload = payloads(mark)[name]
    content: dict[Any, Any] = {CONFIG_KEY: "seed: 0", "state_dict": {"a": torch.zeros(2)}}
    if place == "value":
        torch.save({**content, "epoch": payload}, path)
    elif place == "weights":
        torch.save({**content, "state_dict": {"a": payload}}, path)
    elif place == "key":
        torch.save({**content, (payload,): 1}, path)
    elif place == "legacy":
        torch.save({**content, "epoch": payload}, path, _use_new_zipfile_serialization=False)
    elif place == "plain":
        path.write_bytes(pickle.dumps({**content, "epoch": payload}, 2))
    else:
        whole = io.BytesIO()
        torch.save(content, whole)
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
            for entry in old.namelist():
                bad = entry.endswith("data.pkl")
                new.writestr(entry, pickle.dumps(payload, 2) if bad else old.read(entry))
    with pytest.raises(CheckpointError):
        read_checkpoint(path)
    assert not mark.exists()


@pytest.mark.promise(PART, "a checkpoint's configuration calls nothing but this library's parts")
@pytest.mark.parametrize("node", ["method.model", "frontend", "inference"])
def test_a_configuration_calls_nothing_else(node: str, checkpoint: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    content = torch.load(checkpoint, weights_only=True)
    config = yaml.safe_load(content[CONFIG_KEY])
    here = {"_target_": "pathlib.Path", "_args_": [str(mark)]}
    *above, last = node.split(".")
    holder = config[above[0]] if above else config
    holder[last] = {"_target_": "pathlib.Path.touch", "_args_": [here]}
    torch.save({**content, CONFIG_KEY: yaml.safe_dump(config)}, tmp_path / "evil.ckpt")
    with pytest.raises((PartError, CheckpointError)):
        load_recogniser(tmp_path / "evil.ckpt")
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.promise(PART, "training and prediction open no network connection")
def test_no_connection_is_opened(
    forest: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    def refuse(self: socket.socket, address: Any) -> None:
        called.append(address)
        raise OSError("no network here")

    def unknown(*asked: Any, **_: Any) -> None:
        called.append(asked)
        raise socket.gaierror("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="no network"):  # the connection is intercepted
        socket.create_connection(("localhost", 1))
    called.clear()
    train_run(load_config("train", words(forest, tmp_path / "run", "trainer.max_epochs=1")))
    path = write(tmp_path / "tone.wav", tone(duration_s=3))
    load_recogniser(checkpoint).score({"tone": path})
    assert not called
