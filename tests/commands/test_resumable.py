from __future__ import annotations

import pytest

from rfcx_audio.commands.resumable import resumable
from rfcx_audio.experiment.run import INTERRUPTED


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(INTERRUPTED)])
def test_a_stopped_command_names_its_folder(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended, resumable("runs/mine"):
        raise error
    assert ended.value.code == 130
    assert "give the same command with out=runs/mine" in caplog.text


def test_another_end_stays(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended, resumable("runs/mine"):
        raise SystemExit(2)
    assert ended.value.code == 2
    assert not caplog.text
