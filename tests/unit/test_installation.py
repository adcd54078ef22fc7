"""Tests how the doctor finds the key that Compose's server has made for its operator."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.installation import FIRST_KEY, ComposeInstallation
from tests.server_process import ROOT


def compose(folder: Path, service: str) -> ComposeInstallation:
    """An installation whose only container is that of ``service``."""
    program = folder / "compose"
    program.write_text(f'#!/bin/sh\n[ "$*" = "exec -T {service} cat {FIRST_KEY}" ] && echo ttscope_key\n')
    program.chmod(0o755)
    return ComposeInstallation(str(program))


@pytest.mark.parametrize(("service", "key"), [("server", "ttscope_key"), ("server-gpu", "ttscope_key"), ("drift", "")])
def test_the_first_key_is_read_from_the_server_that_runs(tmp_path: Path, service: str, key: str) -> None:
    assert compose(tmp_path, service).first_key() == key


def test_it_is_where_the_container_puts_it() -> None:
    assert f"--file {FIRST_KEY}\n" in (ROOT / "deploy" / "server.sh").read_text()
