"""The Engine and system dashboard: where is time spent, and how much headroom is left?"""

from __future__ import annotations

from dashboards.boards.scaling import SCALING
from dashboards.boards.system import CONNECTED, GPUS, PROCESSES, SYSTEM
from dashboards.panel import Board, Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from dashboards.traceql import longer_than, present, requests
from otel.contract.event_fields import RequestField
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
from otel.contract.load_metrics import FORECAST_WAIT, UTILIZATION
from otel.contract.metrics import (
    BATCH_PADDING,
    BATCH_SIZE,
    CACHE_BYTES,
    CACHE_ENTRIES,
    CACHE_EVICTIONS,
    CACHE_INVALID,
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
from otel.contract.promql import INSTANCE, Where, ratio
from otel.contract.values import WORK

SLOW = requests(longer_than(1))
HELPED: Where = {CACHE_RESULT: ("hit", "coalesced")}
LOOKED_FOR: Where = {CACHE_RESULT: ("hit", "coalesced", "miss")}

STAGES = Panel(
    "stages",
    "Time per stage",
    "Mean time in seconds that a request spends in each stage, stacked. Stages that run in parallel each count in "
    "full, so on several cores the sum exceeds the response time. A stage that grows is the one to look at: queue "
    "means too much load, infer and decode a slow engine, send a slow client.",
    "stacked",
    Unit.SECONDS,
    (Query(SELECTED.mean(STAGE_DURATION, by=(STAGE,)), "{stage}"),),
    traces=SLOW,
    width=12,
)
WORK_BY_STAGE = Panel(
    "work",
    "Work by stage",
    "Seconds of work per second, by stage, without queueing and sending. 1 is one core or one GPU that is fully busy. "
    "Near the number of cores the server has no headroom.",
    "stacked",
    Unit.NUMBER,
    (
        Query(
            SELECTED.rate(STAGE_DURATION, by=(STAGE,), where={STAGE: WORK}, suffix="_sum"),
            "{stage}",
        ),
    ),
    width=12,
)
QUEUE = Panel(
    "queue",
    "Queue",
    "Requests that wait for the engine. If it does not fall again, more is requested than the machine can synthesize.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.total(QUEUE_DEPTH), "waiting"),),
)
QUEUE_SECONDS = Panel(
    "queue-audio",
    "Queued audio",
    "Seconds of audio that requests wait for. Admission rejects requests by this number: `TTSCOPE_MAX_QUEUE_SECONDS`. "
    "A stream that waits for its client does not count.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.total(QUEUE_AUDIO), "audio"),),
)
UNSENT = Panel(
    "unsent-bytes",
    "Unsent audio",
    "Estimated memory, by server, of audio that waits to be sent. Admission rejects requests by this number: "
    "`TTSCOPE_MAX_UNSENT_BYTES`. It grows when clients read slowly.",
    "lines",
    Unit.BYTES,
    (Query(SELECTED.largest(UNSENT_BYTES, by=(INSTANCE,)), "{instance}"),),
)
FORECAST = Panel(
    "forecast-wait",
    "Forecast wait",
    "Seconds until all audio that clients wait for is made, by server. From `TTSCOPE_SHED_SECONDS` on, /ready/load and "
    "haproxy's agent-check send new requests elsewhere. Servers that differ for long get more than they can make: "
    "docs/routing.md.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.largest(FORECAST_WAIT, by=(INSTANCE,)), "{instance}"),),
    width=12,
)
UTILIZED = Panel(
    "utilization",
    "Utilization",
    "Share of the last ten seconds in which clients waited for audio, plus the forecast wait as a share of "
    "`TTSCOPE_SHED_SECONDS`, by server, in percent. Above 100 more is requested than the engine makes; at 200 load is "
    "shed.",
    "lines",
    Unit.PERCENT,
    (Query(SELECTED.largest(UTILIZATION, by=(INSTANCE,)), "{instance}"),),
    width=12,
)
WAIT = Panel(
    "queue-wait",
    "Time in the queue",
    "p50 and p95 of the time in seconds that requests wait for others. When it rises, look at Queued audio and at CPU.",
    "lines",
    Unit.SECONDS,
    tuple(Query(SELECTED.quantile(q, STAGE_DURATION, where={STAGE: "queue"}), f"p{q * 100:.0f}") for q in (0.5, 0.95)),
    traces=SLOW,
    width=6,
)
BATCHES = Panel(
    "batches",
    "Distribution of batch sizes",
    "Batches per second by the number of steps in them.",
    "heatmap",
    Unit.NUMBER,
    (Query(SELECTED.distribution(BATCH_SIZE)),),
    width=6,
)
PADDING = Panel(
    "padding",
    "Padding",
    "Mean share of a batch that is padding for its shorter steps. Padding is wasted work: the lower, the better.",
    "lines",
    Unit.SHARE,
    (Query(SELECTED.mean(BATCH_PADDING), "padding"),),
    width=6,
)
BATCH_MEAN = Panel(
    "batch-size",
    "Batch size",
    "Mean number of steps that the engine runs in one batch. It rises with load.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.mean(BATCH_SIZE), "steps"),),
    width=6,
)
CACHE_RATIO = Panel(
    "cache-ratio",
    "Cache hits",
    "Share of lookups that needed no synthesis of their own: the audio was cached, or an equal request was already "
    "being synthesized. Requests that bypass the cache are left out. A fall after a restart is normal; otherwise look "
    "at evictions in Clips in the cache.",
    "lines",
    Unit.SHARE,
    (
        Query(
            ratio(SELECTED.rate(CACHE_REQUESTS, where=HELPED), SELECTED.rate(CACHE_REQUESTS, where=LOOKED_FOR)),
            "hits",
        ),
    ),
    width=6,
)
CACHE_LOOKUPS = Panel(
    "cache-requests",
    "Cache requests",
    "Cache lookups per second by result.",
    "stacked",
    Unit.REQUESTS_PER_SECOND,
    (Query(SELECTED.rate(CACHE_REQUESTS, by=(CACHE_RESULT,)), "{result}"),),
    width=6,
)
CACHE_SIZE = Panel(
    "cache-bytes",
    "Cache memory",
    "Memory of the cached clips, by server. The limit is `TTSCOPE_CACHE_BYTES`.",
    "stacked",
    Unit.BYTES,
    (Query(SELECTED.total(CACHE_BYTES, by=(INSTANCE,)), "{instance}"),),
    width=6,
)
CACHE_CLIPS = Panel(
    "cache-clips",
    "Clips in the cache",
    "Clips in the caches, and clips evicted per second. Many evictions with a low hit share: raise "
    "`TTSCOPE_CACHE_BYTES`. Invalid clips are values on Redis that were altered, cut off or written by others. They "
    "count as misses, and any at all means that somebody else writes to this Redis.",
    "lines",
    Unit.NUMBER,
    (
        Query(SELECTED.total(CACHE_ENTRIES), "clips"),
        Query(SELECTED.rate(CACHE_EVICTIONS), "evicted per second"),
        Query(SELECTED.rate(CACHE_INVALID), "invalid per second"),
    ),
    width=6,
)
AVAILABLE = Panel(
    "providers-available",
    "Providers",
    "1 while a provider receives requests, 0 while it is skipped because it failed. It comes back by itself once a "
    "health check succeeds. The runbook is TtsProviderUnavailable.",
    "states",
    Unit.STATE,
    (Query(SELECTED.smallest(PROVIDER_AVAILABLE, by=(PROVIDER,)), "{provider}"),),
    thresholds=(Threshold(1, "critical", below=True),),
    width=12,
    height=6,
)
DEGRADED_NOW = Panel(
    "providers-degraded",
    "Degraded",
    "1 while a provider is slower than its reference at equal text length (latency), fails too often (success_rate), "
    "or is skipped (unavailable). Providers: p95 and Providers: success show by how much.",
    "states",
    Unit.STATE,
    (Query(SELECTED.largest(DEGRADED, by=(PROVIDER, DEGRADED_KIND)), "{provider} {kind}"),),
    thresholds=(Threshold(1, "warning"),),
    width=12,
    height=6,
)
ATTEMPTS = Panel(
    "provider-attempts",
    "Synthesis attempts",
    "Attempts per second, by provider and outcome.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(PROVIDER_REQUESTS, by=(PROVIDER, ATTEMPT_OUTCOME)), "{provider} {outcome}"),),
    width=6,
)
PROVIDER_SUCCESS = Panel(
    "provider-success",
    "Providers: success",
    "Share of each provider's attempts that ended ok, among those that ended ok, in an error or in a timeout. Faulty "
    "audio is not counted, because an unusual text can cause it. When it falls, the server's log has the errors.",
    "lines",
    Unit.SHARE,
    (
        Query(
            ratio(
                SELECTED.rate(PROVIDER_REQUESTS, by=(PROVIDER,), where={ATTEMPT_OUTCOME: "ok"}),
                SELECTED.rate(PROVIDER_REQUESTS, by=(PROVIDER,), where={ATTEMPT_OUTCOME: ("ok", "error", "timeout")}),
            ),
            "{provider}",
        ),
    ),
    thresholds=(Threshold(0.95, "critical", below=True),),
    width=6,
)
PROVIDER_LATENCY = Panel(
    "provider-latency",
    "Providers: p95",
    "p95 of the time in seconds that a provider takes for an utterance, its queue included.",
    "lines",
    Unit.SECONDS,
    (Query(SELECTED.quantile(0.95, PROVIDER_DURATION, by=(PROVIDER,)), "{provider}"),),
    traces=SLOW,
    width=6,
)
FALLBACKS = Panel(
    "fallbacks",
    "Fallbacks",
    "Requests per second that another provider answered, by provider and reason. Synthesis attempts shows how the "
    "first provider fails.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(PROVIDER_FALLBACKS, by=(FROM, TO, FALLBACK_REASON)), "{from} to {to}: {reason}"),),
    traces=requests(present(RequestField.FALLBACK_FROM)),
    empty="No request fell back to another provider.",
    width=6,
)
ENGINE = Board(
    "ttscope-engine",
    "Engine and system",
    "Where is time spent, and how much headroom is left?",
    (
        Row("Stages", (STAGES, WORK_BY_STAGE)),
        Row(
            "Queue and batches", (QUEUE, QUEUE_SECONDS, UNSENT, FORECAST, UTILIZED, WAIT, BATCHES, BATCH_MEAN, PADDING)
        ),
        SCALING,
        Row("Cache", (CACHE_RATIO, CACHE_LOOKUPS, CACHE_SIZE, CACHE_CLIPS)),
        Row("Providers", (AVAILABLE, DEGRADED_NOW, ATTEMPTS, PROVIDER_SUCCESS, PROVIDER_LATENCY, FALLBACKS)),
        SYSTEM,
        PROCESSES,
        CONNECTED,
        GPUS,
    ),
)
