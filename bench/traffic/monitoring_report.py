"""Cache and providers at the end of a run: what the answers said beside what the server counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.clients.client import Record
from bench.targets.monitoring import RESULTS, Monitoring, growth
from bench.traffic.monitoring_comparison import fallbacks_seen, findings, heard, known, provider_counts


@dataclass(frozen=True, slots=True)
class CacheSeen:
    """One result of the cache."""

    result: str
    answers: int
    metrics: int
    prometheus: int


@dataclass(frozen=True, slots=True)
class ProviderSeen:
    """One provider: the answers that it made, and what the server says of it."""

    provider: str
    answers: int
    ok: int
    failed: int
    fallbacks_seen: int
    """Answers in which it spoke for another one."""
    fallbacks: int
    """Requests that went on to it."""
    available: bool | None
    available_in_prometheus: bool | None
    window_attempts: int
    window_success_rate: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check of the monitoring."""

    cache: tuple[CacheSeen, ...]
    providers: tuple[ProviderSeen, ...]
    success_rate: float | None
    """Of the answers that could have been ok: those that were not refused."""
    server_success_rate: float | None
    """The same by /prometheus."""
    findings: tuple[str, ...]
    disagreements: tuple[str, ...]

    @classmethod
    def of(
        cls, records: Sequence[Record], before: Monitoring, after: Monitoring, disagreements: Sequence[str]
    ) -> Checked:
        """Put both sides together."""
        seen = Counter(record.cache for record in heard(records))
        metrics, prometheus = growth(after.cache, before.cache), growth(after.counted, before.counted)
        return cls(
            tuple(CacheSeen(one, seen[one], metrics[one], prometheus[one]) for one in RESULTS),
            tuple(provider_seen(name, records, before, after) for name in known(records, after)),
            success_rate(Counter(str(record.outcome) for record in records)),
            success_rate(growth(after.outcomes, before.outcomes)),
            tuple(findings(before, after, records)),
            tuple(disagreements),
        )

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def provider_seen(name: str, records: Sequence[Record], before: Monitoring, after: Monitoring) -> ProviderSeen:
    """One provider's figures."""
    attempts = growth(after.attempts.get(name, {}), before.attempts.get(name, {}))
    fallbacks = growth(after.fallbacks, before.fallbacks)
    provider = after.providers.get(name)
    return ProviderSeen(
        provider=name,
        answers=provider_counts(records)[name],
        ok=attempts["ok"],
        failed=after.failures(name) - before.failures(name),
        fallbacks_seen=fallbacks_seen(records, after)[name],
        fallbacks=sum(count for one, count in fallbacks.items() if one.following == name),
        available=provider.available if provider else None,
        available_in_prometheus=after.available.get(name),
        window_attempts=provider.attempts if provider else 0,
        window_success_rate=provider.success_rate if provider else None,
    )


def success_rate(outcomes: Counter[str]) -> float | None:
    """The share that ended ok of the requests that were accepted."""
    accepted = outcomes["ok"] + outcomes["error"]
    return outcomes["ok"] / accepted if accepted else None


def show_monitoring(console: Console, checked: Checked) -> None:
    """Print the tables, and what is not well."""
    console.print(cache_table(checked))
    console.print(provider_table(checked))
    console.print(
        f"success rate of requests: {percent(checked.success_rate)}, "
        f"by the server {percent(checked.server_success_rate)}"
    )
    for sentence in checked.findings:
        console.print(Text(f"FINDING  {sentence}", style="yellow"), soft_wrap=True)


def cache_table(checked: Checked) -> Table:
    """A row for each result."""
    table = Table(title="Cache: client | server", title_justify="left")
    table.add_column("result")
    table.add_column("answers", justify="right")
    table.add_column("/metrics", justify="right", style="cyan")
    table.add_column("/prometheus", justify="right", style="cyan")
    for one in checked.cache:
        table.add_row(one.result, str(one.answers), str(one.metrics), str(one.prometheus))
    return table


def provider_table(checked: Checked) -> Table:
    """A row for each provider."""
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
    for one in checked.providers:
        table.add_row(
            one.provider,
            *(str(count) for count in (one.answers, one.ok, one.failed, one.fallbacks_seen, one.fallbacks)),
            yes(one.available),
            yes(one.available_in_prometheus),
            str(one.window_attempts),
            percent(one.window_success_rate),
        )
    return table


def yes(known: bool | None) -> str:
    """In a word; a dash where it is not said."""
    return "-" if known is None else "yes" if known else "no"


def percent(share: float | None) -> str:
    """Written; a dash where there is none."""
    return "-" if share is None else f"{share:.1%}"
