"""The Docker engine that the tests use: the one that runs here, else one of their own in a folder of the cache."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 120.0
BUILDX_NEEDED = 23
"""The first version of the client that builds only with buildx; earlier ones have BuildKit inside."""


class NoEngineError(Exception):
    """There is no Docker engine, and none can be started here."""


@dataclass(frozen=True, slots=True)
class Docker:
    """A client of an engine."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, seconds: float = 120.0, check: bool = True) -> str:
        """Returns what the command prints. Raises AssertionError with its error output if it fails."""
        done = self.run(arguments, seconds)
        assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr[-2000:]}"
        return done.stdout.strip()

    def run(self, arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Returns how the command ended."""
        return subprocess.run(
            [self.program, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def has(self, image: str) -> bool:
        """Whether the engine has the image."""
        return self.run(("image", "inspect", image), 60.0).returncode == 0


@contextmanager
def docker_engine(folder: Path) -> Iterator[Docker]:
    """Yields the engine that answers here; else starts one that keeps everything in ``folder``, and stops it after.

    Raises NoEngineError.
    """
    program = _client()
    docker = Docker(program, {"DOCKER_BUILDKIT": "1"})
    if docker.run(("version",), START_SECONDS).returncode == 0:
        yield docker
        return
    engine = _start(folder)
    address = f"unix://{folder / 'docker.sock'}"
    docker = Docker(program, {"DOCKER_BUILDKIT": "1", "DOCKER_HOST": address})
    try:
        _wait_until_it_answers(docker, engine, folder)
        yield docker
    finally:
        _stop(engine, folder)


def _client() -> str:
    """Returns the first client on the PATH that can build with BuildKit."""
    for directory in os.get_exec_path():
        program = shutil.which("docker", path=directory)
        if program and _builds(program):
            return program
    raise NoEngineError("no docker on the PATH can build with BuildKit (Docker with buildx, or Debian's docker.io)")


def _builds(program: str) -> bool:
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = printed.removeprefix("Docker version ").partition(".")[0]
    if version.isdigit() and int(version) < BUILDX_NEEDED:
        return True
    return subprocess.run([program, "buildx", "version"], capture_output=True, check=False).returncode == 0


def _start(folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("dockerd")
    if program is None or os.geteuid() != 0:
        raise NoEngineError("no Docker engine answers, and only root can start one (dockerd)")
    if any(process.info["name"] == "dockerd" for process in psutil.process_iter(["name"])):
        raise NoEngineError("a dockerd runs that does not answer; a second one would take its network away")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "exec", ignore_errors=True)  # with what a killed engine has left there, none starts
    for name in ("docker.pid", "docker.sock"):
        (folder / name).unlink(missing_ok=True)
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [
                program,
                *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--pidfile", str(folder / "docker.pid"), "--host", f"unix://{folder / 'docker.sock'}"),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_it_answers(docker: Docker, engine: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while docker.run(("version",), START_SECONDS).returncode != 0:
        if engine.poll() is not None or time.monotonic() > deadline:
            tail = (folder / "log").read_text(errors="replace")[-2000:]
            raise NoEngineError(f"the Docker engine does not start: {tail}")
        time.sleep(0.2)


def _stop(engine: subprocess.Popen[bytes], folder: Path) -> None:
    """Ends the engine in order: killed, it would leave its containers behind."""
    engine.send_signal(signal.SIGTERM)
    engine.wait(STOP_SECONDS)
    with suppress(OSError):
        subprocess.run(["umount", str(folder / "data")], capture_output=True, check=False)
