"""Ends a process when its parent ends for any reason: Linux itself sends the signal.

As a command, ``python otel/support/parent.py PARENT SIGNAL COMMAND...`` becomes COMMAND, in the same process. The
supervisor starts each program this way: it has threads, and in a process with threads no Python code may run between
fork and exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""An option of prctl(2). It survives exec, but children do not inherit it."""
NOT_FOUND = 127
"""The shell's exit code for a command that can't be run."""


def end_with(parent: int, number: int = signal.SIGKILL) -> None:
    """Makes Linux send the signal ``number`` to this process as soon as the thread that started it ends.

    ``parent`` is the process id of the parent; if that has already ended, this process ends at once. Raises OSError if
    Linux refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(number)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main(parent: str, number: str, *command: str) -> int:
    """Replaces this process with ``command``. Returns the exit code if that can't be run."""
    end_with(int(parent), int(number))
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec preserves that
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the command is the supervisor's
    except OSError as error:
        print(f"ttscope: {command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - for the log
        return NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
