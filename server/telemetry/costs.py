"""What a request costs and what the cache saves, and the metrics of costs."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.util.types import AttributeValue

from otel.contract import cost_metrics
from otel.contract.event_fields import RequestField
from otel.contract.labels import ALL_TENANTS, OTHER
from otel.contract.values import CacheResult, Device, MachineUse, Saving
from otel.sdk.recording import Metrics, Readings
from server.price_list import PriceList
from server.record import RequestRecord
from server.telemetry.machine_account import MachineAccount
from server.telemetry.voice_cost import VoiceCost

SAVINGS = {CacheResult.HIT: Saving.CACHE, CacheResult.COALESCED: Saving.COALESCING}


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """What a request would cost if its audio were made now; None for what is not known."""

    cost: float | None
    currency: str | None
    """None without a price list."""


class Costs:
    """Prices requests when they end; without a price list their time is noted, and nothing else."""

    def __init__(self, prices: PriceList | None, account: MachineAccount, metrics: Metrics) -> None:
        self._prices = prices
        self._metrics = metrics
        self._voices: dict[str, VoiceCost] = {}
        self.account = account
        if prices is not None:
            self._observe(prices)

    def open(self, record: RequestRecord) -> None:
        """Notes that a request has begun."""
        self.account.open(record)

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        """Notes what a batch of steps took, and what it saved."""
        saved = self.account.worked(device, seconds, saved_seconds)
        if saved:
            self._metrics.add(cost_metrics.COST_SAVED, saved, by=Saving.BATCHING)

    def expected(self, voice: str, audio_seconds: float) -> ExpectedCost:
        """Returns the expected cost of a request, by what the voice's audio has cost so far: what the cache would
        save. ``voice`` is the voice's label. No cost is known without a price list, and before the voice has spoken."""
        if self._prices is None:
            return ExpectedCost(None, None)
        voice_cost = self._voices.get(voice)
        cost = voice_cost.of(audio_seconds) if voice_cost and voice_cost.is_known else None
        return ExpectedCost(cost, self._prices.currency)

    def close(self, record: RequestRecord) -> dict[str, AttributeValue]:
        """Records a finished request's cost, and returns the fields of its event about it."""
        self.account.close(record)
        seconds = {device: record.work_seconds(device) for device in Device}
        names = {Device.CPU: RequestField.CPU_SECONDS, Device.GPU: RequestField.GPU_SECONDS}
        fields: dict[str, AttributeValue] = {names[device]: used for device, used in seconds.items() if used}
        if self._prices is None:
            return fields
        cost = sum(self.account.step_cost(device, used) for device, used in seconds.items())
        charge = self._charge(self._prices, record)
        cost += charge
        elsewhere = {device: used - record.device_seconds(device) for device, used in seconds.items()}
        charge += sum(self.account.step_cost(device, used) for device, used in elsewhere.items())
        energy = sum(self.account.step_energy(device, used) for device, used in seconds.items())
        self._record(record, cost)
        fields |= {
            RequestField.ENERGY: energy,
            RequestField.COST: cost,
            RequestField.CURRENCY: self._prices.currency,
        }
        if charge:
            fields[RequestField.CHARGE] = charge
        saved = self._saved(record, cost)
        return fields if saved is None else {**fields, RequestField.COST_SAVED: saved}

    def _charge(self, prices: PriceList, record: RequestRecord) -> float:
        """Returns what the provider charges for audio that it made for this request."""
        if record.utterance is None or not record.synthesized or not record.audio_seconds:
            return 0.0
        return prices.charge(record.provider, record.utterance.characters)

    def _record(self, record: RequestRecord, cost: float) -> None:
        voice = record.utterance.voice.label if record.utterance else OTHER
        self._metrics.add(cost_metrics.COST, cost, voice_name=voice, client=record.caller.name)
        self._metrics.add(cost_metrics.TENANT_COST, cost, tenant=record.caller.tenant)

    def _saved(self, record: RequestRecord, cost: float) -> float | None:
        """Returns what the cache or a shared synthesis has saved, None if neither was used; learns from the others."""
        if record.utterance is None or not record.audio_seconds:
            return None
        voice = self._voices.setdefault(record.utterance.voice.label, VoiceCost())
        saving = SAVINGS.get(record.cache) if record.cache else None
        if saving is None:
            voice.add(cost, record.audio_seconds)
            return None
        saved = voice.of(record.audio_seconds)
        self._metrics.add(cost_metrics.COST_SAVED, saved, by=saving)
        return saved

    def _observe(self, prices: PriceList) -> None:
        account, observe = self.account, self._metrics.observe
        observe(cost_metrics.MACHINE_TIME, self._times)
        observe(cost_metrics.MACHINE_COST, lambda: [(account.cost(use), {"use": use}) for use in MachineUse])
        observe(cost_metrics.MACHINE_ENERGY, lambda: [(account.energy[use], {"use": use}) for use in MachineUse])
        observe(cost_metrics.MACHINE_CARBON, lambda: [(account.carbon(use), {"use": use}) for use in MachineUse])
        observe(cost_metrics.COST_BUDGET, lambda: _budgets(prices))
        for saving in Saving:
            self._metrics.add(cost_metrics.COST_SAVED, 0.0, by=saving)

    def _times(self) -> Readings:
        return [
            (seconds, {"device": device, "use": use})
            for device, account in self.account.devices.items()
            for use, seconds in account.uses.items()
            if account.units
        ]


def _budgets(prices: PriceList) -> Readings:
    return [
        (limit, {"tenant": tenant, "period": period})
        for tenant, budget in ((ALL_TENANTS, prices.budget), *prices.budget.tenants.items())
        for period, limit in budget.limits().items()
    ]
