"""Rows of the Engine and system dashboard about the machine: CPU, memory, models, connections, GPUs."""

from __future__ import annotations

from dashboards.panel import Panel, Query, Row, Threshold, Unit
from dashboards.scope import SELECTED
from otel.contract.labels import CONNECTION_STATE, EARLY_END, GPU, MODEL, TASK, WORKER
from otel.contract.metrics import (
    ACTIVE_VOICES,
    BACKGROUND_TASK_FAILURES,
    CERTIFICATE_EXPIRY,
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

NO_GPU = "The server uses no GPU."
BUSY_PERCENT = 80
MUCH_MEMORY = 8e9

CPU = Panel(
    "cpu",
    "CPU",
    "CPU use in percent of the machine, or of the container's CPU limit. Above 80 % latency begins to rise: look at "
    "Work by stage and at other programs on the machine.",
    "lines",
    Unit.PERCENT,
    (Query(SELECTED.largest(SYSTEM_CPU), "CPU"),),
    thresholds=(Threshold(BUSY_PERCENT, "warning"),),
    width=6,
)
MEMORY = Panel(
    "memory",
    "Memory",
    "Memory of the server process and its children, by server. If it grows while traffic does not, restart the server "
    "and report it.",
    "lines",
    Unit.BYTES,
    (Query(SELECTED.largest(SYSTEM_MEMORY, by=(INSTANCE,)), "{instance}"),),
    thresholds=(Threshold(MUCH_MEMORY, "critical"),),
    width=6,
)
LOAD_TIME = Panel(
    "model-load-time",
    "Time to load a model",
    "Seconds until a model was loaded and had spoken for the first time.",
    "bars",
    Unit.SECONDS,
    (Query(SELECTED.largest(MODEL_LOAD_TIME, by=(MODEL,)), "{model}"),),
    width=6,
)
RESTARTED = Panel(
    "restarts",
    "Restarts after a crash",
    "Restarts of each server after a crash, since its last orderly stop. The runbook TtsServerRestarted says where to "
    "find the cause.",
    "bars",
    Unit.NUMBER,
    (Query(SELECTED.largest(RESTARTS, by=(INSTANCE,)), "{instance}"),),
    thresholds=(Threshold(1, "warning"),),
    width=8,
)
VOICES_IN_USE = Panel(
    "active-voices",
    "Voices in use",
    "Voices that were used within the last hour.",
    "lines",
    Unit.NUMBER,
    (Query(SELECTED.largest(ACTIVE_VOICES), "voices"),),
    width=6,
)
OPEN_CONNECTIONS = Panel(
    "connections",
    "Connections",
    "Open connections to the API port: with a request (busy) or without (idle). The limit for each server is "
    "`TTSCOPE_MAX_CONNECTIONS`. Many more busy connections than requests in flight point to slow clients.",
    "stacked",
    Unit.NUMBER,
    (Query(SELECTED.total(CONNECTIONS, by=(CONNECTION_STATE,)), "{state}"),),
    width=10,
)
ENDED_EARLY = Panel(
    "connections-ended-early",
    "Connections ended early",
    "Connections per second that were closed before a request was answered. full: answered with 503 because all "
    "others had a request; displaced: idle, closed in favour of a new one; timeout: no request, or no TLS handshake, "
    "within `TTSCOPE_RECEIVE_SECONDS`; handshake: the client may not accept the certificate.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(CONNECTIONS_ENDED_EARLY, by=(EARLY_END,)), "{reason}"),),
    empty="No connection was closed early.",
    width=8,
)
CERTIFICATE = Panel(
    "certificate-expiry",
    "TLS certificate expires",
    "When the certificate in use expires, by server. Replaced files are used within seconds. The runbook is "
    "TtsCertificateExpiring.",
    "stat",
    Unit.TIME,
    (Query(f"{SELECTED.smallest(CERTIFICATE_EXPIRY, by=(INSTANCE,))} * 1000", "{instance}"),),
    empty="The server does not use TLS.",
    width=6,
)
GPU_BUSY = Panel(
    "gpu-utilization",
    "GPU",
    "Share of time in percent in which the GPU was busy.",
    "lines",
    Unit.PERCENT,
    (Query(SELECTED.largest(GPU_UTILIZATION, by=(GPU,)), "GPU {gpu}"),),
    empty=NO_GPU,
    width=6,
)
GPU_USED = Panel(
    "gpu-memory",
    "GPU memory",
    "GPU memory in use by all processes, and the total. Near the total the next long text may not fit.",
    "lines",
    Unit.BYTES,
    (
        Query(SELECTED.largest(GPU_MEMORY, by=(GPU,)), "GPU {gpu}"),
        Query(SELECTED.largest(GPU_MEMORY_LIMIT, by=(GPU,)), "all of GPU {gpu}"),
    ),
    empty=NO_GPU,
    width=6,
)
GPU_WATTS = Panel(
    "gpu-power",
    "GPU power",
    "Power draw of each GPU, in watts.",
    "stacked",
    Unit.WATTS,
    (Query(SELECTED.largest(GPU_POWER, by=(GPU,)), "GPU {gpu}"),),
    empty=NO_GPU,
    width=6,
)
GPU_HEAT = Panel(
    "gpu-temperature",
    "GPU temperature",
    "Temperature of each GPU in degrees Celsius. Soon above 85 a GPU lowers its clock: check fans and airflow.",
    "lines",
    Unit.CELSIUS,
    (Query(SELECTED.largest(GPU_TEMPERATURE, by=(GPU,)), "GPU {gpu}"),),
    thresholds=(Threshold(85, "warning"),),
    empty=NO_GPU,
    width=6,
)

WORKERS = Panel(
    "worker-restarts",
    "Worker restarts",
    "Worker processes of the server that were restarted per second because they had ended or hung. The server's log "
    "names each restart and its reason.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(WORKER_RESTARTS, by=(WORKER,)), "{worker}"),),
    empty="No worker process was restarted.",
    width=8,
)
TASK_FAILURES = Panel(
    "background-task-failures",
    "Background tasks: failures",
    "Failures per second of the server's background tasks. While `system` or `gpu` fails, CPU, memory or GPU metrics "
    "are missing; while `watch` or `probes` fails, the state of providers is out of date. The server's log has the "
    "error.",
    "stacked",
    Unit.PER_SECOND,
    (Query(SELECTED.positive_rate(BACKGROUND_TASK_FAILURES, by=(TASK,)), "{task}"),),
    empty="No background task has failed.",
    width=8,
)

SYSTEM = Row("System", (CPU, MEMORY, LOAD_TIME, VOICES_IN_USE))
PROCESSES = Row("Processes", (RESTARTED, WORKERS, TASK_FAILURES))
CONNECTED = Row("Connections", (OPEN_CONNECTIONS, ENDED_EARLY, CERTIFICATE))
GPUS = Row("GPU", (GPU_BUSY, GPU_USED, GPU_WATTS, GPU_HEAT))
