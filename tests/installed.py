"""Programs that tests need, and that a machine may lack."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
"""Where to look: packages install programs beside Python, and Debian's last folders are not in every user's PATH."""


def installed(name: str, install: str = "apt-get install {name}") -> str:
    """The path of a program. Without it the test is skipped, and in CI it fails; ``install`` says how to get it."""
    path = shutil.which(name, path=PLACES)
    if path is None:
        how = install.format(name=name)
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed, and CI must test with it: {how}")
        pytest.skip(f"{name} is not installed: {how}")
    return path
