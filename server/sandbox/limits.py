"""The limits of a sandboxed process on memory, processor time and files, which it sets itself before it reads input."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from server.lifecycle.launch import QUIET

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
"""Constants of linux/prctl.h."""
MAX_FILES = 32
PASSED_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
"""The only environment variables that sandboxed processes get from the server: no settings, and so no secrets."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""The process that forks the others must not have a second thread."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """The resources that one request to a sandboxed process may use."""

    memory_bytes: int
    """The address space of the process, including its libraries."""
    cpu_seconds: int
    """Processor time."""
    seconds: float
    """The time until the response is complete, on a machine that may be busy."""

    def as_message(self) -> dict[str, Any]:
        """Returns the limits as JSON, for ``SandboxLimits(**message)``."""
        return asdict(self)


def environment(server: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment of a sandboxed process, from the server's own."""
    return {**{name: server[name] for name in PASSED_VARIABLES if name in server}, **ONE_THREAD, **QUIET}


def confine(limits: SandboxLimits) -> None:
    """Limits this process permanently: no core dump, no written file, no new privileges."""
    for limit, maximum in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, MAX_FILES),
    ):
        resource.setrlimit(limit, (maximum, maximum))
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in (
        (PR_SET_DUMPABLE, 0),
        (PR_SET_NO_NEW_PRIVS, 1),
    ):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl failed")


def allow_cpu(seconds: int) -> None:
    """Allows this process ``seconds`` more of processor time, after which the kernel ends it by SIGXCPU."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + 1 + seconds, resource.RLIM_INFINITY))
