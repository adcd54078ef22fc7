"""Names the kind of processor that a model runs on, as far as its results depend on it."""

from __future__ import annotations

from pathlib import Path

import torch

from server.seeds import Arithmetic

CPU_FIELDS = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
"""The fields of /proc/cpuinfo that name a kind of processor: the first three on x86, the others on ARM."""


def arithmetic(device: torch.device, dtype: torch.dtype, cpuinfo: Path = Path("/proc/cpuinfo")) -> Arithmetic:
    """Returns how a model on ``device``, whose decoder computes in ``dtype``, computes."""
    number_format = str(dtype).removeprefix("torch.")
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_kind(cpuinfo.read_text("utf-8"))
    return Arithmetic(kind, number_format, f"torch {torch.__version__}")


def cpu_kind(cpuinfo: str) -> str:
    """Returns the kind of the first processor in ``cpuinfo``, with the vector instructions that torch uses on it."""
    first = cpuinfo.partition("\n\n")[0]
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    named = (fields[name] for name in CPU_FIELDS if name in fields)
    return " ".join((*named, torch.backends.cpu.get_cpu_capability()))
