"""Tests of the alerts on budgets."""

from __future__ import annotations

from alerting.case import Case, Firing, Kind, fires, silent

ACME = 'tts_tenant_cost_total{tenant="acme"}'
OTHER = 'tts_tenant_cost_total{tenant="default"}'
DAY = 'tts_cost_budget{tenant="acme",period="day"}'
MONTH = 'tts_cost_budget{tenant="*",period="month"}'

CASES: tuple[Case, ...] = (
    fires(
        "TtsBudgetBurning",
        "a tenant's requests cost 3 an hour, and a day may cost 24",
        "90m",
        {ACME: "0+0.05x200", OTHER: "0+9x200", DAY: "24x200"},
        Firing(
            "At the rate of the last hour, 24 hours would cost 3.0 times the budget.",
            {"tenant": "acme"},
            {"period": "day"},
        ),
    ),
    fires(
        "TtsBudgetBurning",
        "all together cost 15 an hour, and 30 days may cost 3600",
        "25h",
        {ACME: "0+1x310", OTHER: "0+0.25x310", MONTH: "3600x310"},
        Firing(
            "At the rate of the last 24 hours, 30 days would cost 3.0 times the budget.",
            {"tenant": "*"},
            {"period": "month"},
        ),
        interval="5m",
    ),
    silent(Kind.EDGE, "TtsBudgetBurning", "twice the budget", "90m", {ACME: "0+0.03125x200", DAY: "22.5x200"}),
    silent(
        Kind.QUIET,
        "TtsBudgetBurning",
        "it was expensive, and no longer is",
        "90m",
        {ACME: "0+0.05x60 3x100", DAY: "24x200"},
    ),
    silent(Kind.MISSING, "TtsBudgetBurning", "no price list", "90m"),
    silent(Kind.MISSING, "TtsBudgetBurning", "no budget", "90m", {ACME: "0+0.05x200"}),
    fires(
        "TtsBudgetSpent",
        "a tenant's day cost 36 of 28.8",
        "30h",
        {ACME: "0+0.125x400", DAY: "28.8x400"},
        Firing("Requests cost 125% of the budget within 24 hours.", {"tenant": "acme"}, {"period": "day"}),
        interval="5m",
    ),
    silent(Kind.EDGE, "TtsBudgetSpent", "just below", "30h", {ACME: "0+0.099x400", DAY: "28.8x400"}, "5m"),
    silent(Kind.MISSING, "TtsBudgetSpent", "no price list", "30h"),
)
