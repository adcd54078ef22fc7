"""Asks providers in the background whether they can speak, so that no request has to find out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from server.logs import LOGGER
from server.synthesis.fallback.chain import ChainReports
from server.synthesis.fallback.provider_state import ProviderState

IDLE_SECONDS = 60.0
"""A provider that has not spoken for so long is checked: whoever stands by must be known to be well."""
LOOK_SECONDS = 0.5
"""Between two looks at what is due."""

log = logging.getLogger(f"{LOGGER}.probes")


class Probes:
    """Closes the breaker of a provider that is well again, and opens that of one that broke while nobody used it."""

    def __init__(
        self, members: Sequence[ProviderState], reports: ChainReports, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._members = members
        self._reports = reports
        self._idle_seconds = idle_seconds

    async def run(self) -> None:
        """Until it is cancelled; one provider that hangs holds up no other."""
        async with asyncio.TaskGroup() as group:
            for member in self._members:
                group.create_task(self._watch(member))

    async def _watch(self, member: ProviderState) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not member.able:
                continue
            if member.breaker.probe_due:
                await self._probe(member)
            elif member.available and not member.busy and time.monotonic() - member.spoke > self._idle_seconds:
                await self._check_idle(member)

    async def _probe(self, member: ProviderState) -> None:
        member.breaker.begin_probe()
        well = False
        try:
            well = await member.check()
        finally:
            (member.breaker.succeeded if well else member.breaker.failed)()
        if well:
            log.info("a provider can speak again", extra={"provider": member.name})
            self._reports.available(member.name, True)

    async def _check_idle(self, member: ProviderState) -> None:
        if not await member.check() and member.available:
            member.breaker.trip()
            self._reports.available(member.name, False)
