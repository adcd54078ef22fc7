"""The machine and the programs that figures were measured on, in the words that the results name them by."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of processors that multiply bfloat16."""
PACKAGES = ("coqui-tts", "torch", "piper-tts", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to compute with."""

    processor: str
    cores: int
    memory_bytes: int
    has_bf16: bool

    def describe(self) -> str:
        """One line."""
        bf16 = "with" if self.has_bf16 else "without"
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        return (
            f"{self.processor}, {self.cores} cores ({bf16} bf16), {self.memory_bytes / 2**30:.0f} GiB; "
            f"Python {platform.python_version()}, {packages}."
        )


def this_machine() -> Machine:
    """As Linux describes it."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    about = {name.strip(): value.strip() for name, _, value in lines}
    flags = set((about.get("flags") or about.get("Features", "")).split())
    processor = about.get("model name") or platform.machine()
    return Machine(processor, len(os.sched_getaffinity(0)), psutil.virtual_memory().total, bool(flags & BF16))
