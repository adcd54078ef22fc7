"""Alerts on providers: slow or failing against their own reference, or unavailable.

The server judges each provider at equal text length and with enough attempts (server/telemetry/degradation.py); the rules
only pass its verdict on.
"""

from __future__ import annotations

from alerting.alert import Alert, Dashboard, Group, Severity, Team, Topic
from otel.contract.labels import ATTEMPT_OUTCOME, DEGRADED_KIND, PROVIDER
from otel.contract.metrics import DEGRADED, PROVIDER_AVAILABLE, PROVIDER_DURATION, PROVIDER_REQUESTS
from otel.contract.promql import INSTANCE, UNSCOPED

EACH = (INSTANCE, PROVIDER)
JUDGED = ("ok", "error", "timeout")
"""Outcomes that the server judges. Faulty audio is left out, since an unusual text can cause it
(server/telemetry/provider_metrics.py)."""


def _query_value(query: str, form: str) -> str:
    """Returns a template of the value of a query about the alert's provider, or "unknown" if it has none."""
    return (
        f"{{{{ with printf `{query}` $labels.provider | query }}}}{{{{ . | first | value | {form} }}}}"
        "{{ else }}unknown{{ end }}"
    )


_MEDIAN = UNSCOPED.quantile(0.5, PROVIDER_DURATION, where={PROVIDER: "%s"}, over="5m")
_OK = UNSCOPED.rate(PROVIDER_REQUESTS, where={PROVIDER: "%[1]s", ATTEMPT_OUTCOME: "ok"}, over="5m")
_ALL = UNSCOPED.rate(PROVIDER_REQUESTS, where={PROVIDER: "%[1]s", ATTEMPT_OUTCOME: JUDGED}, over="5m")

GROUP = Group(
    "providers",
    "Providers: slow, failing or unavailable.",
    (
        Alert(
            name="TtsProviderSlow",
            expr=f"{UNSCOPED.largest(DEGRADED, by=EACH, where={DEGRADED_KIND: 'latency'})} == 1",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} is slow",
            description="{{ $labels.provider }} takes more than 1.5 times its reference at equal text length. "
            f"Its median is {_query_value(_MEDIAN, 'humanizeDuration')} now.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsProviderFailing",
            expr=f"{UNSCOPED.largest(DEGRADED, by=EACH, where={DEGRADED_KIND: 'success_rate'})} == 1",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} fails",
            description="Fewer than 95 % of the attempts of {{ $labels.provider }} succeed: "
            f"{_query_value(f'{_OK} / {_ALL}', 'humanizePercentage')} in the last five minutes.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsProviderUnavailable",
            expr=f"{UNSCOPED.largest(PROVIDER_AVAILABLE, by=EACH)} == 0",
            hold="1m",
            severity=Severity.WARNING,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="The provider {{ $labels.provider }} is not available",
            description="{{ $labels.provider }} failed its health check and receives no more requests; other "
            "providers answer instead.",
            dashboard=Dashboard.ENGINE,
            keep="2m",
        ),
        Alert(
            name="TtsNoProvider",
            expr=f"{UNSCOPED.largest(PROVIDER_AVAILABLE, by=(INSTANCE,))} == 0",
            hold="30s",
            severity=Severity.CRITICAL,
            team=Team.SERVICE,
            topic=Topic.PROVIDER,
            summary="No provider is available",
            description="No provider of the server {{ $labels.instance }} is available.",
            dashboard=Dashboard.ENGINE,
        ),
    ),
)
