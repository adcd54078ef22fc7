"""An image for a store that has most of its layers: the others alone are taken, out of the engine's own folder.

`docker save` writes all layers, twice, which takes minutes for gigabytes of libraries below a changed program. A layer
that is taken from its folder is another archive of the same files; so the image names it by another digest.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from tests.compose.engine import Docker

CONFIGURATION = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class NotPossibleError(Exception):
    """The layers can't be taken from the engine's folder; the message says why."""


def write_update(docker: Docker, name: str, blobs: Path, known: dict[str, str], target: IO[bytes]) -> None:
    """Writes an OCI archive of the image without the layers that ``blobs`` has already.

    ``known`` has the digests of layers here, by those of the engine; it gets what is written. Raises NotPossibleError
    where the engine's folder is not this machine's, or not understood.
    """
    root = Path(docker("info", "--format", "{{.DockerRootDir}}"))
    identifier = docker("image", "inspect", "--format", "{{.Id}}", name).partition(":")[2]
    file = root / "image" / "overlay2" / "imagedb" / "content" / "sha256" / identifier
    if not file.exists():
        raise NotPossibleError(f"there is no {file}")
    configuration: dict[str, Any] = json.loads(file.read_text())
    digests: list[str] = configuration["rootfs"]["diff_ids"]
    with tarfile.open(fileobj=target, mode="w|") as archive:
        layers = []
        for number, digest in enumerate(digests):
            here = known.get(digest, digest)
            blob = blobs / here.partition(":")[2]
            if blob.exists():
                layers.append({"mediaType": LAYER, "digest": here, "size": blob.stat().st_size})
            else:
                layers.append(_put(archive, _folder(root, digests[: number + 1])))
            known[digest] = layers[-1]["digest"]
        configuration["rootfs"]["diff_ids"] = [layer["digest"] for layer in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _put_bytes(archive, json.dumps(configuration).encode(), CONFIGURATION),
            "layers": layers,
        }
        described = _put_bytes(archive, json.dumps(manifest).encode(), MANIFEST)
        described["annotations"] = {"io.containerd.image.name": full_name(name)}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]}
        _add(archive, "index.json", json.dumps(index).encode())
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def full_name(name: str) -> str:
    """Returns the name by which containerd knows an image of Docker's.

    A first part with a dot or a colon, or localhost, is a registry.
    """
    first, slash, _ = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        return name
    return f"docker.io/{name if slash else f'library/{name}'}"


def _folder(root: Path, digests: Sequence[str]) -> Path:
    """Returns where the engine has unpacked the last one of these layers."""
    chain = digests[0]
    for digest in digests[1:]:
        chain = f"sha256:{hashlib.sha256(f'{chain} {digest}'.encode()).hexdigest()}"
    file = root / "image" / "overlay2" / "layerdb" / "sha256" / chain.partition(":")[2] / "cache-id"
    if not file.exists():
        raise NotPossibleError(f"there is no {file}")
    return root / "overlay2" / file.read_text() / "diff"


def _pack(folder: Path, target: Any) -> None:
    with tarfile.open(fileobj=target, mode="w|") as archive:
        for path in sorted(folder.rglob("*")):
            if stat.S_ISCHR(path.lstat().st_mode):
                raise NotPossibleError(f"{path} removes a file of a layer below")
            archive.add(path, str(path.relative_to(folder)), recursive=False)


class _Sum:
    """A file that only counts and sums what is written."""

    def __init__(self) -> None:
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.size += len(content)
        self.digest.update(content)
        return len(content)


def _put(archive: tarfile.TarFile, folder: Path) -> dict[str, Any]:
    """Adds a layer as a blob, and returns how a manifest names it. It is packed twice: its name is its digest."""
    packed = _Sum()
    _pack(folder, packed)
    information = tarfile.TarInfo(f"blobs/sha256/{packed.digest.hexdigest()}")
    information.size = packed.size
    archive.addfile(information)
    assert archive.fileobj
    _pack(folder, archive.fileobj)
    padding = -packed.size % tarfile.BLOCKSIZE
    archive.fileobj.write(bytes(padding))
    archive.offset += packed.size + padding
    return {"mediaType": LAYER, "digest": f"sha256:{packed.digest.hexdigest()}", "size": packed.size}


def _put_bytes(archive: tarfile.TarFile, content: bytes, kind: str) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    _add(archive, f"blobs/sha256/{digest}", content)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    information = tarfile.TarInfo(name)
    information.size = len(content)
    archive.addfile(information, io.BytesIO(content))
