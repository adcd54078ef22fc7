"""The price list, the account of the machine's time, and what requests cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otel.contract.event_fields import MachineField, RequestField
from otel.contract.values import BudgetPeriod, CacheResult, Device, MachineUse, Outcome, Stage
from otel.sdk.exposition import TEXT, Exposition
from otel.sdk.recording import Metrics
from server.access.caller import Caller
from server.price_list import PriceList, PriceListError, load
from server.record import RequestRecord, Synthesis
from server.telemetry.costs import Costs
from server.telemetry.machine_account import DeviceAccount, MachineAccount
from server.utterance import BatchPeers, Chunk, Interval, Utterance
from tests.humming_provider import JOE
from tests.service_client import samples
from tests.unit.test_counters import LISTS

LIST = """
currency = "EUR"
cpu_core_hour = 3.6
gpu_hour = 36.0
energy_kwh = 0.36
carbon_grams_per_kwh = 400
watts_per_core = 10
idle_watts_per_core = 2
gpu_watts = 300

[million_characters]
remote = 15.0

[budget]
month = 1000
[budget.tenants.acme]
day = 10
"""
SECOND = 10**9


class Machine:
    """A clock, the processor time of the server, and the events of an account."""

    def __init__(self, prices: PriceList | None, *, cores: float = 2.0, gpus: int = 0) -> None:
        self.now = 100.0
        self.processor = 0.0
        self.events: list[Mapping[str, Any]] = []
        self.account = MachineAccount(
            prices, self.events.append, cores=cores, gpus=gpus, processes=self, clock=lambda: self.now
        )

    def seconds(self) -> float:
        return self.processor

    def after(self, seconds: float, processor: float = 0.0) -> dict[MachineUse, float]:
        self.now += seconds
        self.processor += processor
        self.account.settle(self.processor)
        return dict(self.account.devices[Device.CPU].uses)


@pytest.fixture
def prices(tmp_path: Path) -> PriceList:
    path = tmp_path / "prices.toml"
    path.write_text(LIST, encoding="utf-8")
    return load(path)


def finished(
    *intervals: Interval, cache: CacheResult = CacheResult.MISS, provider: str = "coqui", seconds: float = 2.0
) -> RequestRecord:
    record = RequestRecord("1", "/tts", "POST", Synthesis(Utterance("One two.", JOE, "en", 2, 8)))
    assert record.synthesis is not None
    record.caller = Caller("shop", "acme")
    record.synthesis.take_from(cache)
    record.synthesis.provider = provider
    record.audio_seconds = seconds
    for interval in intervals:
        record.add(interval)
    record.finish(Outcome.OK, 200)
    return record


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"currency: Field required\n  cpu_core_hour: Field required"),
        (LIST.replace('"EUR"', '"euro"'), "currency: String should match"),
        (LIST.replace("= 3.6\n", "= -1\n"), "cpu_core_hour: Input should be greater than or equal to 0"),
        (LIST.replace("energy_kwh", "energy"), "energy: Extra inputs are not permitted"),
        (LIST.replace("day = 10", "day = 0"), r"budget\.tenants\.acme\.day: Input should be greater than 0"),
        (LIST.replace("tenants.acme", 'tenants."*"'), r"budget\.tenants\.\*"),
        (LIST.replace("3.6", "inf"), "cpu_core_hour: Input should be a finite number"),
        ("currency =", "must be TOML"),
    ],
)
def test_a_wrong_price_list_is_refused_with_the_field_and_what_is_allowed(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriceListError, match=problem):
        load(path)


def test_a_missing_price_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(PriceListError, match=r"TTSCOPE_PRICES_FILE: .*absent.toml: No such file"):
        load(tmp_path / "absent.toml")


def test_prices_of_time_energy_and_characters(prices: PriceList) -> None:
    assert prices.time_cost(Device.CPU, 10.0) == pytest.approx(0.01)
    assert prices.time_cost(Device.GPU, 10.0) == pytest.approx(0.1)
    assert prices.energy(Device.CPU, 10.0) == 100.0
    assert prices.energy(Device.GPU, 10.0) == 3000.0
    assert prices.energy(Device.GPU, 10.0, watts=50.0) == 500.0
    assert prices.energy_cost(3.6e6) == pytest.approx(0.36)
    assert prices.carbon(3.6e6) == pytest.approx(400)
    assert prices.charge("remote", 2_000_000) == pytest.approx(30.0)
    assert prices.charge("coqui", 2_000_000) == 0.0
    assert prices.budget.limits() == {BudgetPeriod.MONTH: 1000.0}
    assert prices.budget.tenants["acme"].limits() == {BudgetPeriod.DAY: 10.0}


def test_all_of_the_time_has_a_use(prices: PriceList) -> None:
    machine = Machine(prices)
    assert machine.after(10.0, processor=1.0) == {"requests": 0, "wasted": 0, "overhead": 1.0, "idle": 19.0}
    record = finished(Interval(Stage.DECODE, 0, 3 * SECOND, units=2.0))
    machine.account.open(record)
    machine.account.worked(Device.CPU, 6.0, 0.0)
    machine.account.worked(Device.CPU, 1.0, 0.0)  # of another request, which is gone
    during = machine.after(10.0, processor=1.0)
    assert during == {"requests": 0, "wasted": 0, "overhead": 2.0, "idle": 40 - 7 - 2}
    machine.account.close(record)
    assert machine.after(0.0) == {"requests": 6.0, "wasted": 1.0, "overhead": 2.0, "idle": 31.0}


def test_time_is_not_wasted_while_its_request_is_open(prices: PriceList) -> None:
    machine = Machine(prices)
    first, second = (finished(Interval(Stage.DECODE, 0, 2 * SECOND)) for _ in range(2))
    machine.account.open(first)
    machine.account.worked(Device.CPU, 2.0, 0.0)
    machine.account.open(second)
    machine.account.worked(Device.CPU, 2.0, 0.0)
    assert machine.after(5.0)["wasted"] == 0.0
    machine.account.close(first)
    assert machine.after(5.0)["wasted"] == 0.0
    machine.account.close(second)
    assert machine.after(5.0) == {"requests": 4.0, "wasted": 0.0, "overhead": 0.0, "idle": 26.0}


def test_a_request_that_asks_for_no_audio_is_open_no_longer(prices: PriceList) -> None:
    machine = Machine(prices)
    dry = finished()
    machine.account.open(dry)
    machine.account.worked(Device.CPU, 2.0, 0.0)
    assert machine.after(5.0)["wasted"] == 0.0
    machine.account.discard(dry)
    assert machine.after(5.0)["wasted"] == 2.0


def test_a_full_machine_has_no_idle_time_and_its_steps_contain_the_overhead() -> None:
    account = DeviceAccount(2.0, busy=19.5, billed=19.5)
    account.settle(10.0, 19.5, overhead=4.0)
    assert account.uses == {"requests": 19.5, "wasted": 0.0, "overhead": 0.5, "idle": 0.0}


def test_threads_of_the_server_are_busy_for_their_requests_and_no_overhead(prices: PriceList) -> None:
    machine = Machine(prices)
    machine.account.thread_worked(Device.CPU, 1.0)
    machine.account.close(finished(Interval(Stage.INFER, 0, SECOND), provider="onnx"))
    assert machine.after(10.0, processor=1.5) == {"requests": 1.0, "wasted": 0.0, "overhead": 0.5, "idle": 18.5}
    machine.account.thread_worked(Device.CPU, 2.0)  # of a request that is gone
    assert machine.after(10.0, processor=2.0) == {"requests": 1.0, "wasted": 2.0, "overhead": 0.5, "idle": 36.5}


def test_events_add_up_to_the_cost_of_the_machine(prices: PriceList) -> None:
    machine = Machine(prices, gpus=1)
    for _ in range(3):
        record = finished(Interval(Stage.DECODE, 0, SECOND, device=Device.GPU))
        machine.account.open(record)
        machine.account.worked(Device.GPU, 1.0, 0.0)
        machine.account.close(record)
        machine.account.worked(Device.GPU, 0.5, 0.0)
        machine.after(60.0, processor=3.0)
        machine.account.report()
    assert [event[MachineField.NUMBER] for event in machine.events] == [0, 1, 2]
    assert sum(event[MachineField.SECONDS] for event in machine.events) == pytest.approx(180.0)

    def total(*fields: MachineField) -> float:
        return sum(float(event[field]) for event in machine.events for field in fields)

    time = 180 * (2 * 3.6 + 36) / 3600
    joules = 9 * 10 + (360 - 9) * 2 + 180 * 300
    assert total(MachineField.ENERGY) == pytest.approx(joules)
    assert total(MachineField.CARBON) == pytest.approx(joules / 3.6e6 * 400)
    costs = [MachineField.COST_REQUESTS, MachineField.COST_WASTED, MachineField.COST_OVERHEAD, MachineField.COST_IDLE]
    assert total(*costs) == pytest.approx(time + joules / 3.6e6 * 0.36)
    assert total(MachineField.COST_REQUESTS) == pytest.approx(3 * (36 / 3600 + 300 / 3.6e6 * 0.36))
    assert total(MachineField.GPU_WASTED) == pytest.approx(1.5)


def recorded(prices: PriceList | None, *records: RequestRecord) -> tuple[str, list[dict[str, Any]]]:
    """Returns the metrics, and the fields of the events, of records that end one after another."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    costs = Costs(prices, Machine(prices).account, Metrics(provider.get_meter("test"), LISTS, None))
    costs.worked(Device.GPU, 1.0, saved_seconds=10.0)
    fields = [costs.close(record) for record in records]
    text = Exposition([reader], None).render(TEXT).decode()
    provider.shutdown()
    return text, fields


