"""``python -m dashboards build`` writes Grafana's files; ``python -m dashboards live`` serves the live dashboard."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {"build": "dashboards.build", "live": "dashboards.live.command"}
"""The module of each, imported when it is asked for: what one needs, the other may lack."""


def main() -> int:
    """The exit code of the command, 2 if there is no such command."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        print("usage: python -m dashboards {" + ",".join(COMMANDS) + "} [--help]", file=sys.stderr)
        return 2
    return int(import_module(COMMANDS[name]).main(arguments))


if __name__ == "__main__":
    sys.exit(main())
