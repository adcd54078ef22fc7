"""Accounts for all of the machine's time: what requests took, what was wasted, the overhead, and what was idle."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import psutil
from opentelemetry.util.types import AttributeValue

from otel.contract.event_fields import MachineField
from otel.contract.values import Device, MachineUse
from server.price_list import PriceList
from server.record import RequestRecord

SAMPLE_SECONDS = 5.0
EVENT_SECONDS = 60.0
ENGINE_MODULE = "server.engine"
"""What the command line of the engine's process contains."""
USES = tuple(MachineUse)
FIELDS: Mapping[Device, Mapping[MachineUse, MachineField]] = {
    Device.CPU: {
        MachineUse.REQUESTS: MachineField.CPU_REQUESTS,
        MachineUse.WASTED: MachineField.CPU_WASTED,
        MachineUse.OVERHEAD: MachineField.CPU_OVERHEAD,
        MachineUse.IDLE: MachineField.CPU_IDLE,
    },
    Device.GPU: {
        MachineUse.REQUESTS: MachineField.GPU_REQUESTS,
        MachineUse.WASTED: MachineField.GPU_WASTED,
        MachineUse.IDLE: MachineField.GPU_IDLE,
    },
}
COST_FIELDS = {
    MachineUse.REQUESTS: MachineField.COST_REQUESTS,
    MachineUse.WASTED: MachineField.COST_WASTED,
    MachineUse.OVERHEAD: MachineField.COST_OVERHEAD,
    MachineUse.IDLE: MachineField.COST_IDLE,
}


class ProcessorTime(Protocol):
    """Tells the processor time that the server takes beside its engine."""

    def seconds(self) -> float:
        """Returns the seconds of cores since the start."""
        ...


class ServerProcesses:
    """The processor time of the server's process and its children, without the engine's process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._last: dict[int, float] = {}
        self._total = 0.0

    def seconds(self) -> float:
        """Returns the seconds of cores since the start. Of a child that has ended, what it took since the last call is
        missing."""
        used: dict[int, float] = {}
        for process in (self._process, *self._process.children(recursive=True)):
            try:
                if process.pid != os.getpid() and ENGINE_MODULE in process.cmdline():
                    continue
                times = process.cpu_times()
            except psutil.Error:
                continue
            used[process.pid] = times.user + times.system
        self._total += sum(max(0.0, seconds - self._last.get(pid, 0.0)) for pid, seconds in used.items())
        self._last = used
        return self._total


@dataclass(slots=True)
class DeviceAccount:
    """The time of one device since the start, in seconds of its units. The uses only grow."""

    units: float
    """The cores, or the GPUs."""
    busy: float = 0.0
    """What the engine's steps, and the threads of other providers, took."""
    billed: float = 0.0
    """What requests that have ended took."""
    uses: dict[MachineUse, float] = field(default_factory=lambda: dict.fromkeys(USES, 0.0))

    def settle(self, elapsed: float, busy_before: float, overhead: float) -> None:
        """Divides ``elapsed`` seconds of the device among its uses. What open requests have taken has no use yet.

        ``busy_before`` is what steps had taken when the oldest open request began: of that, what was not billed was
        wasted. ``overhead`` is the processor time of the server beside the engine. It counts as far as the steps leave
        room: on a full machine they are slower by it, and so contain it.
        """
        room = max(0.0, self.units * elapsed - self.busy)
        spare = max(self.uses[MachineUse.OVERHEAD], min(overhead, room))
        divided = {
            MachineUse.REQUESTS: self.billed,
            MachineUse.WASTED: busy_before - self.billed,
            MachineUse.OVERHEAD: spare,
            MachineUse.IDLE: room - spare,
        }
        for use, seconds in divided.items():
            self.uses[use] = max(self.uses[use], seconds)


