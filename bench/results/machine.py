"""The machine and the packages on which the figures were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of processors with bfloat16 multiplication."""
PACKAGES = ("coqui-tts", "torch", "piper-tts", "onnxruntime")


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor and the memory of a machine."""

    processor: str
    cores: int
    memory_bytes: int
    has_bf16: bool

    def describe(self) -> str:
        """Returns a line for the results: machine, Python and packages."""
        bf16 = "with" if self.has_bf16 else "without"
        packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        return (
            f"{self.processor}, {self.cores} cores ({bf16} bf16), {self.memory_bytes / 2**30:.0f} GiB; "
            f"Python {platform.python_version()}, {packages}."
        )


def this_machine() -> Machine:
    """Reads this machine's description from Linux."""
    lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
    properties = {name.strip(): value.strip() for name, _, value in lines}
    flags = set((properties.get("flags") or properties.get("Features", "")).split())
    processor = properties.get("model name") or platform.machine()
    return Machine(processor, len(os.sched_getaffinity(0)), psutil.virtual_memory().total, bool(flags & BF16))
