"""`python tests/trust/audit.py LOCK`: known vulnerabilities of the pinned dependencies."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import Any

_SECONDS = 300
NOT_AUDITED = "not audited: {}; run `make audit` where the database of vulnerabilities is in reach"


def verdict(report: dict[str, Any]) -> tuple[int, str]:
    """The exit status, 1 where a vulnerability is known, and the words for it.

    Args:
        report: of pip-audit, as JSON. What it could not look up has a `skip_reason`.
    """
    known = report["dependencies"]
    asked = [one for one in known if "skip_reason" not in one]
    if not asked:
        return 0, NOT_AUDITED.format("no dependency could be looked up")
    found = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in asked
        for flaw in one["vulns"]
    ]
    told = f"{len(asked)} of {len(known)} pinned dependencies looked up, {len(found)} vulnerable"
    return min(1, len(found)), "\n".join([*found, told])


def main(lock: str) -> int:
    """Asks pip-audit; where it is missing or gets no answer, says so and lets pass."""
    if importlib.util.find_spec("pip_audit") is None:
        sys.stdout.write(NOT_AUDITED.format("pip-audit is not installed") + "\n")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        status, words = verdict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        status, words = 0, NOT_AUDITED.format("no answer")
    sys.stdout.write(words + "\n")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
