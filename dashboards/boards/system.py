"""The machine: CPU, memory, models, GPUs; rows of Engine and system."""

from __future__ import annotations

from dashboards.panel import Panel, Query, Row, Threshold, Unit
from dashboards.promql import largest, now, seen
from otel.contract.labels import CONNECTION_STATE, EARLY_END, GPU, MODEL, TASK, WORKER
from otel.contract.metrics import (
    ACTIVE_VOICES,
    BACKGROUND_TASK_FAILURES,
    CONNECTIONS,
    CONNECTIONS_ENDED_EARLY,
    GPU_MEMORY,
    GPU_MEMORY_LIMIT,
    GPU_POWER,
    GPU_TEMPERATURE,
    GPU_UTILIZATION,
    MODEL_LOAD_TIME,
    RESTARTS,
    SYSTEM_CPU,
    SYSTEM_MEMORY,
    WORKER_RESTARTS,
)
from otel.contract.promql import INSTANCE

NO_GPU = "There is no GPU, or the server does not use it."
BUSY_PERCENT = 80
MUCH_MEMORY = 8e9

CPU = Panel(
    "cpu",
    "CPU",
    "In use on the machine, or in the container as a part of its share.",
    "lines",
    Unit.PERCENT,
    (Query(largest(SYSTEM_CPU), "CPU"),),
    thresholds=(Threshold(BUSY_PERCENT, "warning"),),
    asked=("A5.5",),
    width=6,
)
MEMORY = Panel(
    "memory",
    "Memory",
    "Of the server's process and its children, by server.",
    "lines",
    Unit.BYTES,
    (Query(largest(SYSTEM_MEMORY, (INSTANCE,)), "{instance}"),),
    thresholds=(Threshold(MUCH_MEMORY, "critical"),),
    asked=("A5.5",),
    width=6,
)
LOAD_TIME = Panel(
    "model-load-time",
    "Time to load a model",
    "Until it has spoken for the first time.",
    "bars",
    Unit.SECONDS,
    (Query(largest(MODEL_LOAD_TIME, (MODEL,)), "{model}"),),
    width=6,
)
RESTARTED = Panel(
    "restarts",
    "Restarts after a crash",
    "Times that each server was started again after a crash, since it was last stopped in order.",
    "bars",
    Unit.NUMBER,
    (Query(largest(RESTARTS, (INSTANCE,)), "{instance}"),),
    thresholds=(Threshold(1, "warning"),),
    width=8,
)
VOICES_IN_USE = Panel(
    "active-voices",
    "Voices in use",
    "Voices that spoke within the last hour.",
    "lines",
    Unit.NUMBER,
    (Query(largest(ACTIVE_VOICES), "voices"),),
    width=6,
)
OPEN_CONNECTIONS = Panel(
    "connections",
    "Connections",
    "Open connections to the API's port: with a request (busy), or without (idle). `TTSCOPE_MAX_CONNECTIONS` is the "
    "most that each server has.",
    "stacked",
    Unit.NUMBER,
    (Query(now(CONNECTIONS, (CONNECTION_STATE,)), "{state}"),),
    width=12,
)
ENDED_EARLY = Panel(
    "connections-ended-early",
    "Connections ended early",
    "A second, before a request was answered. full: answered 503, since all others had a request; displaced: idle, and "
    "gave its place to another; timeout: no request came within `TTSCOPE_RECEIVE_SECONDS`.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(CONNECTIONS_ENDED_EARLY, (EARLY_END,)), "{reason}"),),
    empty="Each connection has been answered so far.",
    width=12,
)
GPU_BUSY = Panel(
    "gpu-utilization",
    "GPU",
    "The share of time in which the GPU did anything.",
    "lines",
    Unit.PERCENT,
    (Query(largest(GPU_UTILIZATION, (GPU,)), "GPU {gpu}"),),
    empty=NO_GPU,
    asked=("A5.5",),
    width=6,
)
GPU_USED = Panel(
    "gpu-memory",
    "GPU memory",
    "In use, by all processes, and all there is.",
    "lines",
    Unit.BYTES,
    (
        Query(largest(GPU_MEMORY, (GPU,)), "GPU {gpu}"),
        Query(largest(GPU_MEMORY_LIMIT, (GPU,)), "all of GPU {gpu}"),
    ),
    empty=NO_GPU,
    asked=("A5.5",),
    width=6,
)
GPU_WATTS = Panel(
    "gpu-power",
    "GPU power",
    "What each GPU draws.",
    "stacked",
    Unit.WATTS,
    (Query(largest(GPU_POWER, (GPU,)), "GPU {gpu}"),),
    empty=NO_GPU,
    width=6,
)
GPU_HEAT = Panel(
    "gpu-temperature",
    "GPU temperature",
    "Of each GPU.",
    "lines",
    Unit.CELSIUS,
    (Query(largest(GPU_TEMPERATURE, (GPU,)), "GPU {gpu}"),),
    thresholds=(Threshold(85, "warning"),),
    empty=NO_GPU,
    width=6,
)

WORKERS = Panel(
    "worker-restarts",
    "Worker restarts",
    "Worker processes of the server that were started again, a second, since the one before had ended or hung.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(WORKER_RESTARTS, (WORKER,)), "{worker}"),),
    empty="No worker process had to be started again.",
    width=8,
)
TASK_FAILURES = Panel(
    "background-task-failures",
    "Background tasks: failures",
    "Failures, a second, of what the server does beside its requests. While `system` or `gpu` fails, there are no "
    "readings of memory, CPU or GPU; while `watch` or `probes` does, what is known of providers is old.",
    "stacked",
    Unit.PER_SECOND,
    (Query(seen(BACKGROUND_TASK_FAILURES, (TASK,)), "{task}"),),
    empty="No background task has failed.",
    width=8,
)

SYSTEM = Row("System", (CPU, MEMORY, LOAD_TIME, VOICES_IN_USE))
PROCESSES = Row("Processes", (RESTARTED, WORKERS, TASK_FAILURES))
CONNECTED = Row("Connections", (OPEN_CONNECTIONS, ENDED_EARLY))
GPUS = Row("GPU", (GPU_BUSY, GPU_USED, GPU_WATTS, GPU_HEAT))
