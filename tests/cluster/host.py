"""What is done to a pod from outside, as a fault does it: its processes are found by their cgroup."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil


def processes_of(pod: dict[str, Any], command: str) -> list[psutil.Process]:
    """Returns the processes of a pod whose command line has ``command``."""
    mark = f"pod{pod['metadata']['uid']}"
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            inside = mark in Path(f"/proc/{process.pid}/cgroup").read_text()
        except OSError:
            continue
        if inside and command in " ".join(process.info["cmdline"] or []):
            found.append(process)
    return found


def send(pod: dict[str, Any], command: str, number: signal.Signals) -> None:
    """Sends a signal to the processes of a pod whose command line has ``command``."""
    processes = processes_of(pod, command)
    assert processes, f"no {command} in {pod['metadata']['name']}"
    for process in processes:
        process.send_signal(number)
