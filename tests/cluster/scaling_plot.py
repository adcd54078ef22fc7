"""Draws a run of automatic scaling: servers, signals and what clients wait, one above the other.

``python -m tests.cluster.scaling_plot FILE.json FILE.png``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, DOTS = 8.0, 6.4, 110


def draw(source: Path, target: Path) -> None:
    """Draws the run in ``source`` as a picture."""
    from matplotlib.figure import Figure

    run = json.loads(source.read_text())
    samples, targets = run["samples"], run["targets"]
    seconds = [each["seconds"] / 60 for each in samples]
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="tight")
    load, servers, busy, queue = figure.subplots(4, 1, sharex=True)
    load.plot(seconds, [each["requests_per_second"] for each in samples], color="C7")
    load.set_ylabel("requests\nper second")
    servers.step(seconds, [each["desired"] for each in samples], where="post", label="wanted")
    servers.step(seconds, [each["ready"] for each in samples], where="post", label="ready")
    servers.set_ylabel("servers")
    servers.legend(frameon=False, fontsize="small")
    for axis, name, wanted, label in (
        (busy, "busy_threads", targets["tts_busy_threads"], "busy threads\nper server"),
        (queue, "queued_audio", targets["tts_queue_audio_seconds"], "queued audio\nper server, s"),
    ):
        axis.plot(seconds, [_per_server(each, name) for each in samples])
        axis.axhline(wanted, color="C3", linewidth=1, linestyle="--", label="target")
        axis.set_ylabel(label)
        axis.legend(frameon=False, fontsize="small")
    queue.set_xlabel("minutes")
    for axis in (load, servers, busy, queue):
        axis.set_ylim(bottom=0)
        axis.grid(axis="y", alpha=0.3)
    figure.savefig(target, dpi=DOTS, metadata={"Software": None})


def _per_server(sample: dict[str, Any], name: str) -> float:
    """Returns a signal divided by the number of servers, as the autoscaler does; not a number where there is none."""
    value = sample[name]
    return float("nan") if value is None else value / max(1, sample["existing"])


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
