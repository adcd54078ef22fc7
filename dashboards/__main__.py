"""``python -m dashboards build`` writes Grafana's files; ``live`` serves the live dashboard, ``values`` prints some."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "build": ("dashboards.build", ".venv/.dev"),
    "live": ("dashboards.live.command", ".venv/.dashboards"),
    "values": ("dashboards.live.values", ".venv/.dashboards"),
}
"""The module of each command, which is imported only when used since dependencies differ, and the make target that
installs these."""


def main() -> int:
    """Returns the exit code of the command; 2 if the command is unknown or its dependencies are not installed."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        print("usage: python -m dashboards {" + ",".join(COMMANDS) + "} [--help]", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    module, target = COMMANDS[name]
    try:
        command = import_module(module)
    except ModuleNotFoundError as error:
        print(f"{name} needs {error.name}, which is not installed: make {target}", file=sys.stderr)
        return 2
    return int(command.main(arguments))


if __name__ == "__main__":
    sys.exit(main())
