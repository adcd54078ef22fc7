"""What histograms are measured with, and how their cost is written."""

from __future__ import annotations

import random
from dataclasses import replace

from opentelemetry.sdk.metrics import MeterProvider

from bench.histogram_load import allow_lists, request, voice
from bench.histograms import NOTHING, Cost, Size, promises, render
from bench.results.machine import Machine
from otel.contract.metrics import AUDIO_DURATION, CONTRACT
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics


def test_made_up_requests_have_readings_of_every_histogram_but_those_of_batches_recognised_clips_and_sockets() -> None:
    generator, store = random.Random(1), HistogramStore()
    provider = MeterProvider(shutdown_on_exit=False)
    metrics = Metrics(provider.get_meter("bench"), allow_lists(2), store)
    for number in [0, 1] * 100:
        readings, context = request(generator, number)
        for instrument, value, labels in readings:
            metrics.record(instrument, value, context, **labels)
    snapshot = store.snapshot()
    recorded = {instrument.name for instrument in snapshot}
    seldom = ("tts.batch_", "tts.word_error_rate", "tts.verification.", "tts.probe.", "tts.utterance.", "tts.playback.")
    assert recorded == {each.name for each in CONTRACT if each.kind == "histogram" and not each.name.startswith(seldom)}
    assert set(snapshot[AUDIO_DURATION]) == {(voice(number),) for number in range(2)}


def test_the_second_form_is_held_against_the_first_at_the_most_voices() -> None:
    classic = Size(100, 2000, 3000, NOTHING, 4000, 100, 5000, 6000)
    both = replace(classic, series=106, protobuf=1500, otlp=8400, head_series=106, chunks=7500)
    sizes = {1: (classic, classic), 50: (classic, both)}
    cost = Cost(sdk=170, store=60)
    assert [promise.is_met for promise in promises(cost, sizes)] == [True, True, False, True, True]
    text = render(cost, sizes, Machine("A processor", 2, 8 * 2**30, has_bf16=False))
    assert "**missed**" in text
    assert "| kB of a scrape, protobuf" in text
