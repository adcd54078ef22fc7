"""JSON schemas of Kubernetes and of custom resources, strict, and manifests checked against them by kubeconform.

The schemas are made from what the makers publish as Go modules, pinned by stack/programs/schemas/go.sum: the OpenAPI
description of Kubernetes, with the enums that its generated Go code has and the description lacks, and the definitions
of custom resources. The repository has no copy.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from stack.environment import inherited
from stack.programs import SOURCES
from stack.toolchain import find
from tests.kubernetes import Manifest

MODULES = SOURCES / "schemas"
KUBERNETES = "k8s.io/kubernetes"
CUSTOM = {
    "monitoring.coreos.com": ("github.com/prometheus-operator/prometheus-operator", "example/prometheus-operator-crd"),
    "keda.sh": ("github.com/kedacore/keda/v2", "config/crd/bases"),
    "gateway.networking.k8s.io": ("sigs.k8s.io/gateway-api", "config/crd/standard"),
}
"""The module and the folder of the definitions of each group of custom resources."""
REFERENCE = "#/components/schemas/"
ENUM = re.compile(r'^\t{5}"(\w+)": \{$|^\t+Enum: +\[\]interface\{\}\{(.*)\},$', re.MULTILINE)
"""In Kubernetes' generated code: the name of a property, or the values of the one that was named last."""
Schema = dict[str, Any]


def download() -> dict[str, Path]:
    """Returns the folders of the pinned modules; Go fetches what is missing and compares its sums."""
    command = [find().command, "mod", "download", "-json"]
    environment = {**inherited(), "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(command, cwd=MODULES, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    text, decoder = done.stdout.lstrip(), json.JSONDecoder()
    while text:
        module, end = decoder.raw_decode(text)
        assert "Error" not in module, module
        found[module["Path"]] = Path(module["Dir"])
        text = text[end:].lstrip()
    return found


@dataclass(frozen=True)
class Schemas:
    """The schemas of the kinds that are asked for, written into ``folder``."""

    modules: dict[str, Path]
    folder: Path
    kubeconform: Path

    def problems(self, manifests: Iterable[Manifest]) -> list[str]:
        """What kubeconform finds wrong, one sentence for each object."""
        every = list(manifests)
        for version, kind in {(each["apiVersion"], each["kind"]) for each in every}:
            self._write(version, kind)
        location = f"{self.folder}{os.sep}{{{{ .ResourceKind }}}}-{{{{ .ResourceAPIVersion }}}}.json"
        command = [str(self.kubeconform), "-strict", "-verbose", "-output=json", f"-schema-location={location}", "-"]
        text = "\n---\n".join(json.dumps(each) for each in every)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        results = json.loads(done.stdout)["resources"]
        assert len(results) == len(every), done.stderr
        return [f"{each['kind']} {each['name']}: {each['msg']}" for each in results if each["status"] != "statusValid"]

    def _write(self, version: str, kind: str) -> None:
        # kubeconform's name of a file has no group, and no two groups that we use have a kind in common.
        path = self.folder / f"{kind.lower()}-{version.rpartition('/')[2]}.json"
        if not path.exists():
            group = version.rpartition("/")[0]
            schema = self._custom(group, version, kind) if group in CUSTOM else self._native(version, kind)
            path.write_text(json.dumps(schema))

    def _custom(self, group: str, version: str, kind: str) -> Schema:
        module, folder = CUSTOM[group]
        for path in (self.modules[module] / folder).glob(f"{group}_{kind.lower()}*.yaml"):
            [definition] = [each for each in yaml.load_all(path.read_text(), yaml.CSafeLoader) if each]
            if definition["spec"]["names"]["kind"] == kind:
                versions = {f"{group}/{each['name']}": each for each in definition["spec"]["versions"]}
                return strict(versions[version]["schema"]["openAPIV3Schema"])
        raise LookupError(f"{version} {kind}")

    def _native(self, version: str, kind: str) -> Schema:
        name = f"apis__{version.replace('/', '__')}" if "/" in version else f"api__{version}"
        path = self.modules[KUBERNETES] / "api" / "openapi-spec" / "v3" / f"{name}_openapi.json"
        schemas = json.loads(path.read_text())["components"]["schemas"]
        group, _, number = version.rpartition("/")
        wanted = {"group": group, "version": number, "kind": kind}
        [root] = [name for name, each in schemas.items() if each.get("x-kubernetes-group-version-kind") == [wanted]]
        definitions = {name: self._with_enums(name, schemas[name]) for name in closure(root, schemas)}
        text = json.dumps(
            {"$ref": f"{REFERENCE}{root}", "definitions": {name: strict(each) for name, each in definitions.items()}}
        )
        return json.loads(text.replace(REFERENCE, "#/definitions/"))

    def _with_enums(self, name: str, schema: Schema) -> Schema:
        for key, values in self._enums.get(name, {}).items():
            target = schema["properties"][key]
            target.get("items", target)["enum"] = values
        return schema

    @cached_property
    def _enums(self) -> dict[str, dict[str, list[str]]]:
        """The values of properties, by the name of the definition and of the property."""
        path = self.modules[KUBERNETES] / "pkg" / "generated" / "openapi" / "zz_generated.openapi.go"
        functions = re.split(r"^func schema_k8sio_api_(\w+)\(", path.read_text(), flags=re.MULTILINE)[1:]
        return {
            f"io.k8s.api.{name.replace('_', '.')}": dict(_enums_of(text))
            for name, text in zip(functions[::2], functions[1::2], strict=True)
        }


def _enums_of(text: str) -> Iterator[tuple[str, list[str]]]:
    name = ""
    for match in ENUM.finditer(text):
        name = match[1] or name
        if match[2]:
            yield name, json.loads(f"[{match[2]}]")


def closure(root: str, schemas: dict[str, Schema]) -> set[str]:
    """Returns the names of all schemas that the one named ``root`` refers to, and its own."""
    found, waiting = set(), [root]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += re.findall(rf'"{REFERENCE}([^"]+)"', json.dumps(schemas[name]))
    return found


def strict(schema: Any) -> Any:
    """Returns a schema that refuses properties which it does not name, as the API server does."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: strict(value) for key, value in schema.items()}
    is_object = isinstance(schema.get("properties"), dict) and "type" in schema
    if is_object and not schema.get("x-kubernetes-preserve-unknown-fields"):
        changed.setdefault("additionalProperties", False)
    return changed
