"""Makes one fault happen under load, and compares the clients' account with what the pipeline has of it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.faults.book import Book, Ending, Entry
from tests.faults.fault import Fault, Losses
from tests.faults.load import CLIENTS, Load
from tests.faults.site import COUNTED_PATH, Site

WARM = 2 * CLIENTS
"""Requests that end well before the fault, and after it."""
WARM_SECONDS = 180.0
SETTLE_SECONDS = 15.0
"""Without anything new in the stores, which get what is exported every second: the rest will not come."""
BALANCE_SECONDS = 120.0
POLL_SECONDS = 0.1
ASK_SECONDS = 150.0
FIRST_CHECKS_SECONDS = 15.0
"""The supervisor asks at once, and then every 10 s."""
OUTCOMES = {Ending.OK: "ok", Ending.REFUSED: "rejected"}


class NotInTimeError(AssertionError):
    """Something has not come about before its deadline."""


@dataclass(slots=True)
class Trial:
    """What a fault has to do with: the site, the load on it, and what is to be said of it."""

    site: Site
    load: Load
    seconds: float
    notes: list[str] = field(default_factory=list)
    marked: float = 0.0
    """When the fault was there, by time.monotonic."""
    others: int = 0
    """Requests for speech that the fault itself has sent."""
    counted_losses: range | None = None
    """How many events may be missing by the server's own count of those that it lost."""
    server_errors: float = 0.0
    """What tts_errors_total had of the server's own before the fault."""

    def mark(self) -> None:
        """The fault is there from now on."""
        self.marked = time.monotonic()

    def note(self, text: str) -> None:
        """Adds to what the row says."""
        self.notes.append(text)

    def pause(self, seconds: float) -> None:
        """Lets the fault last."""
        time.sleep(seconds)

    def until_watched(self, process: psutil.Process) -> None:
        """Waits until the supervisor has seen that the process answers: before that, silence may be its start."""
        self.until(lambda: time.time() - process.create_time() > FIRST_CHECKS_SECONDS, "the first checks")
        self.mark()

    @contextmanager
    def stopped(self, processes: Iterable[psutil.Process], seconds: float) -> Iterator[None]:
        """Stops the processes (SIGSTOP) for so many seconds at least, and lets them go on (SIGCONT)."""
        chosen = list(processes)
        for process in chosen:
            process.suspend()
        try:
            yield
            self.pause(max(0.0, self.marked + seconds - time.monotonic()))
        finally:
            for process in chosen:
                process.resume()

    def ask(self, body: dict[str, Any] | bytes, kind: str = "application/json", path: str = COUNTED_PATH) -> int:
        """The status of a request for speech of the fault's own; 0 without an answer."""
        self.others += path == COUNTED_PATH
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with closing(http.client.HTTPConnection(urlsplit(self.site.url).netloc, timeout=ASK_SECONDS)) as connection:
            try:
                connection.request("POST", path, data, {"Content-Type": kind})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                return 0
            return response.status

    def until(self, condition: Callable[[], object], what: str, seconds: float | None = None) -> None:
        """Waits for ``condition``. Raises NotInTimeError; what can't be asked yet is asked again."""
        deadline = time.monotonic() + (self.seconds if seconds is None else seconds)
        while True:
            with suppress(OSError, ValueError, LookupError, psutil.Error):
                if condition():
                    return
            if time.monotonic() > deadline:
                raise NotInTimeError(f"{what}: not within {self.seconds if seconds is None else seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def until_spoken(self, count: int = WARM) -> None:
        """Waits for so many more answers to requests that are begun from now on."""
        now = time.monotonic()
        self.until(lambda: len(self.load.book.ok_since(now)) >= count, f"{count} more answers", WARM_SECONDS)


@dataclass(frozen=True, slots=True)
class Balance:
    """What the pipeline lacks of what the clients know; None of what this site does not have."""

    events: int
    counts: int | None
    traces: int | None
    twice: int
    """Requests of which more than one event tells."""
    misreported: int
    """Events that tell of another outcome than the client had."""
    cut_off: int = 0
    """Requests that were sent, and whose connection ended before an answer."""
    named: int = 0
    """Those of them that an event tells of."""

    @property
    def whole(self) -> bool:
        return not (self.events or self.counts or self.traces) and self.named == self.cut_off


@dataclass(slots=True)
class Row:
    """What came of one fault."""

    fault: Fault
    book: Book
    balance: Balance | None = None
    first_answer: float | None = None
    """Seconds from the fault to the end of the first good answer to a request begun after it."""
    mended: float | None = None
    """Seconds from the fault until the part that failed did its work again."""
    health: float | None = None
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept."""
    notes: list[str] = field(default_factory=list)


def run(fault: Fault, site: Site) -> Row:
    """Makes ``fault`` happen at ``site``, which speaks already."""
    counted, server = site.counted(), site.server()
    load = Load(site.url)
    trial = Trial(site, load, fault.seconds)
    row = Row(fault, load.book, notes=trial.notes)
    try:
        with load.running():
            trial.until_spoken()
            trial.server_errors = site.exposed("tts_errors_total", side="server")
            trial.mark()
            with fault.inject(trial) as mended:
                trial.until(lambda: load.book.ok_since(trial.marked), "speech")
                row.first_answer = load.book.ok_since(trial.marked)[0].ended - trial.marked
                trial.until(mended, "the part that failed")
                row.mended = time.monotonic() - trial.marked
                trial.until_spoken()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not what was promised
        row.broken.append((str(error) or type(error).__name__).splitlines()[0])
    row.health = load.slowest_health(trial.marked)
    if not site.keeps_counts and site.server() != server:  # which began at 0
        counted = None
    try:
        found = row.balance = balance(load.book, site, counted, trial.others)
    except NotInTimeError as error:
        row.broken.append(str(error))
        return row
    row.broken += too_much(row.book, found, fault.may_lose)
    if found.cut_off:
        trial.note(f"of {found.cut_off} requests in flight that were cut off, {found.named} have an event")
    if trial.counted_losses is not None and found.events not in trial.counted_losses:
        row.broken.append(f"{found.events} events are missing, {trial.counted_losses[-1]} were counted as lost")
    return row


def balance(book: Book, site: Site, counted_before: float | None, others: int) -> Balance:
    """Waits until all has arrived, or nothing more comes."""
    deadline, still = time.monotonic() + BALANCE_SECONDS, time.monotonic() + SETTLE_SECONDS
    found: Balance | None = None
    gone: set[str] = set()
    while True:
        with suppress(OSError, ValueError, AssertionError):
            latest = _compare(book.entries, site, counted_before, others, gone)
            if latest != found:
                still = time.monotonic() + SETTLE_SECONDS
            found = latest
        now = time.monotonic()
        if found is not None and (found.whole or now > still or now > deadline):
            return found
        if now > deadline:
            raise NotInTimeError("the stores do not answer")
        time.sleep(10 * POLL_SECONDS)


def _compare(entries: list[Entry], site: Site, before: float | None, others: int, found: set[str]) -> Balance:
    """``found`` are traces that were there already: they need not be asked for again."""
    events = site.events({entry.request_id for entry in entries})
    answered = [entry for entry in entries if entry.answered]
    reached = sum(entry.answered or entry.request_id in events for entry in entries) + others
    now = site.counted()
    counts = None if now is None or before is None else max(0, round(reached - (now - before)))
    traces: int | None = None
    if site.keeps_traces:
        wanted = {entry.trace_id for entry in answered if entry.trace_id} - found
        found |= {trace_id for trace_id in wanted if site.has_trace(trace_id)}
        traces = len(wanted - found)
    misreported = sum(
        entry.request_id in events and events[entry.request_id][0] != OUTCOMES[entry.ending]
        for entry in entries
        if entry.ending in OUTCOMES
    )
    cut_off = [entry for entry in entries if entry.cut_off]
    return Balance(
        cut_off=len(cut_off),
        named=sum(entry.request_id in events for entry in cut_off),
        events=sum(entry.request_id not in events for entry in answered),
        counts=counts,
        traces=traces,
        twice=sum(len(outcomes) > 1 for outcomes in events.values()),
        misreported=misreported,
    )


def too_much(book: Book, balance: Balance, allowed: Losses) -> list[str]:
    """What was lost beyond what may be lost."""
    counts = book.counts()
    lost = {
        "failed": (counts[Ending.FAILED], allowed.failed),
        "unanswered": (counts[Ending.UNANSWERED], allowed.unanswered),
        "answered without an event": (balance.events, allowed.events),
        "answered and not counted": (balance.counts or 0, allowed.counts),
        "answered without a trace": (balance.traces or 0, allowed.traces),
        "with two events": (balance.twice, 0),
        "with a wrong outcome in their event": (balance.misreported, 0),
    }
    broken = [f"{number} {what}, at most {most} promised" for what, (number, most) in lost.items() if number > most]
    if broken and (odd := book.refusals()):
        broken.append("the clients saw " + ", ".join(f"{what} ({count})" for what, count in odd.most_common(3)))
    return broken
