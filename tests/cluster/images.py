"""The images of the cluster: taken out of the Docker engine once, and from then on shared by the nodes as hard links.

The server's image alone has 6 GB. So a containerd of their own unpacks them into a store in the cache; packed layers
give their place on the disk back, since nothing reads them again. A node's containerd begins with links to these files,
which it never writes, and with a copy of the databases.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.cluster.layers import NotPossibleError, write_update
from tests.cluster.node import containerd_configuration, socket_of
from tests.cluster.processes import Processes, run
from tests.compose.engine import Docker

IMPORT_SECONDS = 1200.0
START_SECONDS = 60.0
BLOB_KEPT = 1 << 20
"""Smaller blobs are manifests and configurations, which stay."""


class ImageStore:
    """The unpacked images in ``folder``, by name, with the identifiers that the engine gave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._list = folder / "list.json"
        self._blobs = folder / "images" / "io.containerd.content.v1.content" / "blobs" / "sha256"

    def names(self) -> frozenset[str]:
        """Returns the names of the images."""
        return frozenset(self._identifiers())

    def missing(self, wanted: Mapping[str, str]) -> list[str]:
        """Returns the images of ``wanted``, identifiers by name, that are not here in that version."""
        here = self._identifiers()
        return [name for name, identifier in wanted.items() if here.get(name) != identifier]

    def fill(self, docker: Docker, wanted: Mapping[str, str], processes: Processes) -> None:
        """Makes the store have the images of ``wanted``."""
        missing = self.missing(wanted)
        if not missing:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "containerd.toml").write_text(containerd_configuration(self.folder))
        holder = processes.hold("store", mount=True)
        program = shutil.which("containerd") or ""
        server = processes.start(
            "store-containerd", program, "--config", str(self.folder / "containerd.toml"), inside=holder
        )
        try:
            answers(socket_of(self.folder))
            for name in missing:
                self._import(docker, name)
                self._list.write_text(json.dumps({**self._identifiers(), name: wanted[name]}, indent=1))
                _give_back(self._blobs)
        finally:
            server.terminate()
            server.wait(START_SECONDS)
            os.kill(holder.pid, 15)
        shutil.rmtree(self.folder / "run", ignore_errors=True)

    def _identifiers(self) -> dict[str, str]:
        return dict(json.loads(self._list.read_text())) if self._list.exists() else {}

    def link(self, target: Path) -> None:
        """Gives a node's containerd, which does not run yet, the images."""
        target.parent.mkdir(parents=True)
        run("cp", "--archive", "--link", str(self.folder / "images"), str(target), seconds=IMPORT_SECONDS)
        for database in target.rglob("*.db"):
            content = database.read_bytes()
            database.unlink()
            database.write_bytes(content)

    def _import(self, docker: Docker, name: str) -> None:
        """Has the store's containerd unpack an image."""
        file = self.folder / "layers.json"
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        try:
            with self._importing() as target:
                write_update(docker, name, self._blobs, known, target)
        except NotPossibleError:  # the engine is elsewhere
            with self._importing() as target:
                save = [docker.program, "save", name]
                subprocess.run(save, env={**os.environ, **docker.environment}, stdout=target, check=True)
        file.write_text(json.dumps(known, indent=1))

    @contextmanager
    def _importing(self) -> Iterator[IO[bytes]]:
        """Yields where an archive is written that containerd unpacks meanwhile."""
        command = ["ctr", "--address", str(socket_of(self.folder)), "--namespace", "k8s.io", "images", "import", "-"]
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors)
            assert process.stdin
            try:
                yield process.stdin
                process.stdin.close()
                process.wait(IMPORT_SECONDS)
            except BaseException:
                process.kill()
                raise
            errors.seek(0)
            assert process.returncode == 0, f"no image is imported: {errors.read().decode()[-2000:]}"


def identifiers(docker: Docker, names: Collection[str]) -> dict[str, str]:
    """Returns the identifier of each image."""
    return {name: docker("image", "inspect", "--format", "{{.Id}}", name) for name in sorted(names)}


def tag(node: Path, name: str, new: str) -> None:
    """Gives an image of a node's running containerd, whose files are in ``node``, a second name."""
    prefix = ("ctr", "--address", str(socket_of(node)), "--namespace", "k8s.io", "images")
    run(*prefix, "tag", "--force", name, new)


def answers(socket: Path) -> None:
    """Waits until the containerd answers."""
    deadline = time.monotonic() + START_SECONDS
    command = ["ctr", "--address", str(socket), "version"]
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, f"containerd does not answer on {socket}"
        time.sleep(0.1)


def _give_back(blobs: Path) -> None:
    """Makes holes of large files: their size stays, by which containerd knows that they are complete."""
    for blob in blobs.rglob("*"):
        if blob.is_file() and blob.stat().st_blocks * 512 > BLOB_KEPT:
            size = blob.stat().st_size
            os.truncate(blob, 0)
            os.truncate(blob, size)
