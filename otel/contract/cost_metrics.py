"""The metrics of machine time, energy and cost: a part of the telemetry contract (metrics.py has the others)."""

from __future__ import annotations

from otel.contract.instrument import Instrument
from otel.contract.labels import BUDGET_PERIOD, BUDGET_TENANT, CLIENT, DEVICE, MACHINE_USE, SAVING, TENANT, VOICE_NAME

PRICED = "Only with `TTSCOPE_PRICES_FILE`, in the currency of that file."

COST = Instrument(
    "tts.cost",
    "counter",
    "{currency}",
    "Cost of requests, whatever their outcome: their share of the machine's time and energy, and what a paid provider "
    f"charges. Idle time is not in it. {PRICED}",
    (VOICE_NAME, CLIENT),
)
TENANT_COST = Instrument("tts.tenant.cost", "counter", "{currency}", f"tts_cost_total by tenant. {PRICED}", (TENANT,))
COST_SAVED = Instrument(
    "tts.cost.saved",
    "counter",
    "{currency}",
    "Cost that requests would have had in addition. Of the cache and of shared syntheses: at what so much "
    f"audio of the voice has cost so far. Of batches: at the mean time of such a step alone. {PRICED}",
    (SAVING,),
)
COST_BUDGET = Instrument(
    "tts.cost.budget",
    "gauge",
    "{currency}",
    f"Budget for the cost of requests in a day or in 30 days. {PRICED}",
    (BUDGET_TENANT, BUDGET_PERIOD),
)
MACHINE_TIME = Instrument(
    "tts.machine.time",
    "counter",
    "s",
    "Time of the machine since the server's start, by what it was used for: seconds of cores, or of the GPU. The uses "
    "add up to all of the time, but for the steps of requests that have not ended. Only with `TTSCOPE_PRICES_FILE`.",
    (DEVICE, MACHINE_USE),
    observed=True,
)
MACHINE_COST = Instrument(
    "tts.machine.cost",
    "counter",
    "{currency}",
    f"Cost of the machine, energy included, by what its time was used for. {PRICED}",
    (MACHINE_USE,),
    observed=True,
)
MACHINE_ENERGY = Instrument(
    "tts.machine.energy",
    "counter",
    "J",
    "Energy of the cores, as the price list states their power, and of the GPU, as it is measured; by what it was used "
    "for. Only with `TTSCOPE_PRICES_FILE`.",
    (MACHINE_USE,),
    observed=True,
)
MACHINE_CARBON = Instrument(
    "tts.machine.carbon",
    "counter",
    "g",
    "Carbon dioxide of tts_machine_energy_joules_total, at the price list's carbon intensity. Only with "
    "`TTSCOPE_PRICES_FILE`.",
    (MACHINE_USE,),
    observed=True,
)

COST_METRICS = (
    COST,
    TENANT_COST,
    COST_SAVED,
    COST_BUDGET,
    MACHINE_TIME,
    MACHINE_COST,
    MACHINE_ENERGY,
    MACHINE_CARBON,
)
