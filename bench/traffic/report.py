"""The report at the end of a run: the client's figures beside the server's, and the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.clients.client import Record
from bench.targets.snapshot import Snapshot
from bench.traffic.agreement import RangeComparison, compared_ranges
from bench.traffic.display import number


def show(console: Console, records: Sequence[Record], server: Snapshot) -> None:
    """Prints tables by range, totals, outcomes and errors."""
    comparisons = compared_ranges(records, server)
    for kind in ("words", "characters"):
        console.print(range_table(kind, [comparison for comparison in comparisons if comparison.kind == kind]))
    console.print(total_table(records, server))
    audio = sum(record.audio_seconds or 0.0 for record in records)
    elapsed = max(record.started_at + record.seconds for record in records) - min(
        record.started_at for record in records
    )
    console.print(
        f"{len(records)} requests in {elapsed:.1f} s: {len(records) / elapsed:.2f} requests/s, "
        f"{audio:.1f} s of audio, {audio / elapsed:.1f} times real time"
    )


def show_verdict(console: Console, disagreements: Sequence[str]) -> None:
    """Prints every disagreement, or that there is none."""
    for sentence in disagreements:
        console.print(Text(f"DISAGREE  {sentence}", style="bold red"), soft_wrap=True)
    if not disagreements:
        console.print(Text("AGREE  the server's metrics are what the client saw", style="bold green"), soft_wrap=True)


def range_table(kind: str, comparisons: Sequence[RangeComparison]) -> Table:
    """Returns a table of both sides' figures, with a row for each range."""
    table = Table(title=f"Latency by {kind}, in seconds: client | server", title_justify="left")
    table.add_column(kind, justify="right")
    for figure in ("count", "avg", "p95", "max"):
        table.add_column(figure, justify="right")
        table.add_column(f"{figure}\nserver", justify="right", style="cyan")
    for comparison in comparisons:
        table.add_row(
            comparison.label,
            str(comparison.count),
            str(comparison.server.count),
            number(comparison.average),
            number(comparison.server.average),
            number(comparison.p95),
            number(comparison.server.p95),
            number(comparison.max),
            number(comparison.server.max),
        )
    return table


def total_table(records: Sequence[Record], server: Snapshot) -> Table:
    """Returns a table of both sides' requests, outcomes and errors."""
    table = Table(title="Totals", title_justify="left")
    table.add_column("what")
    table.add_column("client", justify="right")
    table.add_column("server", justify="right", style="cyan")
    outcomes = Counter(str(record.outcome) for record in records)
    errors = Counter(record.error_type for record in records if record.error_type)
    table.add_row("requests", str(len(records)), str(server.requests), end_section=True)
    for outcome in sorted(outcomes.keys() | server.outcomes.keys()):
        table.add_row(outcome, str(outcomes[outcome]), str(server.outcomes.get(outcome, 0)))
    table.add_section()
    for name in sorted(errors.keys() | server.errors.keys()):
        table.add_row(f"error {name}", str(errors[name]), str(server.errors.get(name, 0)))
    return table


def write(
    path: Path,
    records: Sequence[Record],
    server: Snapshot,
    disagreements: Sequence[str],
    monitoring: Mapping[str, Any] | None,
) -> None:
    """Writes requests, the server's metrics, the check of the monitoring, and disagreements as JSON."""
    data = {
        "requests": [record.row() for record in records],
        "server": asdict(server),
        **({"monitoring": monitoring} if monitoring is not None else {}),
        "disagreements": list(disagreements),
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
