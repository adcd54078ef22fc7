"""The report on cache and providers at the end of a run: the answers beside the server's counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.clients.client import Record
from bench.targets.monitoring import RESULTS, Monitoring, increase
from bench.traffic.monitoring_comparison import findings
from bench.traffic.records import fallback_answers, generated_answers, provider_names, with_audio


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """The counts of one cache result."""

    result: str
    answers: int
    metrics: int
    prometheus: int


@dataclass(frozen=True, slots=True)
class ProviderCounts:
    """The counts of one provider: its answers, and the server's metrics."""

    provider: str
    answers: int
    ok: int
    failed: int
    fallbacks_seen: int
    """The number of answers in which it replaced another provider."""
    fallbacks: int
    """The number of fallbacks to it that the server counted."""
    available: bool | None
    available_in_prometheus: bool | None
    window_attempts: int
    window_success_rate: float | None


@dataclass(frozen=True, slots=True)
class MonitoringCheck:
    """The result of a check of the monitoring."""

    cache: tuple[CacheCounts, ...]
    providers: tuple[ProviderCounts, ...]
    success_rate: float | None
    """The share of accepted requests that ended ok."""
    server_success_rate: float | None
    """The same share in /prometheus."""
    findings: tuple[str, ...]
    disagreements: tuple[str, ...]

    @classmethod
    def compile(
        cls, records: Sequence[Record], before: Monitoring, after: Monitoring, disagreements: Sequence[str]
    ) -> MonitoringCheck:
        """Compiles the counts of answers and server."""
        answers = Counter(record.cache for record in with_audio(records))
        metrics, prometheus = (
            increase(after.cache, before.cache),
            increase(after.prometheus_cache, before.prometheus_cache),
        )
        return cls(
            tuple(CacheCounts(result, answers[result], metrics[result], prometheus[result]) for result in RESULTS),
            tuple(provider_counts(name, records, before, after) for name in provider_names(records, after)),
            success_rate(Counter(str(record.outcome) for record in records)),
            success_rate(increase(after.outcomes, before.outcomes)),
            tuple(findings(before, after, records)),
            tuple(disagreements),
        )

    def row(self) -> dict[str, Any]:
        """Returns the check for JSON."""
        return asdict(self)


def provider_counts(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> ProviderCounts:
    """Returns one provider's counts."""
    attempts = increase(after.attempts.get(name, {}), before.attempts.get(name, {}))
    fallbacks = increase(after.fallbacks, before.fallbacks)
    provider = after.providers.get(name)
    return ProviderCounts(
        provider=name,
        answers=generated_answers(records)[name],
        ok=attempts["ok"],
        failed=after.failures(name) - before.failures(name),
        fallbacks_seen=fallback_answers(records, after)[name],
        fallbacks=sum(count for fallback, count in fallbacks.items() if fallback.to_provider == name),
        available=provider.available if provider else None,
        available_in_prometheus=after.available.get(name),
        window_attempts=provider.attempts if provider else 0,
        window_success_rate=provider.success_rate if provider else None,
    )


def success_rate(outcomes: Counter[str]) -> float | None:
    """Returns the share of accepted requests that ended ok."""
    accepted = outcomes["ok"] + outcomes["error"]
    return outcomes["ok"] / accepted if accepted else None


def show_monitoring(console: Console, check: MonitoringCheck) -> None:
    """Prints the tables and the findings."""
    console.print(cache_table(check))
    console.print(provider_table(check))
    console.print(
        f"success rate of requests: {percent(check.success_rate)}, by the server {percent(check.server_success_rate)}"
    )
    for sentence in check.findings:
        console.print(Text(f"FINDING  {sentence}", style="yellow"), soft_wrap=True)


def cache_table(check: MonitoringCheck) -> Table:
    """Returns a table with a row for each cache result."""
    table = Table(title="Cache: client | server", title_justify="left")
    table.add_column("result")
    table.add_column("answers", justify="right")
    table.add_column("/metrics", justify="right", style="cyan")
    table.add_column("/prometheus", justify="right", style="cyan")
    for counts in check.cache:
        table.add_row(counts.result, str(counts.answers), str(counts.metrics), str(counts.prometheus))
    return table


def provider_table(check: MonitoringCheck) -> Table:
    """Returns a table with a row for each provider."""
    table = Table(title="Providers: client | server", title_justify="left")
    table.add_column("provider")
    table.add_column("answers\nmade", justify="right")
    table.add_column("attempts\nok", justify="right", style="cyan")
    table.add_column("failed", justify="right", style="cyan")
    table.add_column("for\nanother", justify="right")
    table.add_column("fallbacks\nto it", justify="right", style="cyan")
    table.add_column("available\n/metrics", style="cyan")
    table.add_column("\n/prometheus", style="cyan")
    table.add_column("window\nattempts", justify="right", style="cyan")
    table.add_column("success\nrate", justify="right", style="cyan")
    for counts in check.providers:
        table.add_row(
            counts.provider,
            *(
                str(count)
                for count in (counts.answers, counts.ok, counts.failed, counts.fallbacks_seen, counts.fallbacks)
            ),
            yes_or_no(counts.available),
            yes_or_no(counts.available_in_prometheus),
            str(counts.window_attempts),
            percent(counts.window_success_rate),
        )
    return table


def yes_or_no(value: bool | None) -> str:
    """Returns yes or no; a dash for None."""
    return "-" if value is None else "yes" if value else "no"


def percent(share: float | None) -> str:
    """Returns a share as text; a dash for None."""
    return "-" if share is None else f"{share:.1%}"
