"""``python -m tests.loaded_server RATE``: the server as a process of its own, with a provider of that speed."""

from __future__ import annotations

import asyncio
import sys

from tests.humming_server import main
from tests.loaded_provider import LoadedProvider

if __name__ == "__main__":
    asyncio.run(main(LoadedProvider(float(sys.argv[1]))))
