"""The Dockerfiles, read as text: who runs, what is installed from where, and what says so inside the image."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.server_process import ROOT

DOCKERFILES = sorted((ROOT / "deploy").glob("*.Dockerfile"))
pytestmark = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)


def instructions(path: Path) -> list[tuple[str, str]]:
    """The instructions and their arguments, with continued lines joined and without comments."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines()]  # type: ignore[misc]


def arguments(path: Path, instruction: str) -> list[str]:
    return [argument for name, argument in instructions(path) if name == instruction]


def test_the_base_can_be_pinned_by_digest(path: Path) -> None:
    assert [name.split()[0] for name in arguments(path, "FROM")] == ["${PYTHON_IMAGE}"] * 2
    [default] = arguments(path, "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.1[1-3]-slim-[a-z]+", default)
    assert "syntax=" not in path.read_text()  # which would fetch a builder by a tag


def test_nobody_is_root_who_runs(path: Path) -> None:
    [user] = arguments(path, "USER")
    assert user == "10001"
    names = [name for name, _ in instructions(path)]
    assert not {"RUN", "COPY", "ADD"} & set(names[names.index("USER") :])


def test_packages_come_from_locks_with_hashes_and_nothing_else_is_fetched(path: Path) -> None:
    commands = [command for line in arguments(path, "RUN") for command in line.split("&&")]
    installs = [command for command in commands if "install" in command]
    assert len(installs) == (5 if path.stem == "server" else 3)
    for command in installs:
        assert "--require-hashes" in command
        [lock] = re.findall(r"-r (\S+)", command)
        assert (ROOT / lock).is_file()
    assert not [command for command in commands if re.search(r"\b(curl|wget|git|apt-get)\b", command)]
    assert arguments(path, "ADD") == []


def test_what_is_copied_exists_and_docker_may_see_it(path: Path) -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[:-1] for line in arguments(path, "COPY") if not line.startswith("--from")]
    sources = {source for line in copied for source in line}
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert {source, source.split("/")[0]} & allowed


def test_the_image_lists_its_packages_and_says_where(path: Path) -> None:
    [written] = re.findall(
        r"cyclonedx-py environment --output-reproducible --output-file (\S+) (\S+)", path.read_text()
    )
    name, interpreter = written
    assert interpreter == "/opt/ttscope/bin/python"  # that of the image, not that of the tool
    assert f"--from=build /build/{name} ./" in arguments(path, "COPY")
    [folder] = [folder for folder in arguments(path, "WORKDIR") if folder != "/build"]
    assert f'ttscope.sbom="{folder}/{name}"' in arguments(path, "LABEL")[0]
    assert "/opt/audit" not in "".join(arguments(path, "COPY"))
