"""The manifests of deploy/kubernetes as data: the base, what components make of it, and the files of ConfigMaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.chart.merging import DIRECTIVE, PatchError, merge, operate

ROOT = Path(__file__).parent.parent.parent
KUBERNETES = ROOT / "deploy" / "kubernetes"
Manifest = dict[str, Any]
Key = tuple[str, str]
"""The kind and the name of an object: all are in one namespace."""


@dataclass(frozen=True, slots=True)
class Component:
    """A component of Kustomize, and the condition under which the chart does what it does."""

    name: str
    condition: str


@dataclass(frozen=True, slots=True, eq=False)
class ConfigMapSource:
    """A ConfigMap made of files: its keys with the paths of their files, from the root of the repository."""

    name: str
    files: dict[str, str]
    labels: dict[str, str]
    has_hash: bool
    """Whether Kustomize puts a hash of the content behind the name, so that pods start anew with a changed one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest, and the path of the file that it is in."""

    path: Path
    manifest: Manifest

    @property
    def key(self) -> Key:
        return key(self.manifest)


def key(manifest: Manifest) -> Key:
    """Returns the kind and the name of an object."""
    return manifest["kind"], manifest["metadata"]["name"]


def resources(folder: Path) -> Iterator[Source]:
    """Yields the objects of a kustomization's resources, those of its bases too."""
    for name in _kustomization(folder).get("resources", []):
        path = (folder / name).resolve()
        if path.is_dir():
            yield from resources(path)
        else:
            yield from (Source(path, manifest) for manifest in yaml.safe_load_all(path.read_text()))


def config_maps(folder: Path) -> Iterator[ConfigMapSource]:
    """Yields the ConfigMaps that a kustomization, its bases and its components generate."""
    kustomization = _kustomization(folder)
    for name in (*kustomization.get("resources", []), *kustomization.get("components", [])):
        if (folder / name).is_dir():
            yield from config_maps((folder / name).resolve())
    options = kustomization.get("generatorOptions", {})
    has_hash = not options.get("disableNameSuffixHash", False)
    for generated in kustomization.get("configMapGenerator", []):
        files = dict(_file(name, folder) for name in generated["files"])
        labels = {**options.get("labels", {}), **generated.get("options", {}).get("labels", {})}
        yield ConfigMapSource(generated["name"], files, labels, has_hash)


def _file(entry: str, folder: Path) -> tuple[str, str]:
    """The key of a file in its ConfigMap, and its path from the root."""
    name, _, path = entry.rpartition("=")
    return name or Path(path).name, str((folder / path).relative_to(ROOT))


def patched(base: dict[Key, Manifest], folder: Path) -> dict[Key, Manifest]:
    """Returns ``base`` with a component's patches applied. Raises PatchError for one that fits nothing."""
    objects = dict(base)
    for patch in _kustomization(folder).get("patches", []):
        for name, change in _changes(patch, folder):
            if name not in objects:
                raise PatchError(f"{folder.name} patches {name}, which does not exist")
            if isinstance(change, list):
                objects[name] = operate(objects[name], change)
            elif change.get(DIRECTIVE) == "delete":
                del objects[name]
            else:
                objects[name] = merge(objects[name], change)
    return objects


def _changes(patch: dict[str, Any], folder: Path) -> Iterator[tuple[Key, Any]]:
    text = (folder / patch["path"]).read_text() if "path" in patch else patch["patch"]
    for change in yaml.safe_load_all(text):
        yield (patch["target"]["kind"], patch["target"]["name"]) if "target" in patch else key(change), change


def _kustomization(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return content
