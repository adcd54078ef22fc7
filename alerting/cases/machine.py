"""Tests of the alerts on the machine and on processes."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

A = {"instance": "a"}
CPU, MEMORY = 'tts_system_cpu_usage_percent{instance="a"}', 'tts_system_memory_usage_bytes{instance="a"}'
THIS = {"instance": "a", "gpu": "0"}
GPU = '{instance="a",gpu="0"}'
USED, LIMIT, HEAT = (
    f"tts_gpu_{name}{GPU}" for name in ("memory_usage_bytes", "memory_limit_bytes", "temperature_celsius")
)
LOST = 'tts_errors_total{instance="a",error_type="server_crashed",endpoint="/tts",side="server"}'
RESTARTS = 'tts_worker_restarts_total{instance="a",worker="phonemes"}'
TASK = 'tts_background_task_failures_total{instance="a",task="system"}'
EXPIRY = 'tts_certificate_expiry_timestamp_seconds{instance="a"}'
HERE = 'tts_requests_in_flight{instance="a"}'


def process(number: int) -> str:
    """Returns the series that shows a server process is up."""
    return f'tts_requests_in_flight{{instance="{number}"}}'


def restarts(instance: str) -> str:
    """Returns the series of a server process' restarts."""
    return f'tts_restarts{{instance="{instance}"}}'


def restarted(times: int) -> Firing:
    """Returns the expected alert about the server b."""
    says = f"b was restarted within the last 15 minutes: restart {times} since the last orderly stop. "
    return Firing(f"{says}Requests that were in progress are lost.", {"instance": "b"})


CRASHING = {process(number): f"{'_ ' * (number * 3)}0 0" for number in range(4)}

