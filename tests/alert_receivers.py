"""Who is told of alerts: a real mail server, and an HTTP server that takes webhooks and Slack's messages."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.stack import free_ports


@dataclass(frozen=True)
class Told:
    """An alert in a webhook's message."""

    name: str
    status: str
    """firing or resolved."""
    at: float
    alert: dict[str, Any]


@dataclass
class Inbox:
    """All that arrived."""

    smtp: str = ""
    """host:port."""
    http: str = ""
    """The base of the URLs."""
    mails: list[Message] = field(default_factory=list)
    mailed_at: list[float] = field(default_factory=list)
    posts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Bodies by path."""
    told: list[Told] = field(default_factory=list)
    """By the path /webhook."""

    def of(self, name: str, status: str, since: float = 0.0) -> Told | None:
        """The first of an alert in this status."""
        return next(
            (told for told in self.told if (told.name, told.status) == (name, status) and told.at >= since), None
        )

    def mail(self, words: str, since: float = 0.0) -> float | None:
        """When the first mail with these words came."""
        found = (
            at for at, mail in zip(self.mailed_at, self.mails, strict=False) if at >= since and words in text(mail)
        )
        return next(found, None)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content))
        self.mailed_at.append(time.monotonic())
        return "250 OK"

    def take(self, path: str, body: dict[str, Any]) -> None:
        self.posts.setdefault(path, []).append(body)
        if path == "/webhook":
            now = time.monotonic()
            self.told += [Told(a["labels"]["alertname"], a["status"], now, a) for a in body["alerts"]]


def text(mail: Message) -> str:
    """Subject and body."""
    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    return f"{mail['Subject']}\n{body.decode()}"


@contextmanager
def listening() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.take(self.path, json.loads(body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    port = free_ports(["smtp"])["smtp"]  # aiosmtpd calls itself, so it must know its port beforehand
    mail = Controller(inbox, hostname="127.0.0.1", port=port)
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    mail.start()
    try:
        inbox.smtp = f"127.0.0.1:{port}"
        inbox.http = f"http://127.0.0.1:{web.server_address[1]}"
        yield inbox
    finally:
        mail.stop()
        web.shutdown()
