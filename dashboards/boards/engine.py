"""Engine and system: where does the time go, and what does the machine have left?"""

from __future__ import annotations

from dashboards.boards.system import CONNECTED, GPUS, PROCESSES, SYSTEM
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.promql import buckets, largest, mean, now, quantile, rate, seen, share, smallest, sums
from dashboards.traceql import given, longer_than, requests
from otel.contract.labels import (
    ATTEMPT_OUTCOME,
    CACHE_RESULT,
    DEGRADED_KIND,
    FALLBACK_REASON,
    FROM,
    PROVIDER,
    STAGE,
    TO,
)
from otel.contract.metrics import (
    BATCH_PADDING,
    BATCH_SIZE,
    CACHE_BYTES,
    CACHE_ENTRIES,
    CACHE_EVICTIONS,
    CACHE_REQUESTS,
    DEGRADED,
    PROVIDER_AVAILABLE,
    PROVIDER_DURATION,
    PROVIDER_FALLBACKS,
    PROVIDER_REQUESTS,
    QUEUE_AUDIO,
    QUEUE_DEPTH,
    STAGE_DURATION,
    UNSENT_BYTES,
)
from otel.contract.promql import INSTANCE, Where

SLOW = requests(longer_than(1))
HELPED: Where = {CACHE_RESULT: ("hit", "coalesced")}
LOOKED_FOR: Where = {CACHE_RESULT: ("hit", "coalesced", "miss")}
WORKING: Where = {STAGE: ("normalize", "phonemize", "infer", "decode", "encode")}

