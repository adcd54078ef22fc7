"""The generated templates of the chart, the values that they read, and the files that they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy.chart import values
from deploy.chart.emission import template
from deploy.chart.manifests import (
    KUBERNETES,
    ROOT,
    Component,
    ConfigMapSource,
    Key,
    Manifest,
    Source,
    config_maps,
    key,
    patched,
    resources,
)
from deploy.chart.places import MAKES_SECRETS, Places
from deploy.chart.tree import ABSENT, Cases, Expression, Tree, vary

BASE = KUBERNETES / "base"
COMPONENTS = (
    Component("gpu", ".Values.gpu.enabled"),
    Component("tempo", 'eq .Values.traceStore "tempo"'),
    Component("monitoring", ".Values.monitoring.enabled"),
    Component("autoscaling", 'eq .Values.autoscaling.by "hpa"'),
    Component("keda", 'eq .Values.autoscaling.by "keda"'),
    Component("shared-voices", ".Values.sharedVoices.enabled"),
    Component("probe", ".Values.probe.enabled"),
    Component("wyoming", ".Values.wyoming.enabled"),
)
"""In the order in which they are applied. What a component changes of the base, later ones do not see."""
FILES = "files"
PRUNED = ("deploy/kubernetes",)
"""Folders that have more than files of configuration: of these the chart links files, of others folders."""
MAKE_SECRETS = "make-secrets"
SERVER = ("Deployment", "server")
HEADER = "Generated from {} by `make docs`; do not edit."


@dataclass(frozen=True, slots=True)
class Chart:
    """What is generated: the templates by their names, their values, and the paths from the root that it links to."""

    templates: dict[str, str]
    values: values.Values
    links: list[PurePosixPath]


def chart() -> Chart:
    """Returns the chart of the manifests. Raises ValueError for manifests that it can't take over."""
    sources = list(resources(BASE))
    base = {source.key: source.manifest for source in sources}
    maps = _config_maps()
    sections = _fixed_values()
    hashed = {each.name: [f"{FILES}/{path}" for path in each.files.values()] for each, _ in maps if each.has_hash}
    places = Places(base, sections, hashed)
    variants = [(component, patched(base, _folder(component))) for component in COMPONENTS]
    sections.add(values.environment(sorted(_variables([base, *(objects for _, objects in variants)]))))
    trees = dict(_trees(base, variants, places))
    templates = {}
    for path, documents in _by_file(sources).items():
        templates[path.stem] = _template([path], [trees[source.key] for source in documents])
    for component in COMPONENTS:
        templates |= _added(component, places)
    kustomizations = sorted({(ROOT / path).parent for each, _ in maps for path in each.files.values()})
    config = [_config_map(each, condition, places) for each, condition in maps]
    templates["config-maps"] = _template(kustomizations, config)
    return Chart(templates, sections, list(_links(each for each, _ in maps)))


def _config_maps() -> list[tuple[ConfigMapSource, str]]:
    """The ConfigMaps, each with the condition under which it is there; a component's takes the place of the base's."""
    added = [(each, component.condition) for component in COMPONENTS for each in config_maps(_folder(component))]
    replaced = {each.name: condition for each, condition in added}
    kept = [(each, f"not ({replaced[each.name]})" if each.name in replaced else "") for each in config_maps(BASE)]
    return [*kept, *added]


def _added(component: Component, places: Places) -> dict[str, str]:
    """The templates of the objects that a component adds."""
    templates = {}
    for path, documents in _by_file(resources(_folder(component))).items():
        trees = [places.substitute(each.manifest, component.name) for each in documents]
        name = path.stem if path.stem == component.name else f"{component.name}-{path.stem}"
        templates[name] = _template([path], [Cases(((component.condition, tree),), ABSENT) for tree in trees])
    return templates


def _fixed_values() -> values.Values:
    """The values that have no place in the manifests."""
    sections = values.Values()
    fixed = (*values.NAMESPACE, *values.COMPONENTS, *values.IMAGES, values.STORAGE_CLASS, *values.SECRETS)
    for value in (*fixed, *values.SERVER, *values.INGRESS):
        sections.add(value)
    return sections


def _folder(component: Component) -> Path:
    return KUBERNETES / "components" / component.name


def _variables(every: Iterable[dict[Key, Manifest]]) -> set[str]:
    """The variables that the manifests give to the server."""
    servers = [objects[SERVER]["spec"]["template"]["spec"]["containers"][0] for objects in every]
    return {variable["name"] for container in servers for variable in container["env"]}


def _trees(
    base: dict[Key, Manifest], variants: list[tuple[Component, dict[Key, Manifest]]], places: Places
) -> Iterator[tuple[Key, Tree]]:
    for name, manifest in base.items():
        tree = places.substitute(manifest)
        trees = [
            (component.condition, places.substitute(objects[name], component.name) if name in objects else ABSENT)
            for component, objects in variants
        ]
        yield name, _conditional(name, vary(tree, trees))


def _conditional(name: Key, tree: Tree) -> Tree:
    """The tree, under the condition of the value that leaves the object out."""
    kind, text = name
    condition = ".Values.namespace.create" if kind == "Namespace" else MAKES_SECRETS if text == MAKE_SECRETS else ""
    return Cases(((condition, tree),), ABSENT) if condition else tree


def _by_file(sources: Iterable[Source]) -> dict[Path, list[Source]]:
    found: dict[Path, list[Source]] = {}
    for source in sources:
        found.setdefault(source.path, []).append(source)
    return found


def _template(paths: Iterable[Path], trees: Iterable[Tree]) -> str:
    return template(trees, HEADER.format(", ".join(str(path.relative_to(ROOT)) for path in paths)))


def _config_map(source: ConfigMapSource, condition: str, places: Places) -> Tree:
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": source.name, "labels": dict(source.labels)},
    }
    tree = places.substitute(manifest)
    tree["data"] = {name: Expression(f'.Files.Get "{FILES}/{path}" | toJson') for name, path in source.files.items()}
    return Cases(((condition, tree),), ABSENT) if condition else _conditional(key(manifest), tree)


def _links(maps: Iterable[ConfigMapSource]) -> Iterator[PurePosixPath]:
    """The paths from the root of the repository that the chart needs in its folder of files."""
    paths = {PurePosixPath(path) for each in maps for path in each.files.values()}
    paths.add(PurePosixPath((KUBERNETES / "components" / "monitoring" / "rules.yaml").relative_to(ROOT)))
    folders = {path if str(path).startswith(PRUNED) else path.parent for path in paths}
    yield from sorted(path for path in folders if not folders & {*path.parents})
