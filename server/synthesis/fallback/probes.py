"""Background probes of providers, so that no user's request has to find out whether one works."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from server.logs import LOGGER
from server.synthesis.fallback.provider_state import ProviderState
from server.synthesis.fallback.reports import ChainReports

IDLE_SECONDS = 60.0
"""A provider that has not spoken for this long is checked, so that a standby is known to work."""
LOOK_SECONDS = 0.5
"""Seconds between two looks at which probes are due."""

log = logging.getLogger(f"{LOGGER}.probes")


class Probes:
    """Closes the breaker of a provider that has recovered, and opens that of one that broke while it was idle."""

    def __init__(
        self, states: Sequence[ProviderState], reports: ChainReports, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._states = states
        self._reports = reports
        self._idle_seconds = idle_seconds

    async def run(self) -> None:
        """Runs until it is cancelled; a provider that hangs does not delay the probes of others."""
        async with asyncio.TaskGroup() as group:
            for state in self._states:
                group.create_task(self._watch(state))

    async def _watch(self, state: ProviderState) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not state.able:
                continue
            if state.breaker.probe_due:
                await self._probe(state)
            elif state.available and not state.busy and state.clock() - state.last_success > self._idle_seconds:
                await self._check_idle(state)

    async def _probe(self, state: ProviderState) -> None:
        state.breaker.begin_probe()
        well = False
        try:
            well = await state.check()
        finally:
            (state.breaker.succeeded if well else state.breaker.failed)()
        if well:
            log.info("a provider can speak again", extra={"provider": state.name})
            self._reports.available(state.name, True)

    async def _check_idle(self, state: ProviderState) -> None:
        if not await state.check() and state.available:
            state.breaker.trip()
            self._reports.available(state.name, False)
