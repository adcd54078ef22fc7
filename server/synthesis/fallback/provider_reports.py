"""Receives the reports of one provider for the fallback chain."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from otel.contract.values import Device
from server.logs import LOGGER
from server.synthesis.fallback.provider_state import ProviderState
from server.synthesis.fallback.reports import ChainReports

log = logging.getLogger(f"{LOGGER}.chain")


class ReportedChain(Protocol):
    """What a provider's reports change in the chain."""

    @property
    def states(self) -> Sequence[ProviderState]:
        """The states of all providers."""
        ...

    def refresh(self) -> None:
        """Updates the voices from the providers."""
        ...


class ProviderReports:
    """Receives one provider's reports; see server.providers.provider.Reports."""

    def __init__(self, state: ProviderState, chain: ReportedChain, reports: ChainReports) -> None:
        self._state = state
        self._chain = chain
        self._reports = reports

    def loaded(self, voice: str, seconds: float) -> None:
        self._reports.loaded(voice, seconds)

    def batch(self, size: int, padding: float) -> None:
        self._reports.batch(size, padding)

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        self._reports.worked(device, seconds, saved_seconds)

    def thread_worked(self, device: Device, seconds: float) -> None:
        self._reports.thread_worked(device, seconds)

    def worker_restarted(self, worker: str) -> None:
        self._reports.worker_restarted(worker)

    def stopped(self) -> None:
        self._state.running = False
        self._reports.available(self._state.name, False)

    def resumed(self) -> None:
        """Marks it as running. If its breaker has opened meanwhile, the next probe, due by then, closes it."""
        self._state.running = True
        self._chain.refresh()
        self._reports.available(self._state.name, self._state.available)

    def lost(self, error: Exception) -> None:
        self._state.running, self._state.lost = False, True
        self._reports.available(self._state.name, False)
        if all(state.lost or not state.started for state in self._chain.states):
            self._reports.lost(error)
        else:
            log.error("a provider is lost, the others go on without it", extra={"provider": self._state.name})