CASES: tuple[Case, ...] = (
    fires(
        "TtsCpuHigh",
        "81 %",
        "15m",
        {CPU: "81x20"},
        Firing("The machine of a was busy for 81 % of the last five minutes; the limit is 80 %.", A),
    ),
    silent(Kind.EDGE, "TtsCpuHigh", "80 %", "15m", {CPU: "80x20"}),
    silent(Kind.EDGE, "TtsCpuHigh", "a peak of four minutes", "10m", {CPU: "10x4 100x3 10x20"}),
    silent(Kind.MISSING, "TtsCpuHigh", "no server", "15m"),
    fires(
        "TtsMemoryHigh",
        "a byte more than 8 GB",
        "10m",
        {MEMORY: "8000000001x20"},
        Firing("a uses 8GB; the limit is 8 GB.", A),
    ),
    silent(Kind.EDGE, "TtsMemoryHigh", "8 GB", "10m", {MEMORY: "8000000000x20"}),
    silent(Kind.EDGE, "TtsMemoryHigh", "too short", "4m", {MEMORY: "9000000000x20"}),
    silent(Kind.MISSING, "TtsMemoryHigh", "no server", "10m"),
    fires(
        "TtsGpuMemoryHigh",
        "96 of 100",
        "15m",
        {USED: "96x20", LIMIT: "100x20"},
        Firing("96% of the memory of GPU 0 is in use; the limit is 95%.", THIS),
    ),
    silent(Kind.EDGE, "TtsGpuMemoryHigh", "95 of 100", "15m", {USED: "95x20", LIMIT: "100x20"}),
    silent(Kind.MISSING, "TtsGpuMemoryHigh", "no GPU", "15m", {HERE: "0x20"}),
    fires(
        "TtsGpuHot",
        "86 degrees",
        "10m",
        {HEAT: "86x20"},
        Firing("GPU 0 is at 86 degrees Celsius; above 85 it will soon lower its clock.", THIS),
    ),
    silent(Kind.EDGE, "TtsGpuHot", "85 degrees", "10m", {HEAT: "85x20"}),
    silent(Kind.MISSING, "TtsGpuHot", "no GPU", "10m", {HERE: "0x20"}),
    fires(
        "TtsGpuLost",
        "the server is still there",
        "15m",
        {USED: "20000000000x8", HERE: "0x30"},
        Firing("GPU 0 of a has stopped reporting. Its peak memory use within the last hour was 20GB.", THIS),
    ),
    silent(Kind.EDGE, "TtsGpuLost", "too short", "10m", {USED: "20000000000x8", HERE: "0x30"}),
    silent(Kind.QUIET, "TtsGpuLost", "the server went with it", "15m", {USED: "20000000000x8", HERE: "0x8"}),
    silent(Kind.MISSING, "TtsGpuLost", "there never was one", "15m", {HERE: "0x30"}),
    fires(
        "TtsServerAbsent",
        "gone two minutes ago",
        "7m",
        {HERE: "0x4"},
        Firing("No server has reported within the last minute."),
    ),
    fires("TtsServerAbsent", "there never was one", "7m", {}, Firing("No server has reported within the last minute.")),
    silent(Kind.EDGE, "TtsServerAbsent", "gone one minute ago", "5m", {HERE: "0x4"}),
    silent(Kind.MISSING, "TtsServerAbsent", "it is there, and nobody calls", "7m", {HERE: "0x20"}),
    fires(
        "TtsServerRestarted",
        "a new process reports a restart",
        "5m",
        {restarts("a"): "0x3", restarts("b"): "_x3 1x30"},
        restarted(1),
    ),
    fires(
        "TtsServerRestarted",
        "one that is scraped keeps its address",
        "20m",
        {restarts("b"): "1x18 2x30"},
        restarted(2),
    ),
    silent(Kind.EDGE, "TtsServerRestarted", "a quarter of an hour ago", "20m", {restarts("b"): "_x3 1x30"}),
    silent(Kind.QUIET, "TtsServerRestarted", "stopped and started in order", "5m", {restarts("b"): "2x3 0x10"}),
    silent(Kind.MISSING, "TtsServerRestarted", "no server", "5m"),
    fires(
        "TtsServerRestarting",
        "the fourth process in a quarter of an hour",
        "10m",
        CRASHING,
        Firing("4 server processes have reported within 15 minutes, more than 3 times as many as run now."),
    ),
    fires(
        "TtsServerRestarting",
        "and none is left",
        "12m",
        CRASHING,
        Firing("4 server processes have reported within 15 minutes, more than 3 times as many as run now."),
    ),
    silent(Kind.EDGE, "TtsServerRestarting", "the third", "7m", CRASHING),
    silent(
        Kind.QUIET,
        "TtsServerRestarting",
        "three servers that were replaced",
        "10m",
        {process(number): "0x4" for number in range(3)}
        | {process(number): f"{'_ ' * 4}0x20" for number in range(3, 6)},
    ),
    silent(Kind.MISSING, "TtsServerRestarting", "there never was one", "10m"),
    fires(
        "TtsServerCrashed",
        "two requests that the server before had in flight",
        "6m",
        {LOST: "_ _ 2x30"},
        Firing("The predecessor of a ended without finishing 2 requests.", A),
    ),
    silent(Kind.EDGE, "TtsServerCrashed", "none was in flight", "6m", {LOST: "_ _ 0x30"}),
    silent(Kind.QUIET, "TtsServerCrashed", "twenty minutes ago", "22m", {LOST: "_ _ 2x30"}),
    silent(Kind.MISSING, "TtsServerCrashed", "no server", "6m"),
    fires(
        "TtsWorkerRestarting",
        "five times in a quarter of an hour",
        "15m",
        {RESTARTS: "0 0 0 1 2 3 4 5x20"},
        Firing(
            "a restarted worker processes for phonemes 5 times within 15 minutes; the limit is 3.",
            {"instance": "a", "worker": "phonemes"},
        ),
    ),
    silent(Kind.EDGE, "TtsWorkerRestarting", "three times", "15m", {RESTARTS: "0 0 0 1 2 3x20"}),
    silent(Kind.QUIET, "TtsWorkerRestarting", "half an hour ago", "40m", {RESTARTS: "0 1 2 3 4 5x40"}),
    silent(Kind.MISSING, "TtsWorkerRestarting", "no server", "15m"),
    fires(
        "TtsBackgroundTaskFailing",
        "five times in a quarter of an hour",
        "15m",
        {TASK: "0 0 0 1 2 3 4 5x20"},
        Firing(
            "The task system of a failed 5 times within 15 minutes; the limit is 3.",
            {"instance": "a", "task": "system"},
        ),
    ),
    silent(Kind.EDGE, "TtsBackgroundTaskFailing", "three times", "15m", {TASK: "0 0 0 1 2 3x20"}),
    silent(Kind.QUIET, "TtsBackgroundTaskFailing", "half an hour ago", "40m", {TASK: "0 1 2 3 4 5x40"}),
    silent(Kind.MISSING, "TtsBackgroundTaskFailing", "no server", "15m"),
    fires(
        "TtsCertificateExpiring",
        "it is valid for an hour less than a week",
        "20m",
        {EXPIRY: "602400x20"},
        Firing(
            "The certificate that a uses is valid for 6d 23h 0m 0s; it should have been replaced 7 days before it "
            "expires. Then clients refuse the server.",
            A,
        ),
    ),
    fires(
        "TtsCertificateExpiring",
        "it has expired",
        "20m",
        {EXPIRY: "0x20"},
        Firing(
            "The certificate that a uses is valid for -20m 0s; it should have been replaced 7 days before it expires. "
            "Then clients refuse the server.",
            A,
        ),
    ),
    silent(Kind.EDGE, "TtsCertificateExpiring", "it is valid for a week", "20m", {EXPIRY: "606000x20"}),
    silent(Kind.EDGE, "TtsCertificateExpiring", "it was replaced within the time", "9m", {EXPIRY: "0x8 9000000x20"}),
    silent(Kind.MISSING, "TtsCertificateExpiring", "a server without TLS", "20m"),
)
