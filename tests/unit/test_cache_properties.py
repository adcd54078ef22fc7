"""Whatever clients do in whatever order: never wrong audio, nor another tenant's, one synthesis of a text at a time, no
more memory than allowed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from otel.contract.values import CacheResult
from server.audio.wav import pcm16
from server.errors import EngineFailed
from server.synthesis.cache.memory import OVERHEAD_BYTES
from tests.examples import examples
from tests.fake_syntheses import SECRET, VOICE, Hearing, Murmur, MurmurCache, quiet, utterance

Request = tuple[str, str]
"""A tenant and the text that it requests."""
REQUESTS: tuple[Request, ...] = (("alpha", "a"), ("alpha", "b"), ("beta", "a"), ("beta", "b"))
PARTS = 3
SAMPLES = 50
CLIP_BYTES = PARTS * SAMPLES * 2
ROOMS = (8 * CLIP_BYTES, 5 * (CLIP_BYTES + OVERHEAD_BYTES))
"""For two of the clips and for all of them; in the first a clip takes just the eighth that it may."""


@dataclass(eq=False)
class Client:
    """A request: its hearing, what it has heard so far, and how it ended."""

    request: Request
    own: Murmur
    hearing: Hearing
    bypass: bool
    audio: bytes = b""
    ended: bool = False
    left: bool = False
    failure: BaseException | None = None
    pull: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.chunks = self.hearing.chunks()

    async def next(self) -> None:
        try:
            self.audio += pcm16((await anext(self.chunks)).samples)
        except StopAsyncIteration:
            self.ended = True
        except EngineFailed as error:
            self.failure = error

    @property
    def over(self) -> bool:
        return self.ended or self.left or self.failure is not None

    @property
    def waits(self) -> bool:
        return self.pull is not None and not self.pull.done()


class Clients(RuleBasedStateMachine):
    """Clients come, read, wait, leave and are cut off, while syntheses make progress, end and fail."""

    @initialize(room=st.sampled_from(ROOMS))
    def open(self, room: int) -> None:
        self.runner = asyncio.Runner()
        self.runner.run(quiet())
        self.room = room
        self.cache = MurmurCache(room, SECRET)
        self.clients: list[Client] = []
        self.made: dict[Request, list[Murmur]] = {request: [] for request in REQUESTS}
        self.seed = 0

    @rule(
        request=st.sampled_from(REQUESTS),
        bypass=st.sampled_from([False, False, False, True]),
        fails=st.sampled_from([False, False, True]),
        worthy=st.sampled_from([True, True, False]),
        allowed=st.integers(0, PARTS + 1),
    )
    def come(self, request: Request, bypass: bool, fails: bool, worthy: bool, allowed: int) -> None:
        self.seed += 1
        failure = EngineFailed("broken") if fails else None
        own = Murmur(self.seed, parts=PARTS, samples=SAMPLES, failure=failure, sound=worthy, allowed=allowed)
        seconds = CLIP_BYTES / 2 / VOICE.sample_rate
        tenant, text = request
        hearing = self.cache.hear(utterance(text), seconds, own, bypass=bypass, tenant=tenant)
        self.clients.append(Client(request, own, hearing, bypass))
        self.made[request].append(own)

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.readers))

        async def begin() -> None:
            client.pull = asyncio.create_task(client.next())
            await quiet()

        self.runner.run(begin())

    @precondition(lambda self: self.staying)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.staying))

        async def end() -> None:
            if client.pull is not None and not client.pull.done():
                client.pull.cancel()
                await asyncio.wait([client.pull])
            await client.chunks.aclose()

        self.runner.run(end())
        client.left = True

    @precondition(lambda self: self.at_work)
    @rule(data=st.data(), chunks=st.integers(1, PARTS + 1))
    def progress(self, data: st.DataObject, chunks: int) -> None:
        data.draw(st.sampled_from(self.at_work)).allow(chunks)
        self.runner.run(quiet())

    @property
    def readers(self) -> list[Client]:
        return [client for client in self.clients if not client.over and not client.waits]

    @property
    def staying(self) -> list[Client]:
        return [client for client in self.clients if not client.over]

    @property
    def at_work(self) -> list[Murmur]:
        return [murmur for made in self.made.values() for murmur in made if murmur.begun > murmur.closed]

    @invariant()
    def everybody_hears_one_synthesis_of_the_text_that_its_tenant_asked_for(self) -> None:
        for client in self.clients:
            sources = [client.own] if client.bypass else self.made[client.request]
            if client.audio:
                (source,) = [murmur for murmur in sources if murmur.pcm.startswith(client.audio)]
                assert not client.ended or client.audio == source.pcm
                assert not client.ended or source.begun == 1
            else:
                assert not client.ended

    @invariant()
    def a_text_is_in_the_making_once(self) -> None:
        for request, made in self.made.items():
            alone = [c.own for c in self.clients if c.request == request and c.hearing.result is CacheResult.BYPASS]
            at_work = [murmur for murmur in made if murmur.begun > murmur.closed and murmur not in alone]
            assert len(at_work) <= 1

    @invariant()
    def nothing_is_made_that_nobody_waits_for(self) -> None:
        for murmur in self.at_work:
            assert any(client.hearing.synthesis is murmur.synthesis and not client.over for client in self.clients)

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        for client in self.clients:
            if client.waits:
                (source,) = [m for m in self.made[client.request] if m.synthesis is client.hearing.synthesis]
                assert source.begun > source.closed
                assert len(client.audio) == len(b"".join(source.pieces[: source.made]))

    @invariant()
    def what_is_held_is_within_the_bound_and_worth_it(self) -> None:
        assert self.cache.bytes <= self.room
        for client in self.clients:
            if client.hearing.result is CacheResult.HIT and client.audio:
                (source,) = [m for m in self.made[client.request] if m.pcm.startswith(client.audio)]
                assert source.synthesis.sound

    def teardown(self) -> None:
        async def leave_all() -> int:
            for client in self.clients:
                if client.pull is not None:
                    client.pull.cancel()
                    await asyncio.wait([client.pull])
                await client.chunks.aclose()
            await self.cache.close()
            return len(asyncio.all_tasks())

        try:
            assert self.runner.run(leave_all()) == 1  # its own
            assert self.at_work == []
        finally:
            self.runner.close()


Clients.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=40, deadline=None)
TestClients = Clients.TestCase
