"""Responses that depend only on the installed voices, rendered once for each set of voices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp import web

from server.synthesis.synthesizer import Synthesizer
from server.utterance import Voice


class Page:
    """A body that depends only on the installed voices, and so is the same for every tenant.

    It is rendered in a thread, on the first request.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        render: Callable[[Mapping[str, Voice]], str],
        content_type: str,
        policy: str | None = None,
    ) -> None:
        """``policy`` is the page's Content-Security-Policy."""
        self._synthesizer = synthesizer
        self._render = render
        self._content_type = content_type
        self._headers = {"Content-Security-Policy": policy} if policy else None
        self._voices: Mapping[str, Voice] | None = None
        self._body = b""
        self._making = asyncio.Lock()

    async def answer(self) -> web.Response:
        """Returns the response to a GET, for the current voices."""
        if self._voices != self._synthesizer.installed:
            async with self._making:
                voices = dict(self._synthesizer.installed)
                if self._voices != voices:
                    self._body = (await asyncio.to_thread(self._render, voices)).encode()
                    self._voices = voices
        return web.Response(body=self._body, content_type=self._content_type, charset="utf-8", headers=self._headers)
