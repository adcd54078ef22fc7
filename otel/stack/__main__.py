"""``python -m otel.stack``: the pipeline and the server, until Ctrl+C."""

from __future__ import annotations

import sys

from otel.stack.run import main

if __name__ == "__main__":
    sys.exit(main())
