"""Converts times of a replica, which may run on another machine, to this process's clock."""

from __future__ import annotations

from dataclasses import replace

from server.utterance import Interval


def clock_offset(called: int, received: int, sent: int, arrived: int) -> int:
    """Returns what to subtract from a replica's time, in ns.

    A call was made at ``called``, and its first answer arrived at ``arrived``, by this clock; the replica received the
    call at ``received`` and answered at ``sent``, by its own. The offset is known to within the time that both
    messages took together: their middle is taken, as in RFC 5905, so the error is at most half of that time (2 ms on
    one machine). On one machine the clocks are the same, and 0 is taken since it is possible.
    """
    least, most = sent - arrived, received - called
    return 0 if least <= 0 <= most else (least + most) // 2


def local_interval(interval: Interval, offset: int, replica: str) -> Interval:
    """Returns an interval of ``replica`` in times of this clock."""
    return replace(interval, start=interval.start - offset, end=interval.end - offset, replica=replica)
