"""Who speaks: each provider against its own reference, and whether there is one at all. Requirement B3.

The server judges each provider itself, at equal length and with enough attempts (server/telemetry/degradation.py); the rules pass it on.
"""

from __future__ import annotations

from alerting.alert import Alert, Group, Severity, Team, Topic
from alerting.links import Dashboard
from alerting.promql import largest, quantile, rate
from otel.contract.labels import ATTEMPT_OUTCOME, DEGRADED_KIND, PROVIDER
from otel.contract.metrics import DEGRADED, PROVIDER_AVAILABLE, PROVIDER_DURATION, PROVIDER_REQUESTS
from otel.contract.promql import INSTANCE

EACH = (INSTANCE, PROVIDER)
JUDGED = ("ok", "error", "timeout")
"""Outcomes that the server counts: faulty audio may be the fault of an odd text (server/telemetry/provider_metrics.py)."""


def _asked(query: str, form: str) -> str:
    """The value of a query about the alert's provider, as text; "unknown" where there is none."""
    return (
        f"{{{{ with printf `{query}` $labels.provider | query }}}}{{{{ . | first | value | {form} }}}}"
        "{{ else }}unknown{{ end }}"
    )


_MEDIAN = quantile(0.5, PROVIDER_DURATION, "5m", {PROVIDER: "%s"})
_OK = rate(PROVIDER_REQUESTS, "5m", {PROVIDER: "%[1]s", ATTEMPT_OUTCOME: "ok"})
_ALL = rate(PROVIDER_REQUESTS, "5m", {PROVIDER: "%[1]s", ATTEMPT_OUTCOME: JUDGED})

GROUP = Group(
    "providers",
    "Who speaks. The first three are those of requirement B3.",
    (
        Alert(
            name="TtsProviderSlow",
            expr=f"{largest(DEGRADED, {DEGRADED_KIND: 'latency'}, EACH)} == 1",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} is slow",
            description="{{ $labels.provider }} takes more than 1.5 times its reference at equal length; its median is "
            f"{_asked(_MEDIAN, 'humanizeDuration')} now.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsProviderFailing",
            expr=f"{largest(DEGRADED, {DEGRADED_KIND: 'success_rate'}, EACH)} == 1",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} fails",
            description="Under 95 % of the attempts of {{ $labels.provider }} succeed: "
            f"{_asked(f'{_OK} / {_ALL}', 'humanizePercentage')} in the last five minutes.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsProviderUnavailable",
            expr=f"{largest(PROVIDER_AVAILABLE, None, EACH)} == 0",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} is not available",
            description="{{ $labels.provider }} can't speak a known word and is not asked any more; the others speak in its "
            "place.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsNoProvider",
            expr=f"{largest(PROVIDER_AVAILABLE, None, (INSTANCE,))} == 0",
            hold="30s",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="Nobody can speak",
            description="No provider of the server {{ $labels.instance }} is available.",
            dashboard=Dashboard.ENGINE,
        ),
    ),
)
