from __future__ import annotations

import signal
from time import monotonic, sleep

import pytest

from benchmarks.limit import Limit, OutOfTime


def test_a_call_beyond_the_limit_is_interrupted_and_the_alarm_is_off_afterwards() -> None:
    begun, handler = monotonic(), signal.getsignal(signal.SIGALRM)
    with pytest.raises(OutOfTime, match="interrupted after"), Limit(0.2).enforced():
        sleep(20)
    assert monotonic() - begun < 5
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is handler


def test_a_part_may_have_less_than_what_is_left() -> None:
    limit = Limit(60)
    with pytest.raises(OutOfTime), limit.enforced(0.1):
        sleep(20)
    assert limit.left > 40


def test_nothing_begins_after_the_limit() -> None:
    limit, begun = Limit(0.01), []
    sleep(0.05)
    with pytest.raises(OutOfTime, match=r"limit of 0\.01 s is reached"), limit.enforced():
        begun.append(True)
    assert not begun
    assert limit.left == 0
