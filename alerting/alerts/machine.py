"""The machine below the server, whether there is a server at all, and whether its workers stay. CPU and memory are those of requirement A6."""

from __future__ import annotations

from alerting.alert import Alert, Group, Severity, Team, Topic
from alerting.links import Dashboard
from alerting.promql import grown, increase, largest, risen, series
from otel.contract.labels import ERROR_TYPE, GPU, TASK, WORKER
from otel.contract.metrics import (
    BACKGROUND_TASK_FAILURES,
    ERRORS,
    GPU_MEMORY,
    GPU_MEMORY_LIMIT,
    GPU_TEMPERATURE,
    REQUESTS_IN_FLIGHT,
    RESTARTS,
    SYSTEM_CPU,
    SYSTEM_MEMORY,
    WORKER_RESTARTS,
)
from otel.contract.promql import INSTANCE

CPU_PERCENT = 80
"""By requirement A6."""
MEMORY_BYTES = 8e9
"""By requirement A6: 8 GB."""
GPU_SHARE = 0.95
GPU_CELSIUS = 85
"""A few degrees below where data centre cards begin to slow themselves down."""
MOST_PROCESSES = 3
"""For each server that runs now, within a quarter of an hour."""
MOST_RESTARTS = 3
"""Of worker processes, within a quarter of an hour."""
MOST_FAILURES = 3
"""Of a background task, within a quarter of an hour."""
EACH_TASK = (INSTANCE, TASK)
LOST = "server_crashed"
EACH_WORKER = (INSTANCE, WORKER)
EACH_GPU = (INSTANCE, GPU)


def _running(over: str) -> str:
    """How many processes of the server reported in that time; each has an instance of its own."""
    return f"count(count by ({INSTANCE}) (count_over_time({series(REQUESTS_IN_FLIGHT)}[{over}])))"


GROUP = Group(
    "machine",
    "The machine, and whether there is a server at all. CPU and memory are those of requirement A6.",
    (
        Alert(
            name="TtsCpuHigh",
            expr=f"avg by ({INSTANCE}) (avg_over_time({series(SYSTEM_CPU)}[5m])) > {CPU_PERCENT}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The processor is busy",
            description="The machine of {{ $labels.instance }} was busy for {{ $value | printf `%.0f` }} % of the last five minutes; "
            f"the limit is {CPU_PERCENT} %.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsMemoryHigh",
            expr=f"{largest(SYSTEM_MEMORY, None, (INSTANCE,))} > {MEMORY_BYTES:.0f}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The server takes much memory",
            description="{{ $labels.instance }} holds {{ $value | humanize }}B; "
            f"the limit is {MEMORY_BYTES / 1e9:g} GB.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsGpuMemoryHigh",
            expr=f"{largest(GPU_MEMORY, None, EACH_GPU)} / {largest(GPU_MEMORY_LIMIT, None, EACH_GPU)} > {GPU_SHARE:g}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The GPU {{ $labels.gpu }} is nearly out of memory",
            description="{{ $value | humanizePercentage }} of the memory of GPU {{ $labels.gpu }} is taken; "
            f"the limit is {GPU_SHARE:.0%}.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsGpuHot",
            expr=f"{largest(GPU_TEMPERATURE, None, EACH_GPU)} > {GPU_CELSIUS}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The GPU {{ $labels.gpu }} is hot",
            description="GPU {{ $labels.gpu }} has {{ $value | printf `%.0f` }} degrees Celsius; "
            f"above {GPU_CELSIUS} it slows itself down soon.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsGpuLost",
            expr=f"({largest(GPU_MEMORY, None, EACH_GPU, over='1h')} unless {largest(GPU_MEMORY, None, EACH_GPU, over='2m')})\n"
            f"and on ({INSTANCE}) {largest(REQUESTS_IN_FLIGHT, None, (INSTANCE,), over='2m')}",
            hold="1m",
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The GPU {{ $labels.gpu }} is lost",
            description="GPU {{ $labels.gpu }} of {{ $labels.instance }} does not report any more; it held {{ $value | humanize }}B "
            "at most within the last hour.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsServerAbsent",
            expr=f"absent_over_time({series(REQUESTS_IN_FLIGHT)}[1m])",
            hold="1m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="There is no server",
            description="No server has reported within the last minute.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsServerRestarted",
            expr=risen(RESTARTS, "15m", (INSTANCE,)),
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="The server has crashed and was started again",
            description="{{ $labels.instance }} was started again within 15 minutes: restart {{ $value }} since the last "
            "orderly stop. What the server before it was speaking is lost.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsServerRestarting",
            expr=f"{_running('15m')} > {MOST_PROCESSES} * clamp_min({_running('1m')} or vector(0), 1)",
            hold="0s",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="The server starts again and again",
            description="{{ $value }} processes of the server have reported within 15 minutes, more than "
            f"{MOST_PROCESSES} times as many as run now.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsServerCrashed",
            expr=f"{grown(ERRORS, '15m', {ERROR_TYPE: LOST}, (INSTANCE,))} > 0",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="A server crashed with requests in flight",
            description="The server before {{ $labels.instance }} ended without finishing {{ $value }} requests.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsWorkerRestarting",
            expr=f"{increase(WORKER_RESTARTS, '15m', by=EACH_WORKER)} > {MOST_RESTARTS}",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.MACHINE,
            summary="Worker processes for {{ $labels.worker }} end again and again",
            description="{{ $labels.instance }} had to start worker processes for {{ $labels.worker }} "
            "{{ $value | printf `%.0f` }} times within 15 minutes; "
            f"more than {MOST_PROCESSES} is too many.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsBackgroundTaskFailing",
            expr=f"{increase(BACKGROUND_TASK_FAILURES, '15m', by=EACH_TASK)} > {MOST_FAILURES}",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The background task {{ $labels.task }} fails again and again",
            description="The task {{ $labels.task }} of {{ $labels.instance }} failed {{ $value | printf `%.0f` }} times within "
            f"15 minutes; more than {MOST_FAILURES} is too many.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
    ),
)
