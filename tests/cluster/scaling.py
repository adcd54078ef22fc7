"""What is written down while the number of servers changes: the signals, the decisions, and when pods are ready."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.cluster.crowd import Crowd, Results
from tests.cluster.deployment import NAMESPACE, Deployment

EVERY = 2.0
SIGNALS = ("tts_busy_threads", "tts_queue_audio_seconds")
AUTOSCALER = f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/server"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the cluster; a signal that can't be read is None."""

    seconds: float
    """Since the begin of the run, as all times here."""
    requests_per_second: float
    """What the crowd sends on average."""
    busy_threads: float | None
    queued_audio: float | None
    """The signals, over all servers."""
    desired: int
    ready: int
    existing: int


@dataclass(frozen=True, slots=True)
class Start:
    """When a pod was created and got ready, to the second."""

    created: float
    ready: float


@dataclass(slots=True)
class Run:
    """A whole run; its fields are what the JSON file has."""

    machine: dict[str, Any]
    targets: dict[str, float]
    samples: list[Sample] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    results: dict[str, Results] = field(default_factory=dict)
    lags: dict[str, float] = field(default_factory=dict)

    def desired(self) -> list[int]:
        """Returns the numbers of servers that were asked for, one after the other."""
        numbers = [sample.desired for sample in self.samples]
        return [number for number, before in zip(numbers, [0, *numbers], strict=False) if number != before]

    def first(self, seconds: float, ready: int = 0, desired: int = 0) -> float:
        """Returns the time of the first sample after ``seconds`` with at least so many servers."""
        samples = (each for each in self.samples if each.seconds >= seconds)
        return next(each.seconds for each in samples if each.ready >= ready and each.desired >= desired)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)) + "\n")


def turns(numbers: Iterable[int]) -> int:
    """Returns how often a series of numbers changes its direction."""
    series = list(numbers)
    steps = [after > before for before, after in pairwise(series)]
    return sum(step != before for before, step in pairwise(steps))


class Watch:
    """A context in which the cluster is looked at every two seconds."""

    def __init__(self, scaled: Deployment, crowd: Crowd, run: Run) -> None:
        self._scaled, self._crowd, self._run = scaled, crowd, run
        self._pods: dict[str, Start] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self.begun, self._begun_at = time.monotonic(), time.time()

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._run.starts = sorted(self._pods.values(), key=lambda start: start.ready)

    @property
    def seconds(self) -> float:
        """The time since the begin."""
        return round(time.monotonic() - self.begun, 1)

    def _look_on(self) -> None:
        while not self._end.wait(EVERY):
            try:
                self._look()
            except OSError:
                continue  # the next look may succeed; a gap is seen in the samples

    def _look(self) -> None:
        api = self._scaled.cluster.api
        status = api.get(AUTOSCALER)["status"]
        pods = self._scaled.pods("server")
        for pod in pods:
            ready = [each for each in pod["status"].get("conditions", []) if each["type"] == "Ready"]
            if ready and ready[0]["status"] == "True":
                created, since = pod["metadata"]["creationTimestamp"], ready[0]["lastTransitionTime"]
                self._pods.setdefault(pod["metadata"]["name"], Start(self._time(created), self._time(since)))
        deployment = api.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/server")["status"]
        self._run.samples.append(
            Sample(
                self.seconds,
                round(self._crowd.rate, 3),
                self._signal(SIGNALS[0]),
                self._signal(SIGNALS[1]),
                int(status.get("desiredReplicas", 0)),
                int(deployment.get("readyReplicas", 0)),
                len(pods),
            )
        )

    def _signal(self, name: str) -> float | None:
        """Returns a signal as the autoscaler reads it."""
        try:
            items = self._scaled.cluster.api.list(
                f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/{name}"
            )
        except OSError:
            return None
        return quantity(items[0]["value"]) if items else None

    def _time(self, text: str) -> float:
        return round(datetime.fromisoformat(text).timestamp() - self._begun_at, 1)


def quantity(text: str) -> float:
    """Returns the number that a quantity of Kubernetes stands for."""
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
