"""OSV, Go's vulnerability database and npm's registry, on a port of this machine and with invented advisories."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WRITTEN = "2026-01-01T00:00:00Z"


@dataclass
class Advisories:
    """What the services answer with, and what they were asked for."""

    python: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    """Advisories by package and version."""
    go: list[dict[str, Any]] = field(default_factory=list)
    npm: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    asked: set[tuple[str, str]] = field(default_factory=set)
    """The Python packages and versions that OSV was asked for."""
    broken: bool = False
    """Whether every answer is an error of the service."""
    url: str = ""

    def osv(self, query: dict[str, Any]) -> dict[str, Any]:
        pin = (query["package"]["name"], query["version"])
        self.asked.add(pin)
        return {"vulns": self.python[pin]} if pin in self.python else {}

    def bulk(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        return {name: advisories for name, advisories in self.npm.items() if name in asked}

    def database(self, path: str) -> Any:
        """A file of Go's database; None if it has none of this path."""
        modules: dict[str, list[dict[str, Any]]] = {}
        for advisory in self.go:
            entry = {"id": advisory["id"], "modified": WRITTEN}
            modules.setdefault(advisory["affected"][0]["package"]["name"], []).append(entry)
        return {
            "index/db.json": {"modified": WRITTEN},
            "index/modules.json": [{"path": name, "vulns": entries} for name, entries in modules.items()],
            **{f"ID/{advisory['id']}.json": advisory for advisory in self.go},
        }.get(path)


@contextmanager
def serving(advisories: Advisories) -> Iterator[Advisories]:
    """Serves all three services below ``advisories.url``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self.answer((advisories.osv if self.path == "/osv" else advisories.bulk)(json.loads(body)))

        def do_GET(self) -> None:
            path = self.path.removeprefix("/go/")
            answer = advisories.database(path.removesuffix(".gz"))
            self.answer(answer, compressed=path.endswith(".gz"))

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def answer(self, value: Any, compressed: bool = False) -> None:
            body = b"" if value is None else json.dumps(value).encode()
            body = gzip.compress(body) if compressed else body
            self.send_response(503 if advisories.broken else 404 if value is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        advisories.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield advisories
        server.shutdown()
        thread.join()
