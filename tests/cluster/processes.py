"""The processes of the cluster. All are in a cgroup of its own, so that each is found and ended, also much later.

A node is a process that holds a network and a mount namespace; its programs enter them. Namespaces end with their last
process, and with them all that was mounted and connected there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CGROUP = "ttscope-cluster"
CGROUPS = Path("/sys/fs/cgroup")
END_SECONDS = 60.0
PRIVATE = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
"""Folders that programs of a node write to whatever they are told: each node has its own, in memory."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The network namespace, and for a node the mount namespace, that a process holds."""

    pid: int
    mount: bool

    def enter(self) -> list[str]:
        """Returns the beginning of a command that runs in them."""
        return ["nsenter", f"--target={self.pid}", "--net", *(["--mount"] if self.mount else []), "--"]

    def run(self, *command: str) -> None:
        """Runs a command that ends. Raises AssertionError with its error output if it fails."""
        run(*self.enter(), *command)


class Processes:
    """What runs for the cluster; logs are in ``logs``."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        for folder in _hierarchies():
            make_cgroup(folder)
            make_cgroup(folder / "programs")
        self._members = _hierarchies()[0] / "programs" / "cgroup.procs"

    def start(
        self, name: str, *command: str, inside: Namespaces | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts a program that goes on."""
        join = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._members)]
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*join, *(inside.enter() if inside else []), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    def hold(self, name: str, *, mount: bool) -> Namespaces:
        """Makes namespaces, and returns them; a node's mounts are not seen outside."""
        private = [f"mkdir -p {folder} && mount -t tmpfs tmpfs {folder}" for folder in PRIVATE]
        script = " && ".join(["mount --make-rshared /", *private, "exec sleep infinity"])
        command = ["--mount", "sh", "-c", script] if mount else ["sleep", "infinity"]
        holder = self.start(name, "unshare", "--net", *command)
        deadline = time.monotonic() + END_SECONDS
        while Path(f"/proc/{holder.pid}/comm").read_text() != "sleep\n":
            assert holder.poll() is None, self.log(name)
            assert time.monotonic() < deadline, f"{name} has no namespaces after {END_SECONDS} s"
            time.sleep(0.02)
        return Namespaces(holder.pid, mount)

    def log(self, name: str) -> str:
        """Returns the end of what a program has written."""
        return (self._logs / f"{name}.log").read_text(errors="replace")[-3000:]


def run(*command: str, seconds: float = 60.0) -> str:
    """Returns what the command prints. Raises AssertionError with its error output if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-2000:]}"
    return done.stdout


def make_cgroup(folder: Path) -> None:
    """Makes the cgroup; version 1 puts no process into one without processors and memory."""
    folder.mkdir(exist_ok=True)
    for name in ("cpuset.cpus", "cpuset.mems"):
        file = folder / name
        if folder.is_relative_to(CGROUPS / "cpuset") and not file.read_text().strip():
            file.write_text((folder.parent / name).read_text())


def make_node_cgroups(node: str) -> str:
    """Makes the cgroups below which a node's pods are; returns their name for the kubelet."""
    for folder in _hierarchies():
        make_cgroup(folder / node)
    return f"/{CGROUP}/{node}"


def end_all() -> None:
    """Kills every process of the cluster, and removes their cgroups. Raises TimeoutError if one stays."""
    deadline = time.monotonic() + END_SECONDS
    while members := set(_members()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"these processes of the cluster don't end: {sorted(members)}")
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    for folder in _hierarchies():
        _remove(folder)


def _hierarchies() -> Sequence[Path]:
    """The cluster's cgroup in each hierarchy: one in version 2; in version 1 the first one has every process."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / CGROUP]
    found = {path.resolve() for path in CGROUPS.iterdir() if (path / "cgroup.procs").exists()}
    return [path / CGROUP for path in sorted(found, key=lambda path: (path.name != "pids", path.name))]


def _members() -> Iterator[int]:
    for folder in _hierarchies():
        for below, _, _ in os.walk(folder):
            with suppress(OSError):
                yield from map(int, Path(below, "cgroup.procs").read_text().split())


def _remove(folder: Path) -> None:
    """Removes a cgroup with those below it; what still ends may remove some meanwhile, which walk() overlooks."""
    for below, _, _ in os.walk(folder, topdown=False):
        with suppress(FileNotFoundError):
            Path(below).rmdir()
