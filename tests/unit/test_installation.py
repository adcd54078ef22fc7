"""Tests how the doctor finds the key that Compose's server has made for its operator."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from stack.installation import FIRST_KEY, NEWEST_EVENTS, ComposeInstallation, KubernetesInstallation
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


def kubectl(folder: Path, arguments: str, answer: str) -> KubernetesInstallation:
    """An installation whose kubectl knows one command."""
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\n[ \"$*\" = '{arguments}' ] && printf %s '{answer}'\n")
    program.chmod(0o755)
    return KubernetesInstallation(f"{program} --namespace=speech")


def test_the_first_key_is_read_from_the_secret(tmp_path: Path) -> None:
    command = r"--namespace=speech get secret ttscope-keys --output jsonpath={.data.first\.key}"
    encoded = base64.b64encode(b"ttscope_key").decode()
    assert kubectl(tmp_path, command, encoded).first_key() == "ttscope_key"
    assert kubectl(tmp_path, "another command", encoded).first_key() == ""


def test_the_newest_events_are_read_in_the_pod_of_the_collector(tmp_path: Path) -> None:
    command = f"--namespace=speech exec collector-0 --container=drift -- sh -c {NEWEST_EVENTS}"
    assert kubectl(tmp_path, command, "an event").newest_events() == "an event"
