"""Power and delay of the sequential tests: how many requests pass until a change is found.

``python -m tests.drift_change_plot PICTURE [TRIES]`` draws the curves and prints the table of drift/README.md. With 60
tries it takes some ten minutes on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.drift_changes import Alter, changed, delay, expectation_of
from tests.drift_traffic import Hour, Service

NEVER = 10_000
"""Stands for a change that was not found in the hours that were simulated."""
SERVICES = (Service(1, rows=1000), Service(2, rows=300))


def _slower(ratio: float) -> Alter:
    return lambda hour: replace(hour, latency=hour.latency * ratio)


def _failing(share: float) -> Alter:
    return lambda hour: replace(hour, fallbacks=share)


def _errors(share: float) -> Alter:
    return lambda hour: replace(hour, errors=share * (1 - hour.hits))


CASES: dict[str, dict[str, Alter]] = {
    "latency": {f"x{ratio:g}": _slower(ratio) for ratio in (1.3, 1.5, 2.0, 3.0)},
    "a provider that fails": {f"{share:.0%}": _failing(share) for share in (0.3, 0.5, 0.7, 1.0)},
    "requests that fail": {f"{share:.0%}": _errors(share) for share in (0.1, 0.3, 0.7)},
}


def delays(alter: Callable[[Hour], Hour], tries: int) -> list[int]:
    """Returns the requests, of all kinds, from the change until it was found."""
    found = []
    for service, expectation in EXPECTATIONS:
        for seed in range(tries // len(SERVICES)):
            count, _ = delay(*changed(service, expectation, alter, seed, hours=3))
            found.append(NEVER if count is None else count)
    return sorted(found)


EXPECTATIONS: list = []


def main(picture: Path, tries: int) -> None:
    """Draws the picture and prints the table."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    EXPECTATIONS.extend((service, expectation_of(service)) for service in SERVICES)
    figure, axes = plt.subplots(1, len(CASES), figsize=(13, 4), sharey=True, layout="constrained")
    print("| change | found within: median | 90 % | 95 % | within 20 | within 150 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for axis, (title, alters) in zip(axes, CASES.items(), strict=True):
        for name, alter in alters.items():
            found = delays(alter, tries)
            quantiles = [f"{value:.0f}" if value < NEVER else "-" for value in np.percentile(found, [50, 90, 95])]
            shares = [f"{np.mean(np.array(found) <= most):.0%}" for most in (20, 150)]
            print(f"| {title} {name} | {' | '.join([*quantiles, *shares])} |", flush=True)
            axis.step([1, *found], np.arange(len(found) + 1) / len(found), where="post", label=name)
        axis.set(title=title, xlabel="requests since the change", xscale="log", xlim=(1, 3000), ylim=(0, 1.02))
        for most in (20, 150):
            axis.axvline(most, color="grey", linewidth=0.8, linestyle=":")
        axis.grid(alpha=0.3)
        axis.legend(loc="upper left", fontsize="small")
    axes[0].set_ylabel("share of changes found")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
