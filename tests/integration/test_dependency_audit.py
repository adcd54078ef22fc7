"""`make audit` and `make sbom` with pip-audit, govulncheck, npm and cyclonedx-py; the services are the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.advisories import Advisories, serving
from tests.server_process import ROOT
from tools.audit import __main__ as command
from tools.audit import go_programs
from tools.lock_files import pins
from tools.sbom import write

pytestmark = pytest.mark.timeout(900)  # the first test builds govulncheck, if it is not in the cache

LOCKS = [ROOT / "requirements" / name for name in ("dashboards.lock", "stack.lock")]
PINNED = {(pin.name, pin.version) for lock in LOCKS for pin in pins(lock)}
NUMPY = min(pin for pin in PINNED if pin[0] == "numpy")  # of two: one for old versions of Python
MODULE = "github.com/prometheus/common"
CLOSED = "http://127.0.0.1:9"  # discard: nobody listens


def go_advisory(package: str) -> dict[str, object]:
    imports = [{"path": f"{MODULE}/{package}"}]
    return {
        "schema_version": "1.3.1",
        "id": "GO-2099-0001",
        "modified": "2026-01-01T00:00:00Z",
        "aliases": ["CVE-2099-2"],
        "affected": [
            {
                "package": {"name": MODULE, "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
                "ecosystem_specific": {"imports": imports},
            }
        ],
    }


@pytest.fixture(autouse=True)
def audit_tools() -> None:
    if not (Path(sys.prefix) / "audit" / "bin" / "pip-audit").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("pip-audit is not installed: run `make test`, or `make sbom`")
        pytest.skip("pip-audit is not installed: run `make test`, or `make sbom`")


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with serving(Advisories()) as serving_advisories:
        yield serving_advisories


def audit(url: str, *locks: Path) -> int:
    services = [f"--osv-url={url}/osv", f"--go-database={url}/go", f"--npm-registry={url}/"]
    return command.main([*services, "--programs", "alertmanager", "--locks", *map(str, locks)])


def test_nothing_is_found(advisories: Advisories, capsys: pytest.CaptureFixture[str]) -> None:
    advisories.go.append(go_advisory("not_compiled_in"))
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: apt-get install nodejs npm")
    assert audit(advisories.url, ROOT / "requirements" / "uv.lock") == 0
    printed = capsys.readouterr()
    assert "Python packages: 1 checked, 0 vulnerable" in printed.out
    assert re.search(r"Go modules: [0-9]{2,} checked, 0 vulnerable", printed.out)
    assert re.search(r"JavaScript packages: [1-9][0-9]* checked, 0 vulnerable", printed.out)
    assert not printed.err


def test_every_pin_is_looked_up_and_what_is_vulnerable_is_named(
    advisories: Advisories, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.python[NUMPY] = [
        {
            "id": "PYSEC-2099-1",
            "aliases": ["CVE-2099-1"],
            "summary": "Invented.",
            "affected": [
                {
                    "package": {"name": "numpy", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
                }
            ],
        }
    ]
    advisories.go.append(go_advisory("version"))
    advisories.npm["openai"] = [
        {
            "id": 1,
            "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
            "title": "Invented.",
            "severity": "high",
            "vulnerable_versions": "<99.0.0",
        }
    ]
    assert audit(advisories.url, *LOCKS) == command.FOUND
    assert advisories.asked == PINNED
    errors = capsys.readouterr().err
    version = NUMPY[1]
    assert f"VULNERABLE: numpy {version}: CVE-2099-1, PYSEC-2099-1; fixed in 99.0; dashboards.lock" in errors
    assert re.search(rf"VULNERABLE: {MODULE} v[0-9.]+: CVE-2099-2, GO-2099-0001; fixed in v9.9.9; alertmanager", errors)
    if shutil.which("npm"):
        assert re.search(r"VULNERABLE: openai [0-9.]+: GHSA-aaaa-bbbb-cccc; no fixed version is known", errors)


def test_services_that_cannot_be_reached_are_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(CLOSED, ROOT / "requirements" / "uv.lock") == command.NOT_AUDITED
    printed = capsys.readouterr()
    for subject in ("Python packages: pip-audit", "Go modules: alertmanager", "JavaScript packages: npm"):
        assert f"NOT AUDITED: {subject}" in printed.err
    assert "checked" not in printed.out


def test_services_that_answer_nonsense_are_no_success(
    advisories: Advisories, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.broken = True
    assert audit(advisories.url, ROOT / "requirements" / "uv.lock") == command.NOT_AUDITED
    assert capsys.readouterr().err.count("NOT AUDITED") == 3


def test_all_programs_of_the_pipeline_are_audited() -> None:
    from stack.programs import PROGRAMS

    assert set(go_programs.PROGRAMS) == set(PROGRAMS)


def test_the_list_of_a_lock_is_whole_and_the_same_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(variable, "https://index.example/simple")
    lock = ROOT / "requirements" / "dashboards.lock"
    path = write(tmp_path / "first", lock)
    text = path.read_text()
    assert write(tmp_path / "again", lock).read_bytes() == path.read_bytes()
    listed = json.loads(text)
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == "ttscope"
    components = {(one["name"], one["version"]): one for one in listed["components"]}
    assert components.keys() == {(pin.name, pin.version) for pin in pins(lock)}
    for pin in pins(lock):
        component = components[pin.name, pin.version]
        assert component["purl"].startswith(f"pkg:pypi/{pin.name}@{pin.version}")
        references = component["externalReferences"]
        hashes = {entry["content"] for reference in references for entry in reference["hashes"]}
        assert hashes == {value.removeprefix("sha256:") for value in pin.hashes}
    assert "timestamp" not in listed["metadata"]
    assert "serialNumber" not in listed
    assert "index.example" not in text
    assert str(ROOT) not in text
    assert str(tmp_path) not in text
