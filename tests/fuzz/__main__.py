"""``python -m tests.fuzz --inputs N --seed S [--target T]``: how many inputs were tried, and which of them failed."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.running import Failure, fuzz, minimised, recheck
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

SHOWN = 5
"""Failures of one kind that are made smaller and kept."""


def main() -> int:
    options = _options()
    targets = [TARGETS[name] for name in options.target or TARGETS]
    share = sum(target.share for target in targets)
    failed = 0
    print(f"{'target':<14}{'corpus':>8}{'inputs':>9}{'failures':>10}{'seconds':>9}")
    for target in targets:
        begun = time.monotonic()
        kept = recheck(target)
        made = fuzz(target, options.seed, round(options.inputs * target.share / share))
        failures = [*kept.failures, *made.failures]
        seconds = time.monotonic() - begun
        print(f"{target.name:<14}{kept.tried:>8}{made.tried:>9}{len(failures):>10}{seconds:>9.0f}", flush=True)
        failed += len(failures)
        _keep(target, failures, options.folder)
    return 1 if failed else 0


def _keep(target: Target, failures: list[Failure], folder: Path) -> None:
    """Writes the first failures of each kind into ``folder``, made smaller where they fail by themselves."""
    kinds: Counter[str] = Counter()
    for failure in failures:
        kind = failure.reason.split(":")[0]
        kinds[kind] += 1
        if kinds[kind] > SHOWN:
            continue
        smaller = minimised(target, failure)
        path = folder / target.name / f"{kind.replace(' ', '_')}-{failure.name.replace('/', '_')}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((smaller or failure).data)
        alone = f"{len(smaller.data)} bytes" if smaller else "not by itself"
        print(f"  {failure.name}: {failure.reason[:200]} ({alone}): {path}", flush=True)
    for kind, count in kinds.items():
        print(f"  {count} times {kind}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=5_000, help="how many to make, all targets together")
    parser.add_argument("--seed", default="1", help="another seed makes other inputs")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this one; may be repeated")
    parser.add_argument("--folder", type=Path, default=Path("var/fuzz"), help="where failing inputs are written")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
