"""``python -m probe``: probes a server until it is stopped; with --once one time, with exit code 1 if one failed."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

from otel.sdk import variables as standard
from otel.support import private_logs
from otel.support.environment import SettingsError
from probe.probe_metrics import ProbeMetrics, over_otlp
from probe.prober import Probe, Prober
from probe.settings import load
from probe.speech_client import SpeechClient

LEAST_PRIORITY = 19
LOG_FIELDS = frozenset({"reason", "result", "seconds", "variable", "voice"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 2 if the environment has values that can't be used."""
    parser = argparse.ArgumentParser(prog="python -m probe", description=__doc__)
    parser.add_argument("--once", action="store_true", help="probe each voice once, and print what was found")
    options = parser.parse_args(arguments)
    private_logs.configure(private_logs.PrivateFormatter(LOG_FIELDS), "info")
    try:
        standard.tidy()
        settings = load()
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    os.nice(LEAST_PRIORITY)  # what it measures must not be slowed down by its listening
    prober = Prober(SpeechClient(settings.url, settings.timeout_seconds), settings.voices, settings.seed)
    metrics = ProbeMetrics(over_otlp, settings.url)
    try:
        if options.once:
            return _once(prober, metrics)
        _repeat(prober, metrics, settings.interval_seconds)
        return 0
    finally:
        metrics.close()


def _once(prober: Prober, metrics: ProbeMetrics) -> int:
    probes = list(prober.round())
    for probe in probes:
        metrics.record(probe)
        print(json.dumps(probe.summary()))
    return int(not probes or any(probe.failed for probe in probes))


def _repeat(prober: Prober, metrics: ProbeMetrics, seconds: float) -> None:
    """Probes in rounds that begin every ``seconds``, until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log = logging.getLogger(f"{private_logs.LOGGER}.probe")
    while not stopped.is_set():
        remaining = prober.clock() + seconds
        for probe in prober.round():
            metrics.record(probe)
            if probe.failed:
                log.warning("a probe failed", extra=_fields(probe))
            if stopped.is_set():
                return
        stopped.wait(max(0.0, remaining - prober.clock()))


def _fields(probe: Probe) -> dict[str, str]:
    return {"voice": probe.voice, "result": str(probe.result), "reason": probe.reason}


if __name__ == "__main__":
    sys.exit(main())
