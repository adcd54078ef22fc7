"""Texts and forms that once ended the server or held it up."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.fault import Mended, fault
from tests.faults.trial import Trial

TIMES = 5
PROMISE = "a clear answer each time; no process ends, no provider is given up, no other client notices"
BOUNDARY = "b0"


def nested(depth: int, size: int) -> bytes:
    """Forms within forms, each with another boundary."""
    heads = "".join(
        f"--b{level}\r\nContent-Type: multipart/mixed; boundary=b{level + 1}\r\n\r\n" for level in range(depth)
    )
    return (heads.encode() + b"x\r\n" * size)[:size]


def harmless(trial: Trial, body: dict[str, str] | bytes, **how: str) -> Iterator[Mended]:
    """The same request some times; whatever the answer is, it is one, and nothing has ended by it."""
    server, engine = trial.site.server(), trial.site.engine()
    before = trial.site.exposed("tts_worker_restarts_total")
    statuses = [trial.ask(body, **how) for _ in range(TIMES)]
    assert all(status == 200 or 400 <= status < 500 for status in statuses), f"statuses {statuses}"
    trial.note(f"answered {', '.join(str(status) for status in sorted(set(statuses)))}")
    yield trial.site.ready
    assert (trial.site.server(), trial.site.engine()) == (server, engine), "a process has ended"
    assert trial.site.exposed("tts_worker_restarts_total") == before, "a sandboxed process has ended"
    assert trial.site.exposed("tts_errors_total", side="server") == trial.server_errors, "an error of the server's"


@fault("The text `a.` 97 times", PROMISE, place="server")
def dotted_letters(trial: Trial) -> Iterator[Mended]:
    yield from harmless(trial, {"text": "a." * 97})


@fault("The text `s'` 110 times", PROMISE, place="server")
def stacked_suffixes(trial: Trial) -> Iterator[Mended]:
    yield from harmless(trial, {"text": "s'" * 110})


@fault("The text of 30 equal signs", PROMISE, place="server")
def equal_signs(trial: Trial) -> Iterator[Mended]:
    yield from harmless(trial, {"text": "=" * 30})


@fault("A form of 70 KB in a form, 600 deep", PROMISE, place="server")
def nested_form(trial: Trial) -> Iterator[Mended]:
    yield from harmless(trial, nested(600, 70_000), kind=f"multipart/form-data; boundary={BOUNDARY}", path="/api/tts")
