"""``python -m stack``: the pipeline and the server, until Ctrl+C."""

from __future__ import annotations

import sys

from stack.run import main

if __name__ == "__main__":
    sys.exit(main())
