"""How the pipeline was started: by make stack, or in containers by Docker Compose or Kubernetes."""

from __future__ import annotations

import base64
import shlex
import subprocess
from pathlib import Path
from typing import Protocol

from stack.settings import StackSettings

COMMAND_SECONDS = 30.0
NEWEST_EVENTS = "tail -q -c 1000000 $(ls -t /events/events/*.jsonl | head -n 1)"
"""Run in the drift job's container, which reads the Collector's event files; the Collector's own has no shell."""
FIRST_KEY = "/data/first.key"
"""The key that the server's container makes at its first start: deploy/server.sh."""
SERVERS = ("server", "server-gpu")


class Installation(Protocol):
    """The parts of the doctor's advice and checks that depend on how the pipeline was started."""

    start: str
    """What starts everything."""
    log: str
    """How to read the Collector's log."""

    def newest_events(self) -> str:
        """Returns the newest events that the Collector wrote, as lines of OTLP JSON; empty if there are none."""
        ...

    def first_key(self) -> str:
        """Returns an API key that the installation has made for its operator; empty if there is none."""
        ...


class NativeInstallation:
    """What make stack has started."""

    start = "start everything with make stack"

    def __init__(self, settings: StackSettings) -> None:
        self._events = settings.events_folder
        self.log = f"tail {settings.data_dir / 'logs' / 'collector.log'}"

    def newest_events(self) -> str:
        files = sorted(self._events.glob("*.jsonl"), key=_modified)
        return files[-1].read_text(errors="replace") if files else ""

    def first_key(self) -> str:
        return ""


class ComposeInstallation:
    """What Docker Compose has started from compose.yaml."""

    def __init__(self, command: str) -> None:
        """``command`` is how Compose is called, such as docker compose."""
        self._command = shlex.split(command)
        self.start = f"start everything with {command} up"
        self.log = f"{command} logs collector"

    def newest_events(self) -> str:
        return self._run("drift", "sh", "-c", NEWEST_EVENTS)

    def first_key(self) -> str:
        return next(filter(None, (self._run(name, "cat", FIRST_KEY).strip() for name in SERVERS)), "")

    def _run(self, service: str, *program: str) -> str:
        return _printed([*self._command, "exec", "-T", service, *program])


class KubernetesInstallation:
    """What deploy/kubernetes has started; `kubectl port-forward` offers its programs on this machine."""

    def __init__(self, command: str) -> None:
        """``command`` is how kubectl is called, with the namespace."""
        self._command = shlex.split(command)
        self.start = f"look at {command} get pods, and forward its port: deploy/README.md"
        self.log = f"{command} logs collector-0 --container=collector"

    def newest_events(self) -> str:
        command = [*self._command, "exec", "collector-0", "--container=drift", "--", "sh", "-c", NEWEST_EVENTS]
        return _printed(command)

    def first_key(self) -> str:
        secret = ["get", "secret", "ttscope-keys", "--output", r"jsonpath={.data.first\.key}"]
        return base64.b64decode(_printed([*self._command, *secret])).decode()


def _printed(command: list[str]) -> str:
    """Returns what a command prints; empty if it fails."""
    done = subprocess.run(  # noqa: S603 - what the operator named
        command, capture_output=True, text=True, errors="replace", timeout=COMMAND_SECONDS, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def _modified(path: Path) -> float:
    return path.stat().st_mtime
