"""The Helm chart without Helm: it is generated from the manifests, and its schema refuses what it does not know."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.chart import __main__ as command
from deploy.chart import values
from deploy.chart.emission import TemplateTextError, template
from deploy.chart.manifests import KUBERNETES
from deploy.chart.merging import PatchError, merge, operate
from deploy.chart.places import PlaceError, Places
from deploy.chart.templates import COMPONENTS, chart
from deploy.chart.tree import ABSENT, Cases, Expression, Lines, vary
from tests.helm import CHART, OVERLAYS
from tests.kubernetes import documents, script
from tests.server_process import ROOT

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
BASE = {(each["kind"], each["metadata"]["name"]): each for each in documents(KUBERNETES / "base")}


def test_what_is_generated_is_up_to_date() -> None:
    assert command.build(check=True) == 0


def test_a_stale_file_and_a_missing_link_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, path in {"CHART": "", "TEMPLATES": "templates", "README": "README.md"}.items():
        monkeypatch.setattr(command, name, tmp_path / path)
    (tmp_path / "README.md").write_text((CHART / "README.md").read_text())
    assert command.build(check=False) == 0
    assert command.build(check=True) == 0
    (tmp_path / "templates" / "server.yaml").write_text("apiVersion: v1")
    (tmp_path / "templates" / "forgotten.yaml").write_text("apiVersion: v1")
    (tmp_path / "files" / "stack" / "config").unlink()
    assert command.build(check=True) == 1
    stale = capsys.readouterr().err
    assert all(name in stale for name in ("server.yaml", "forgotten.yaml", "stack/config"))
    assert command.build(check=False) == 0
    assert command.build(check=True) == 0


def test_the_chart_has_the_version_and_the_licence_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["apiVersion"] == "v2"
    assert about["version"] == about["appVersion"] == project["version"]
    assert about["annotations"]["artifacthub.io/license"] == project["license"] == "Apache-2.0"
    minimum = re.search(r"Kubernetes (\d\.\d+) or newer", (ROOT / "deploy" / "README.md").read_text())
    assert minimum
    assert about["kubeVersion"] == f">={minimum[1]}.0-0"


def test_every_overlay_and_component_has_its_value() -> None:
    assert OVERLAYS.keys() == {path.name for path in (KUBERNETES / "overlays").iterdir()}
    assert [component.name for component in COMPONENTS if component.name in OVERLAYS] == [
        component.name for component in COMPONENTS
    ]


def test_every_file_that_a_template_reads_is_a_link_to_the_one_that_is_edited() -> None:
    texts = [path.read_text() for path in (CHART / "templates").rglob("*.yaml")]
    read = {name for text in texts for name in re.findall(r'\.Files\.Get "([^"]+)"', text)}
    assert len(read) >= 60
    for name in read:
        assert (CHART / name).resolve() == ROOT / name.removeprefix("files/"), name
    assert not [
        path for path in (CHART / "files").rglob("*") if path.is_file() and not path.resolve().is_relative_to(ROOT)
    ]
    copies = [path for path in (CHART / "files").rglob("*") if not path.is_symlink() and path.is_file()]
    assert not copies


def leaves(schema: dict[str, Any], path: str = "") -> dict[str, dict[str, Any]]:
    """The schemas of the values by their paths."""
    if "default" in schema:
        return {path: schema}
    found = {}
    for name, each in schema["properties"].items():
        found |= leaves(each, f"{path}.{name}".removeprefix("."))
    return found


def test_every_value_is_described_and_has_the_default_of_the_schema() -> None:
    without_helms = {
        **SCHEMA,
        "properties": {key: value for key, value in SCHEMA["properties"].items() if key != "global"},
    }
    described = leaves(without_helms)
    assert described.keys() == {value.path for value in chart().values}
    table = (CHART / "README.md").read_text()
    for path, schema in described.items():
        assert schema["title"], path
        assert schema["description"], path
        default: Any = DEFAULTS
        for name in path.split("."):
            default = default[name]
        assert default == schema["default"], path
        assert f"| `{path}` |" in table
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(DEFAULTS, SCHEMA)


def test_the_defaults_are_those_of_the_manifests() -> None:
    server = BASE["Deployment", "server"]["spec"]
    [container] = server["template"]["spec"]["containers"]
    assert DEFAULTS["server"]["replicas"] == server["replicas"]
    assert DEFAULTS["server"]["resources"] == container["resources"]
    image = DEFAULTS["server"]["image"]
    assert f"{image['repository']}:{image['tag']}" == container["image"]
    for (kind, name), claim in BASE.items():
        if kind == "PersistentVolumeClaim":
            assert DEFAULTS[name]["storage"] == claim["spec"]["resources"]["requests"]["storage"]


WRONG: dict[str, dict[str, Any]] = {
    "replicaz": {"server": {"replicaz": 3}},
    "serverr": {"serverr": {}},
    "server.replicas": {"server": {"replicas": "3"}},
    "server.drainSeconds": {"server": {"drainSeconds": -1}},
    "traceStore": {"traceStore": "zipkin"},
    "images.pullPolicy": {"images": {"pullPolicy": "always"}},
    "images.pullSecrets": {"images": {"pullSecrets": "registry"}},
    "server.image.tag": {"server": {"image": {"tag": 1.2}}},
    "server.image.digest": {"server": {"image": {"digest": "sha256:short"}}},
    "server.resources.limits.memory": {"server": {"resources": {"limits": {"memory": "6 GB"}}}},
    "collector.storage": {"collector": {"storage": 10}},
    "server.env": {"server": {"env": {"TTSCOPE_DRAIN_SECONDS": "3"}}},
    "server.env.TTSCOPE_THREADS_MAX": {"server": {"env": {"TTSCOPE_THREADS_MAX": 3}}},
    "ingress.host": {"ingress": {"host": "https://example.org"}},
    "server.allowedHosts.0": {"server": {"allowedHosts": ["example.org, example.com"]}},
}


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_value_is_refused_with_its_name(path: str) -> None:
    errors = list(jsonschema.Draft7Validator(SCHEMA).iter_errors(WRONG[path]))
    assert errors
    named = {".".join(map(str, error.absolute_path)) for error in errors}
    assert path in named or any(path in error.message for error in errors)


PLAIN = {"image": "a:1", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "args": ["x"]}


def test_a_patch_changes_what_it_names() -> None:
    assert merge(PLAIN, {"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}) == {
        **PLAIN,
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}, {"name": "C", "value": "4"}],
    }
    assert merge(PLAIN, {"args": ["y"], "image": None}) == {"env": PLAIN["env"], "args": ["y"]}
    assert merge(PLAIN, {"env": [{"name": "A", "$patch": "delete"}]})["env"] == PLAIN["env"][1:]
    assert merge(PLAIN, {"ports": [{"containerPort": 1}]})["ports"] == [{"containerPort": 1}]
    with pytest.raises(PatchError):
        merge({"env": [{"value": "1"}]}, {"env": [{"name": "A"}]})


def test_the_operations_of_a_patch() -> None:
    operations = [
        {"op": "test", "path": "/env/1/name", "value": "B"},
        {"op": "replace", "path": "/env/1/value", "value": "3"},
        {"op": "add", "path": "/args/-", "value": "y"},
        {"op": "add", "path": "/a~1b", "value": 1},
        {"op": "remove", "path": "/image"},
    ]
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]
    assert operate(PLAIN, operations) == {"env": env, "args": ["x", "y"], "a/b": 1}
    assert PLAIN["args"] == ["x"]
    for wrong in ({"op": "test", "path": "/image", "value": "b:1"}, {"op": "move", "path": "/image"}):
        with pytest.raises(PatchError):
            operate(PLAIN, [wrong])


def test_places_that_no_component_changes_stay_plain() -> None:
    assert vary(PLAIN, [("a", PLAIN), ("b", {**PLAIN, "image": "b:1"})]) == {
        **PLAIN,
        "image": Cases((("b", "b:1"),), "a:1"),
    }
    more = {**PLAIN, "env": [*PLAIN["env"], {"name": "C", "value": "3"}]}
    assert vary(PLAIN, [("a", more)])["env"][2] == Cases((("a", {"name": "C", "value": "3"}),), ABSENT)
    assert vary({"x": 1}, [("a", {"x": 2}), ("b", {"x": 3})]) == {"x": Cases((("b", 3), ("a", 2)), 1)}, (
        "the later counts"
    )
    assert vary({"x": {"y": 1}}, [("a", {}), ("b", {"x": {"y": 2}})]) == {
        "x": Cases((("a", ABSENT),), {"y": Cases((("b", 2),), 1)})
    }


def test_a_template_has_its_conditions_on_lines_of_their_own() -> None:
    tree = {
        "plain": "no",
        "value": Expression(".Values.x | quote"),
        "list": [
            {"name": "a", "value": Cases((("p", "1"), ("q", "2")), "3")},
            Lines("{{- range . }}\n- x\n{{- end }}"),
        ],
        "gone": Cases((("r", ABSENT),), "there"),
        "empty": {},
    }
    assert template([tree], "made").splitlines()[1:] == [
        "---",
        "plain: 'no'",
        "value: {{ .Values.x | quote }}",
        "list:",
        "  - name: a",
        "    {{- if p }}",
        "    value: '1'",
        "    {{- else if q }}",
        "    value: '2'",
        "    {{- else }}",
        "    value: '3'",
        "    {{- end }}",
        "  {{- range . }}",
        "  - x",
        "  {{- end }}",
        "{{- if not (r) }}",
        "gone: there",
        "{{- end }}",
        "empty: {}",
    ]
    with pytest.raises(TemplateTextError):
        template([{"description": "{{ $value }}"}], "made")


def places(base: dict[tuple[str, str], Any]) -> Places:
    return Places(base, values.Values(), {})


def test_a_manifest_that_the_chart_does_not_know_is_refused() -> None:
    server = json.loads(json.dumps(BASE["Deployment", "server"]))
    server["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/speech:1.0.0"
    with pytest.raises(PlaceError, match=r"example\.org/speech"):
        places(BASE).substitute(server)


def test_two_defaults_of_one_value_are_refused() -> None:
    found = values.Values()
    found.add(values.storage("collector", "1Gi"))
    found.add(values.storage("collector", "1Gi"))
    with pytest.raises(values.ConflictError, match=r"collector\.storage"):
        found.add(values.storage("collector", "2Gi"))


def test_the_job_makes_only_the_secrets_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    names, created = script(), []
    monkeypatch.setitem(names["main"].__globals__, "create", lambda name, content: created.append(name) or True)
    assert names["main"](["ttscope-redis"]) == 0
    assert created == ["ttscope-redis"]
    assert names["main"]() == 0
    assert created[1:] == ["ttscope-keys", "ttscope-redis", "ttscope-grafana"]
