"""``python -m tests.faults``: makes every fault happen, one after the other, and writes the table."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from server.voices.install import install_default
from tests.faults import every
from tests.faults.fault import FAULTS
from tests.faults.places import PLACES, Sites
from tests.faults.table import line, write
from tests.faults.trial import Row, run


def main() -> int:
    """The exit code: 0 if every promise was kept, 1 if one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=list(FAULTS), help="this fault alone")
    parser.add_argument("--place", choices=list(PLACES), help="the faults of this place alone")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the rows into this document")
    parser.add_argument("--list", action="store_true", help="name the faults")
    arguments = parser.parse_args()
    chosen = [
        fault
        for fault in FAULTS.values()
        if fault.name in (arguments.only or FAULTS) and arguments.place in (None, fault.place)
    ]
    if arguments.list:
        print("\n".join(f"{fault.name:<28} {fault.title}" for fault in chosen))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, as by Ctrl+C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="ttscope-faults-") as folder,
        Sites(Path(folder), _voices(Path(folder))) as sites,
    ):
        for fault in chosen:
            begun = time.monotonic()
            rows.append(run(fault, sites[fault.place]))
            print(f"[{time.monotonic() - begun:.0f} s] {fault.name}: {line(rows[-1])}", flush=True)
            if arguments.write:
                write(arguments.write, rows, _about())
    broken = [row.fault.name for row in rows if row.broken]
    print(f"{len(rows)} faults, promises not kept: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


def _voices(folder: Path) -> Path:
    """The default voice, installed once; $TTSCOPE_TEST_DATA_DIR keeps it from one run to the next."""
    kept = os.environ.get("TTSCOPE_TEST_DATA_DIR")
    voices = (Path(kept) if kept else folder) / "voices"
    install_default(voices, print)
    return voices


def _about() -> str:
    return f"Written on {time.strftime('%Y-%m-%d', time.gmtime())}, on {os.cpu_count()} cores without a GPU."


if __name__ == "__main__":
    assert every
    sys.exit(main())
