"""`python tests/trust/audit.py LOCK`: known vulnerabilities of the pinned dependencies."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_SECONDS_FOR_ONE, _SECONDS = 30, 900
NOT_AUDITED = "not audited: {}; run `make audit` where the database of vulnerabilities is in reach"


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit status, 1 if a vulnerability is known, and a description.

    Args:
        report: of pip-audit, as JSON; packages that it could not look up have a `skip_reason`.
    """
    known = report["dependencies"]
    asked = [one for one in known if "skip_reason" not in one]
    if not asked:
        return 0, NOT_AUDITED.format("no dependency could be looked up")
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, fixed in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in asked
        for flaw in one["vulns"]
    ]
    summary = f"{len(asked)} of {len(known)} pinned dependencies looked up, {len(found)} vulnerable"
    return min(1, len(found)), "\n".join([*found, summary])


def report_of(requirements: str, seconds: float) -> dict[str, Any] | None:
    """The report of pip-audit; None if it gets no answer in time."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", requirements, "--require-hashes"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def main(lock: str) -> int:
    """Runs pip-audit; if it is missing or gets no answer, prints that and returns 0."""
    if importlib.util.find_spec("pip_audit") is None:
        sys.stdout.write(NOT_AUDITED.format("pip-audit is not installed") + "\n")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "one.txt"
        first.write_text(re.split(r"\n(?=\S)", Path(lock).read_text())[0] + "\n")
        reachable = report_of(str(first), _SECONDS_FOR_ONE)  # detects a missing network early
    report = reachable and report_of(lock, _SECONDS)
    if report is None:
        sys.stdout.write(NOT_AUDITED.format("no answer") + "\n")
        return 0
    status, words = verdict(report)
    sys.stdout.write(words + "\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
