"""The webhook: told at least once, with a key; never followed elsewhere, never named with what is secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from drift.outputs.deadline import Deadline
from drift.outputs.webhook import Webhook, WebhookError, key


class Receiver:
    """Answers with ``statuses`` in turn, the last one for ever; remembers what it was told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.told: list[tuple[dict[str, str], Any]] = []
        self.hang = threading.Event()


@contextmanager
def listening(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.told.append((dict(self.headers), json.loads(body)))
            status = receiver.statuses.pop(0) if len(receiver.statuses) > 1 else receiver.statuses[0]
            if status == 0:
                receiver.hang.wait(30)
            self.send_response(status or 200)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name is http.server's

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/T0SECRET?token=SECRET"
    finally:
        receiver.hang.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between attempts, which nobody waits for here."""
    seconds = list[float]()
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


def test_it_is_told_once_with_a_key() -> None:
    receiver = Receiver(204)
    with listening(receiver) as url:
        Webhook(url).post({"text": "slow"}, "the key")
    [(headers, body)] = receiver.told
    assert headers["Idempotency-Key"] == "the key"
    assert body == {"text": "slow"}


def test_it_is_tried_again_with_the_same_key_after_longer_and_longer(waits: list[float]) -> None:
    receiver = Receiver(503, 429, 200)
    with listening(receiver) as url:
        Webhook(url).post({}, "k")
    assert [headers["Idempotency-Key"] for headers, _ in receiver.told] == ["k"] * 3
    assert waits == [0.5, 2.0]


@pytest.mark.parametrize(("status", "times"), [(500, 3), (400, 1), (404, 1), (302, 1)])
def test_what_fails_is_told_without_the_address(status: int, times: int) -> None:
    receiver = Receiver(status)
    with listening(receiver) as url, pytest.raises(WebhookError, match=str(status)) as error:
        Webhook(url).post({}, "k")
    assert len(receiver.told) == times
    assert "SECRET" not in str(error.value)


def test_nobody_there_is_an_error_of_one_line() -> None:
    with listening(Receiver(200)) as url:
        pass
    with pytest.raises(WebhookError, match=r"^it can't be reached \(\w+\)$"):
        Webhook(url).post({}, "k")


def test_who_never_answers_is_given_up() -> None:
    receiver = Receiver(0)
    with listening(receiver) as url, pytest.raises(WebhookError, match="Timeout"):
        Webhook(url, attempt_seconds=0.1).post({}, "k")
    assert len(receiver.told) == 3


def test_an_address_that_is_none_is_an_error_of_one_line_too() -> None:
    with pytest.raises(WebhookError, match=r"^it can't be reached \(\w+\)$"):
        Webhook("http://[SECRET/hook").post({}, "k")


def test_a_name_and_password_become_a_header_and_are_never_shown() -> None:
    receiver = Receiver(200)
    with listening(receiver) as url:
        hook = Webhook(url.replace("http://", "http://me:pass%20word@"))
        hook.post({}, "k")
        assert hook.shown == url.split("/hook")[0]
    [(headers, _)] = receiver.told
    assert headers["Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    assert headers["Host"].startswith("127.0.0.1")


def test_the_key_is_of_the_window_and_its_news() -> None:
    assert key("2026-11-24T14-00-00Z", "begins") == key("2026-11-24T14-00-00Z", "begins")
    assert len({key(window, news) for window in ("a", "b") for news in ("begins", "ends")}) == 4


def test_what_hangs_is_left_behind_and_not_begun_again() -> None:
    release, begun = threading.Event(), list[int]()

    def hang() -> None:
        begun.append(1)
        release.wait(30)

    deadline = Deadline("it", 0.05)
    with pytest.raises(TimeoutError, match=r"it took more than 0\.05 s"):
        deadline.hold(hang)
    with pytest.raises(TimeoutError, match="still hangs"):
        deadline.hold(hang)
    release.set()
    assert begun == [1]


def test_what_is_in_time_returns_or_raises() -> None:
    deadline = Deadline("it", 10)
    assert deadline.hold(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        deadline.hold(lambda: 1 // 0)