def test_a_request_costs_its_share_of_the_steps(prices: PriceList) -> None:
    alone = Interval(Stage.DECODE, 0, SECOND, units=2.0)
    shared = Interval(Stage.DECODE, 0, SECOND, BatchPeers(("a", "b", "c"), 0.0), units=2.0)
    beside = (Interval(Stage.PHONEMIZE, 0, SECOND), Interval(Stage.INFER, 0, SECOND, device=None))
    _, [fields] = recorded(prices, finished(alone, shared, *beside))
    assert fields[RequestField.CPU_SECONDS] == pytest.approx(2.5)
    assert fields[RequestField.ENERGY] == pytest.approx(25.0)
    assert fields[RequestField.COST] == pytest.approx(2.5 * 0.001 + 25 / 3.6e6 * 0.36)
    assert fields[RequestField.CURRENCY] == "EUR"
    assert RequestField.GPU_SECONDS not in fields
    assert RequestField.COST_SAVED not in fields


def test_a_paid_provider_costs_its_characters_and_the_cache_saves_them(prices: PriceList) -> None:
    away = Interval(Stage.INFER, 0, SECOND, device=None)
    paid = 8 / 1e6 * 15
    text, [made, hit, joined] = recorded(
        prices,
        finished(away, provider="remote"),
        finished(provider="remote", cache=CacheResult.HIT, seconds=1.0),
        finished(provider="remote", cache=CacheResult.COALESCED),
    )
    assert made[RequestField.COST] == pytest.approx(paid)
    assert (hit[RequestField.COST], hit[RequestField.COST_SAVED]) == (0.0, pytest.approx(paid / 2))
    assert joined[RequestField.COST_SAVED] == pytest.approx(paid)
    assert samples(text, "tts_cost_total", voice_name="joe", client="other") == [pytest.approx(paid)]
    assert samples(text, "tts_tenant_cost_total") == [pytest.approx(paid)]
    assert samples(text, "tts_cost_saved_total", by="cache") == [pytest.approx(paid / 2)]
    assert samples(text, "tts_cost_saved_total", by="coalescing") == [pytest.approx(paid)]
    assert samples(text, "tts_cost_saved_total", by="batching") == [pytest.approx(10 * (0.01 + 300 / 3.6e6 * 0.36))]
    assert samples(text, "tts_cost_budget", tenant="*", period="month") == [1000.0]
    assert len(samples(text, "tts_machine_cost_total")) == len(MachineUse)


def test_the_work_of_a_replica_is_paid_and_not_of_this_machine(prices: PriceList) -> None:
    there = Interval(Stage.DECODE, 0, SECOND, replica="one")
    record = finished(there, Interval(Stage.DECODE, 0, SECOND))
    _, [fields] = recorded(prices, record)
    assert fields[RequestField.CPU_SECONDS] == pytest.approx(2.0)
    assert fields[RequestField.CHARGE] == pytest.approx(fields[RequestField.COST] / 2)
    assert record.device_seconds(Device.CPU) == 1.0


def test_without_a_price_list_there_is_time_but_no_cost() -> None:
    text, [fields] = recorded(None, finished(Interval(Stage.DECODE, 0, SECOND)))
    assert fields == {RequestField.CPU_SECONDS: 1.0}
    assert "tts_cost" not in text
    assert "tts_machine" not in text


def test_chunks_bring_their_time(prices: PriceList) -> None:
    record = finished()
    record.mark_chunk(
        Chunk(samples=np.zeros(100, np.float32), sample_rate=100, intervals=(Interval(Stage.DECODE, 0, SECOND),))
    )
    assert record.device_seconds(Device.CPU) == 1.0
