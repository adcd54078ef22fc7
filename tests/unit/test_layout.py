"""The tree tells the story: every room of the design is there, small, and says what it is for."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from server import VERSION
from tests.server_process import ROOT

CODE = ("server", "otel", "stack", "drift", "dashboards", "bench", "alerting", "probe", "tools")
ROOMS = (
    "server",
    "otel",
    "stack",
    "tools",
    "dashboards",
    "alerting",
    "drift",
    "deploy",
    "bench",
    "probe",
    "docs",
    "tests",
)
FILES = (
    ".ci/run",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README.md",
    "SECURITY.md",
    "compose.yaml",
    "requirements.lock",
)
LOCKS = (
    "requirements.lock",
    "requirements/agents.lock",
    "requirements/dashboards.lock",
    "requirements/dev.lock",
    "requirements/drift.lock",
    "requirements/stack.lock",
    "requirements/uv.lock",
)
MODULES = sorted(path for room in CODE for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_there_and_named_in_the_architecture(room: str) -> None:
    assert (ROOT / room).is_dir()
    assert f"`{room}/`" in (ROOT / "ARCHITECTURE.md").read_text()


@pytest.mark.parametrize("name", FILES)
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_small_and_begin_with_what_they_are_for(path: Path) -> None:
    source = path.read_text()
    docstring = ast.get_docstring(ast.parse(source))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "?"))
    assert len(source.splitlines()) <= 330


@pytest.mark.parametrize("name", LOCKS)
def test_locks_are_hashed_and_name_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    pins = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
    assert pins
    assert len(re.findall(r"^[a-z0-9].*== ?[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(pins)


def test_the_lock_of_javascript_is_hashed_and_names_no_address() -> None:
    lock = json.loads((ROOT / "tests" / "javascript" / "package-lock.json").read_text())
    assert "://" not in json.dumps(lock)
    packages = [package for path, package in lock["packages"].items() if path]
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages)


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_every_make_target_is_explained_and_in_the_readme_where_it_matters() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY")).split()[1:]
    for target in phony:
        assert re.search(rf"^{target}:.*## \S", makefile, re.MULTILINE), target
    readme = (ROOT / "README.md").read_text()
    for command in ("make run", "make stack", "make doctor", "make test"):
        assert command in readme


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "deploy/README.md",
        "docs/clients.md",
        "docs/glossary.md",
        "docs/operations.md",
        "docs/reliability.md",
        "docs/requirements.md",
        "docs/text.md",
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    outside_code = re.sub(r"`[^`\n]+`", "", path.read_text())
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", outside_code)
    for link in links:
        if "://" not in link:
            assert (path.parent / link).exists(), f"{page} links to {link}"
