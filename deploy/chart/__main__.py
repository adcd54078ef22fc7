"""``python -m deploy.chart [--check]`` writes the generated files of the Helm chart in deploy/helm."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from deploy.chart import schema
from deploy.chart.manifests import ROOT
from deploy.chart.templates import FILES, HEADER, chart
from otel.support.generated import keep

CHART = ROOT / "deploy" / "helm" / "ttscope"
TEMPLATES = CHART / "templates"
WRITTEN = {"ingress.yaml", "http-route.yaml"}
"""The templates that are written by hand: they have no manifest in deploy/kubernetes."""
README = CHART / "README.md"


def stale_links(paths: Iterable[PurePosixPath]) -> dict[Path, str]:
    """Returns the links of the folder of files that are missing or lead elsewhere, with what they must lead to."""
    links = {CHART / FILES / path: os.path.relpath(ROOT / path, (CHART / FILES / path).parent) for path in paths}
    return {link: target for link, target in links.items() if not link.is_symlink() or str(link.readlink()) != target}


def build(*, check: bool) -> int:
    """Writes or checks the files. Returns the exit code: 1 if ``check`` found a stale file."""
    generated = chart()
    contents = {TEMPLATES / f"{name}.yaml": text for name, text in generated.templates.items()}
    contents[CHART / "values.yaml"] = schema.values_file(generated.values, HEADER.format("deploy/chart"))
    contents[CHART / "values.schema.json"] = schema.json_schema(generated.values)
    contents[README] = schema.put_into(README.read_text(encoding="utf-8"), generated.values)
    obsolete = [path for path in TEMPLATES.glob("*.yaml") if path not in contents and path.name not in WRITTEN]
    links = stale_links(generated.links)
    obsolete += [
        path
        for path in (CHART / FILES).rglob("*")
        if path.is_symlink() and PurePosixPath(path.relative_to(CHART / FILES)) not in generated.links
    ]
    if check and links:
        sys.stderr.writelines(f"{link} is out of date: run make docs\n" for link in links)
    if not check:
        for link, target in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(target)
    return keep(contents, obsolete, check=check) or int(check and bool(links))


if __name__ == "__main__":
    sys.exit(build(check="--check" in sys.argv[1:]))
