"""Alerts on the machine and on processes: CPU, memory, GPUs, and whether the server and its workers stay up."""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.labels import ERROR_TYPE, GPU, TASK, WORKER
from otel.contract.metrics import (
    BACKGROUND_TASK_FAILURES,
    CERTIFICATE_EXPIRY,
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
from otel.contract.promql import INSTANCE, UNSCOPED

CPU_PERCENT = 80
MEMORY_BYTES = 8e9
GPU_SHARE = 0.95
GPU_CELSIUS = 85
"""A few degrees below the temperature at which data centre GPUs lower their clock."""
MOST_PROCESSES = 3
"""Processes within 15 minutes, for each server that runs now."""
MOST_RESTARTS = 3
"""Restarts of a worker process within 15 minutes."""
MOST_FAILURES = 3
"""Failures of a background task within 15 minutes."""
LEAST_DAYS = 7
"""Days before a certificate expires. Certificates of 45 days and more are usually renewed when 15 are left."""
EACH_TASK = (INSTANCE, TASK)
LOST = "server_crashed"
EACH_WORKER = (INSTANCE, WORKER)
EACH_GPU = (INSTANCE, GPU)


def _running(over: str) -> str:
    """Returns the number of server processes that reported in that time; each has its own instance label."""
    return f"count(count by ({INSTANCE}) (count_over_time({UNSCOPED.series(REQUESTS_IN_FLIGHT)}[{over}])))"


GROUP = Group(
    "machine",
    "The machine, and whether the server and its workers stay up.",
    (
        Alert(
            name="TtsCpuHigh",
            expr=f"avg by ({INSTANCE}) (avg_over_time({UNSCOPED.series(SYSTEM_CPU)}[5m])) > {CPU_PERCENT}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="CPU use is high",
            description="The machine of {{ $labels.instance }} was busy for {{ $value | printf `%.0f` }} % "
            f"of the last five minutes; the limit is {CPU_PERCENT} %.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsMemoryHigh",
            expr=f"{UNSCOPED.largest(SYSTEM_MEMORY, by=(INSTANCE,))} > {MEMORY_BYTES:.0f}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The server uses much memory",
            description="{{ $labels.instance }} uses {{ $value | humanize }}B; the limit is "
            f"{MEMORY_BYTES / 1e9:g} GB.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsGpuMemoryHigh",
            expr=f"{UNSCOPED.largest(GPU_MEMORY, by=EACH_GPU)} / {UNSCOPED.largest(GPU_MEMORY_LIMIT, by=EACH_GPU)} > {GPU_SHARE:g}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="GPU {{ $labels.gpu }} is nearly out of memory",
            description="{{ $value | humanizePercentage }} of the memory of GPU {{ $labels.gpu }} is in use; "
            f"the limit is {GPU_SHARE:.0%}.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsGpuHot",
            expr=f"{UNSCOPED.largest(GPU_TEMPERATURE, by=EACH_GPU)} > {GPU_CELSIUS}",
            hold="5m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="GPU {{ $labels.gpu }} is hot",
            description="GPU {{ $labels.gpu }} is at {{ $value | printf `%.0f` }} degrees Celsius; above "
            f"{GPU_CELSIUS} it will soon lower its clock.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsGpuLost",
            expr=f"({UNSCOPED.largest(GPU_MEMORY, by=EACH_GPU, over='1h')} unless {UNSCOPED.largest(GPU_MEMORY, by=EACH_GPU, over='2m')})\n"
            f"and on ({INSTANCE}) {UNSCOPED.largest(REQUESTS_IN_FLIGHT, by=(INSTANCE,), over='2m')}",
            hold="1m",
            severity=Severity.CRITICAL,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="GPU {{ $labels.gpu }} is lost",
            description="GPU {{ $labels.gpu }} of {{ $labels.instance }} has stopped reporting. Its peak memory use "
            "within the last hour was {{ $value | humanize }}B.",
            dashboard=Dashboard.ENGINE,
        ),
        Alert(
            name="TtsServerAbsent",
            expr=f"absent_over_time({UNSCOPED.series(REQUESTS_IN_FLIGHT)}[1m])",
            hold="1m",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="No server is reporting",
            description="No server has reported within the last minute.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsServerRestarted",
            expr=UNSCOPED.rise(RESTARTS, by=(INSTANCE,), over="15m"),
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="The server crashed and was restarted",
            description="{{ $labels.instance }} was restarted within the last 15 minutes: restart {{ $value }} since "
            "the last orderly stop. Requests that were in progress are lost.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsServerRestarting",
            expr=f"{_running('15m')} > {MOST_PROCESSES} * clamp_min({_running('1m')} or vector(0), 1)",
            hold="0s",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.SERVER,
            summary="The server restarts repeatedly",
            description="{{ $value }} server processes have reported within 15 minutes, more than "
            f"{MOST_PROCESSES} times as many as run now.",
            dashboard=Dashboard.SERVICE,
            keep="5m",
        ),
        Alert(
            name="TtsServerCrashed",
            expr=f"{UNSCOPED.growth(ERRORS, by=(INSTANCE,), where={ERROR_TYPE: LOST}, over='15m')} > 0",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.AVAILABILITY,
            summary="A server crashed with requests in flight",
            description="The predecessor of {{ $labels.instance }} ended without finishing {{ $value }} requests.",
            dashboard=Dashboard.SERVICE,
        ),
        Alert(
            name="TtsWorkerRestarting",
            expr=f"{UNSCOPED.increase(WORKER_RESTARTS, by=EACH_WORKER, over='15m')} > {MOST_RESTARTS}",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.MACHINE,
            summary="Worker processes for {{ $labels.worker }} restart repeatedly",
            description="{{ $labels.instance }} restarted worker processes for {{ $labels.worker }} "
            f"{{{{ $value | printf `%.0f` }}}} times within 15 minutes; the limit is {MOST_RESTARTS}.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsBackgroundTaskFailing",
            expr=f"{UNSCOPED.increase(BACKGROUND_TASK_FAILURES, by=EACH_TASK, over='15m')} > {MOST_FAILURES}",
            hold="0s",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="The background task {{ $labels.task }} fails repeatedly",
            description="The task {{ $labels.task }} of {{ $labels.instance }} failed "
            f"{{{{ $value | printf `%.0f` }}}} times within 15 minutes; the limit is {MOST_FAILURES}.",
            dashboard=Dashboard.ENGINE,
            keep="5m",
        ),
        Alert(
            name="TtsCertificateExpiring",
            expr=f"{UNSCOPED.smallest(CERTIFICATE_EXPIRY, by=(INSTANCE,))} - time() < {LEAST_DAYS * 86400}",
            hold="10m",
            severity=Severity.WARNING,
            team=Team.PLATFORM,
            topic=Topic.MACHINE,
            summary="A TLS certificate was not renewed",
            description="The certificate that {{ $labels.instance }} uses is valid for {{ $value | humanizeDuration }}; "
            f"it should have been replaced {LEAST_DAYS} days before it expires. Then clients refuse the server.",
            dashboard=Dashboard.ENGINE,
        ),
    ),
)
