"""The command ``python -m bench.traffic``; ``--help`` explains it."""

from __future__ import annotations

import sys

from bench.traffic.run import main

if __name__ == "__main__":
    sys.exit(main())
