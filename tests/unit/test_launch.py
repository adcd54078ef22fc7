"""Tests that the process sets its own environment, with a single restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from server.lifecycle.launch import ENVIRONMENT, missing_variables
from tests.server_process import ROOT

PROGRAM = """
import json, os, sys
from server.lifecycle import launch
print("begun", flush=True)
launch.ensure_environment()
print(json.dumps({"environment": dict(os.environ), "arguments": sys.argv[1:], "flags": sys.flags.dont_write_bytecode}))
"""
ARGUMENTS = ["--text", "two words", ""]


def run(**environment: str) -> tuple[int, dict]:
    """Runs the program; returns how often it started, and its last output."""
    inherited = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    command = [sys.executable, "-B", "-c", PROGRAM, *ARGUMENTS]
    done = subprocess.run(
        command, env={**inherited, **environment}, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    *begun, last = done.stdout.splitlines()
    return begun.count("begun"), json.loads(last)


def test_what_is_set_already_is_not_missing_whatever_its_value() -> None:
    assert missing_variables({}) == ENVIRONMENT
    assert missing_variables(dict.fromkeys(ENVIRONMENT, "")) == {}
    name, *others = ENVIRONMENT
    assert set(missing_variables({name: "another", "PATH": "/bin"})) == set(others)


def test_a_process_begins_again_once_with_its_arguments_and_flags() -> None:
    begun, program = run()
    assert begun == 2
    assert program["environment"].items() >= ENVIRONMENT.items()
    assert program["arguments"] == ARGUMENTS
    assert program["flags"]


def test_what_the_user_has_set_stays() -> None:
    name = next(iter(ENVIRONMENT))
    begun, program = run(**{name: "mine"})
    assert begun == 2
    assert program["environment"].items() >= {**ENVIRONMENT, name: "mine"}.items()


def test_nothing_happens_where_nothing_is_missing() -> None:
    begun, _ = run(**ENVIRONMENT)
    assert begun == 1


def test_what_is_loaded_is_settled_and_no_longer_looked_through() -> None:
    code = (
        "import gc, sys\n"
        "from server.lifecycle import launch\n"
        "kept = [[number] for number in range(1000)]\n"
        "launch.settle()\n"
        "assert gc.get_freeze_count() > 1000, gc.get_freeze_count()\n"
        "assert not any(thing is kept[7] for thing in gc.get_objects())\n"
        "assert abs(sys.getswitchinterval() - launch.SWITCH_SECONDS) < 1e-6\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