STAGES = Panel(
    "stages",
    "Where the time of a request goes",
    "The mean time that a request spends in each stage, on top of each other. Steps that are taken beside each other "
    "count each, so on several cores the sum is more than the response time.",
    "stacked",
    Unit.SECONDS,
    (Query(mean(STAGE_DURATION, (STAGE,)), "{stage}"),),
    traces=SLOW,
    asked=("B2.6",),
    width=12,
)
WORK = Panel(
    "work",
    "Work",
    "Seconds of work a second, by stage: 1 is one core or one GPU that does nothing else. Without waiting and sending.",
    "stacked",
    Unit.NUMBER,
    (
        Query(
            sums(STAGE_DURATION, (STAGE,), WORKING),
            "{stage}",
        ),
    ),
    width=12,
)
QUEUE = Panel(
    "queue",
    "Queue",
    "Requests that wait for their turn at the engine.",
    "lines",
    Unit.NUMBER,
    (Query(now(QUEUE_DEPTH), "waiting"),),
)
QUEUE_SECONDS = Panel(
    "queue-audio",
    "Audio to be made",
    "Seconds of audio that were asked for and are not made yet. The door closes by this number: "
    "`TTSCOPE_MAX_QUEUE_SECONDS`. A stream that waits for its reader is in it, but keeps nobody out.",
    "lines",
    Unit.SECONDS,
    (Query(now(QUEUE_AUDIO), "audio"),),
)
UNSENT = Panel(
    "unsent-bytes",
    "Audio that waits to be sent",
    "Memory for it, by server, as estimated while it is made. The door closes by this number: "
    "`TTSCOPE_MAX_UNSENT_BYTES`. It grows when readers are slow.",
    "lines",
    Unit.BYTES,
    (Query(largest(UNSENT_BYTES, (INSTANCE,)), "{instance}"),),
)
WAIT = Panel(
    "queue-wait",
    "Time in the queue",
    "Of 50 and 95 in 100 requests the longest wait for others.",
    "lines",
    Unit.SECONDS,
    tuple(Query(quantile(q, STAGE_DURATION, (), {STAGE: "queue"}), f"p{q * 100:.0f}") for q in (0.5, 0.95)),
    traces=SLOW,
    width=6,
)
BATCHES = Panel(
    "batches",
    "Steps taken together",
    "How many batches a second had up to so many steps.",
    "heatmap",
    Unit.NUMBER,
    (Query(buckets(BATCH_SIZE), "{le}"),),
    width=6,
)
PADDING = Panel(
    "padding",
    "Padding",
    "The share of a batch that only pads its shorter steps, in the mean.",
    "lines",
    Unit.SHARE,
    (Query(mean(BATCH_PADDING), "padding"),),
    width=6,
)
BATCH_MEAN = Panel(
    "batch-size",
    "Batch size",
    "Steps that the engine takes together, in the mean.",
    "lines",
    Unit.NUMBER,
    (Query(mean(BATCH_SIZE), "steps"),),
    width=6,
)
CACHE_RATIO = Panel(
    "cache-ratio",
    "Cache hits",
    "The share of requests that needed no synthesis of their own: the audio was there, or was being made for an equal "
    "request. Those that wanted none from the cache are left out.",
    "lines",
    Unit.SHARE,
    (
        Query(
            share(
                rate(CACHE_REQUESTS, (), HELPED),
                rate(CACHE_REQUESTS, (), LOOKED_FOR),
            ),
            "hits",
        ),
    ),
    asked=("B1.4", "B2.4"),
    width=6,
)
CACHE_LOOKUPS = Panel(
    "cache-requests",
    "Cache requests",
    "Requests a second by what came of looking into the cache.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(rate(CACHE_REQUESTS, (CACHE_RESULT,)), "{result}"),),
    asked=("B1.4", "B2.4"),
    width=6,
)
CACHE_SIZE = Panel(
    "cache-bytes",
    "Cache memory",
    "Memory that the clips in the cache hold, by server; `TTSCOPE_CACHE_BYTES` is the most.",
    "stacked",
    Unit.BYTES,
    (Query(now(CACHE_BYTES, (INSTANCE,)), "{instance}"),),
    asked=("B2.4",),
    width=6,
)
CACHE_CLIPS = Panel(
    "cache-clips",
    "Clips in the cache",
    "Clips that the caches hold, and those that had to make room for others, a second.",
    "lines",
    Unit.NUMBER,
    (Query(now(CACHE_ENTRIES), "clips"), Query(rate(CACHE_EVICTIONS), "evicted a second")),
    asked=("B2.4",),
    width=6,
)
AVAILABLE = Panel(
    "providers-available",
    "Providers",
    "1 while requests are sent to the provider, 0 while it is left alone since it failed.",
    "states",
    Unit.STATE,
    (Query(smallest(PROVIDER_AVAILABLE, (PROVIDER,)), "{provider}"),),
    thresholds=(Threshold(1, "critical", below=True),),
    asked=("B1.5", "B2.5"),
    width=12,
    height=6,
)
DEGRADED_NOW = Panel(
    "providers-degraded",
    "Degraded",
    "1 while a provider is slower than its reference at equal length (latency), fails too often (success_rate), or "
    "can't be asked (unavailable).",
    "states",
    Unit.STATE,
    (Query(largest(DEGRADED, (PROVIDER, DEGRADED_KIND)), "{provider} {kind}"),),
    thresholds=(Threshold(1, "warning"),),
    asked=("B3.2", "B3.3", "B3.4", "B2.5"),
    width=12,
    height=6,
)
ATTEMPTS = Panel(
    "provider-attempts",
    "Attempts to speak",
    "A second, by provider and by how they ended.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(PROVIDER_REQUESTS, (PROVIDER, ATTEMPT_OUTCOME)), "{provider} {outcome}"),),
    asked=("B1.5", "B2.5"),
    width=6,
)
PROVIDER_SUCCESS = Panel(
    "provider-success",
    "Providers: success",
    "The share of each provider's attempts that ended ok, of those that ended ok, in an error or too late. Faulty "
    "audio is not counted: it may be the fault of an odd text.",
    "lines",
    Unit.SHARE,
    (
        Query(
            share(
                rate(PROVIDER_REQUESTS, (PROVIDER,), {ATTEMPT_OUTCOME: "ok"}),
                rate(PROVIDER_REQUESTS, (PROVIDER,), {ATTEMPT_OUTCOME: ("ok", "error", "timeout")}),
            ),
            "{provider}",
        ),
    ),
    thresholds=(Threshold(0.95, "critical", below=True),),
    asked=("B1.5", "B2.5", "B3.3"),
    width=6,
)
PROVIDER_LATENCY = Panel(
    "provider-latency",
    "Providers: p95",
    "Time that a provider takes for an utterance, its queue included: of 95 in 100 the longest.",
    "lines",
    Unit.SECONDS,
    (Query(quantile(0.95, PROVIDER_DURATION, (PROVIDER,)), "{provider}"),),
    traces=SLOW,
    asked=("B2.5",),
    width=6,
)
FALLBACKS = Panel(
    "fallbacks",
    "Fallbacks",
    "Requests a second that another provider had to answer, and why.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(PROVIDER_FALLBACKS, (FROM, TO, FALLBACK_REASON)), "{from} to {to}: {reason}"),),
    traces=requests(given("tts.fallback_from")),
    empty="Every provider answered what it was asked.",
    asked=("B2.5",),
    width=6,
)
ENGINE = Board(
    "ttscope-engine",
    "Engine and system",
    "Where does the time go, and what does the machine have left?",
    (
        Row("Stages", (STAGES, WORK)),
        Row("Queue and batches", (QUEUE, QUEUE_SECONDS, UNSENT, WAIT, BATCHES, BATCH_MEAN, PADDING)),
        Row("Cache", (CACHE_RATIO, CACHE_LOOKUPS, CACHE_SIZE, CACHE_CLIPS)),
        Row("Providers", (AVAILABLE, DEGRADED_NOW, ATTEMPTS, PROVIDER_SUCCESS, PROVIDER_LATENCY, FALLBACKS)),
        SYSTEM,
        PROCESSES,
        CONNECTED,
        GPUS,
    ),
)
