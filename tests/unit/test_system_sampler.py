"""CPU and memory as gauges: of the machine, or of the container's share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.telemetry.samplers import SystemSampler


def cgroup(folder: Path, quota: str, busy_seconds: float) -> Path:
    (folder / "cpu.max").write_text(f"{quota} 100000\n")
    (folder / "cpu.stat").write_text(f"usage_usec {int(busy_seconds * 1e6)}\nuser_usec 0\n")
    return folder


def test_a_container_is_measured_against_its_quota(tmp_path: Path) -> None:
    sampler = SystemSampler(cgroup(tmp_path, "50000", 10.0))
    before = time.monotonic()
    time.sleep(0.2)
    cgroup(tmp_path, "50000", 10.05)
    sampler.sample()
    elapsed = time.monotonic() - before
    assert 0 < sampler.cpu_percent <= 100 * 0.05 / (0.2 * 0.5) + 1
    assert sampler.cpu_percent >= 100 * 0.05 / (elapsed * 0.5) - 1


def test_it_never_exceeds_a_hundred(tmp_path: Path) -> None:
    sampler = SystemSampler(cgroup(tmp_path, "50000", 0.0))
    cgroup(tmp_path, "50000", 3600.0)
    sampler.sample()
    assert sampler.cpu_percent == 100.0


@pytest.mark.parametrize("quota", ["max", None])
def test_without_a_quota_it_is_the_machine(tmp_path: Path, quota: str | None) -> None:
    if quota is not None:
        cgroup(tmp_path, quota, 0.0)
    sampler = SystemSampler(tmp_path)
    sampler.sample()
    assert 0 <= sampler.cpu_percent <= 100


def test_memory_includes_the_children(tmp_path: Path) -> None:
    sampler = SystemSampler(tmp_path)
    sampler.sample()
    alone = sampler.memory_bytes
    code = "x = bytearray(80_000_000); print('grown', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        sampler.sample()
        child.kill()
    assert sampler.memory_bytes > alone + 60e6


def test_memory_that_forked_processes_share_counts_once(tmp_path: Path) -> None:
    """A sampled process forks three more that touch nothing of its 64 MB."""
    program = (
        "import os, sys, time\n"
        "kept = b'x' * (64 * 1024**2)\n"
        "for _ in range(3):\n"
        "    if not os.fork(): time.sleep(600); os._exit(0)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    sampler = SystemSampler(tmp_path)
    sampler.sample()
    before = sampler.memory_bytes
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        sampler.sample()
        assert before is not None
        assert sampler.memory_bytes is not None
        assert 64 * 1024**2 < sampler.memory_bytes - before < 2 * 64 * 1024**2
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
