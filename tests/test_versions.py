from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from rfcx_audio.versions import NOT_INSTALLED, versions

SOURCE = Path(__file__).parents[1] / "src"


def test_versions_are_those_of_the_metadata() -> None:
    assert versions(["torch", "no-such-package"]) == {
        "torch": version("torch"),
        "no-such-package": NOT_INSTALLED,
    }


def test_a_checkout_that_was_never_installed_has_no_version_and_works() -> None:
    # Without site-packages there is no metadata, as on a machine that has the source only.
    code = "from rfcx_audio.versions import versions; print(versions(['rfcx-audio']))"
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = [{str(SOURCE)!r}]; {code}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'rfcx-audio': 'not installed'}"