class MachineAccount:
    """The account of the machine's time since the server's start; used by the event loop's thread.

    The time of a device is its units times the time that has passed. Steps report what they took, records what of that
    went to a request.
    """

    def __init__(
        self,
        prices: PriceList | None,
        emit: Callable[[Mapping[str, AttributeValue]], None],
        *,
        cores: float,
        gpus: int,
        gpu_watts: Callable[[], float | None] = lambda: None,
        processes: ProcessorTime | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``emit`` sends the event tts.machine. ``gpu_watts`` returns the power of the server's GPU, None if it is not
        measured."""
        self._prices = prices
        self._emit = emit
        self._gpu_watts = gpu_watts
        self._processes = processes or ServerProcesses()
        self._clock = clock
        self._start = self._event = clock()
        self._open: dict[int, dict[Device, float]] = {}
        """The open requests, by their identity, in the order in which they began, and what steps had taken by then."""
        self._threads = 0.0
        """What providers inside the server's process took, in seconds of cores."""
        self.devices = {Device.CPU: DeviceAccount(cores), Device.GPU: DeviceAccount(gpus)}
        self.energy: dict[MachineUse, float] = dict.fromkeys(USES, 0.0)
        """Joules, by use."""
        self.saved_by_batching = 0.0
        """In the price list's currency."""
        self._reported: dict[str, float] = {}
        self._number = 0
        self._server = uuid.uuid4().hex

    def open(self, record: RequestRecord) -> None:
        """Notes that a request has begun."""
        if self._prices is not None:
            self._open[id(record)] = {device: account.busy for device, account in self.devices.items()}

    def close(self, record: RequestRecord) -> None:
        """Bills a request that has ended for the time that its steps took."""
        if self._prices is None:
            return
        self._open.pop(id(record), None)
        for device, account in self.devices.items():
            account.billed += record.device_seconds(device)

    def discard(self, record: RequestRecord) -> None:
        """Forgets a request that turned out to ask for no audio."""
        self._open.pop(id(record), None)

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> float:
        """Notes what a batch of the engine's steps took and saved; returns the cost that it saved."""
        self.devices[device].busy += seconds
        saved = self.step_cost(device, saved_seconds)
        self.saved_by_batching += saved
        return saved

    def thread_worked(self, device: Device, seconds: float) -> None:
        """Notes what a thread of the server's own process took for audio: it is in the processor time of the process
        too, and no overhead."""
        self.devices[device].busy += seconds
        self._threads += seconds if device is Device.CPU else 0.0

    def step_energy(self, device: Device, seconds: float) -> float:
        """Returns the joules of ``seconds`` of steps at the present power; 0.0 without a price list."""
        return self._prices.energy(device, seconds, self._gpu_watts()) if self._prices else 0.0

    def step_cost(self, device: Device, seconds: float) -> float:
        """Returns the cost of ``seconds`` of steps, energy included; 0.0 without a price list."""
        if self._prices is None or not seconds:
            return 0.0
        joules = self.step_energy(device, seconds)
        return self._prices.time_cost(device, seconds) + self._prices.energy_cost(joules)

    def cost(self, use: MachineUse) -> float:
        """Returns what the time of ``use`` has cost, energy included."""
        if self._prices is None:
            return 0.0
        time_cost = sum(self._prices.time_cost(device, account.uses[use]) for device, account in self.devices.items())
        return time_cost + self._prices.energy_cost(self.energy[use])

    def carbon(self, use: MachineUse) -> float:
        """Returns the grams of carbon dioxide of the energy of ``use``."""
        return self._prices.carbon(self.energy[use]) if self._prices else 0.0

    async def run(self) -> None:
        """Settles every five seconds and reports every minute, until it is cancelled; without a price list it returns
        at once."""
        while self._prices is not None:
            await asyncio.sleep(SAMPLE_SECONDS)
            self.settle(await asyncio.to_thread(self._processes.seconds))
            if self._clock() - self._event >= EVENT_SECONDS:
                self.report()

    def finish(self) -> None:
        """Settles and reports the rest, when the server stops."""
        if self._prices is not None:
            self.settle(self._processes.seconds())
            self.report()

    def settle(self, processor_seconds: float) -> None:
        """Divides the time until now among its uses; ``processor_seconds`` is the server's beside its engine."""
        now = self._clock()
        oldest = next(iter(self._open.values()), None)
        before = {device: dict(account.uses) for device, account in self.devices.items()}
        for device, account in self.devices.items():
            overhead = max(0.0, processor_seconds - self._threads) if device is Device.CPU else 0.0
            account.settle(now - self._start, account.busy if oldest is None else oldest[device], overhead)
        self._add_energy(before)

    def _add_energy(self, before: Mapping[Device, Mapping[MachineUse, float]]) -> None:
        if self._prices is None:
            return
        watts = self._gpu_watts()
        for device, account in self.devices.items():
            for use, seconds in account.uses.items():
                more = seconds - before[device][use]
                if device is Device.CPU and use is MachineUse.IDLE:
                    self.energy[use] += more * self._prices.idle_watts_per_core
                else:
                    self.energy[use] += self._prices.energy(device, more, watts)

    def report(self) -> None:
        """Sends the event about the time since the one before."""
        now = self._clock()
        totals: dict[str, float] = {
            FIELDS[device][use]: account.uses[use] for device, account in self.devices.items() for use in FIELDS[device]
        }
        totals |= {COST_FIELDS[use]: self.cost(use) for use in USES}
        totals[MachineField.ENERGY] = sum(self.energy.values())
        totals[MachineField.CARBON] = sum(map(self.carbon, USES))
        totals[MachineField.SAVED_BATCHING] = self.saved_by_batching
        amounts = {name: total - self._reported.get(name, 0.0) for name, total in totals.items()}
        self._emit(
            {
                MachineField.SERVER: self._server,
                MachineField.NUMBER: self._number,
                MachineField.SECONDS: now - self._event,
                MachineField.CORES: float(self.devices[Device.CPU].units),
                MachineField.GPUS: int(self.devices[Device.GPU].units),
                **amounts,
                **({MachineField.CURRENCY: self._prices.currency} if self._prices else {}),
            }
        )
        self._reported, self._event, self._number = totals, now, self._number + 1
