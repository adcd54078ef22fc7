"""Whatever tenants register, replace, delete and speak: each hears its own recordings, and nobody another's."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from otel.contract.values import CacheResult
from server.access.caller import Caller
from server.errors import UnknownVoice, VoiceNotAllowed
from server.record import RequestRecord, Synthesis
from server.routes.requests import TtsRequest
from server.routes.utterances import UtteranceParser
from server.settings import Settings
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.synthesizer import AdmittedChain, Synthesizer
from server.text.dictionaries import Dictionaries
from server.utterance import Listener
from tests.cloning_provider import CloningProvider, pitch, tone
from tests.examples import examples
from tests.fake_syntheses import SECRET
from tests.unit.test_chain import Told

TENANTS = ("alpha", "beta")
NAMES = ("ann", "ben")
TEXTS = ("One two three four five six seven eight.", "Nine ten eleven twelve thirteen fourteen.")
PITCHES = (300, 500, 700, 900)
JOES_PITCH = 220


class Tenants(RuleBasedStateMachine):
    """Tenants use the same names, texts and pitches; ``voices`` is what each has registered."""

    @initialize(tenants_share=st.booleans())
    def open(self, tenants_share: bool) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.voices: dict[tuple[str, str], int] = {}
        self.requested: set[tuple[str, str, str]] = set()
        self.tenants_share = tenants_share
        self.runner.run(self.start())

    async def start(self) -> None:
        folder = Path(self.folder.name)
        self.provider = CloningProvider(folder)
        chain = FallbackChain([self.provider], Told())
        admission = Admission(10, 600.0, 60.0, lambda: chain.rate, most_unsent=1000)
        maker = AdmittedChain(chain, admission)
        cache = Cache(10_000_000, SECRET, maker, tenants_share=self.tenants_share)
        self.synthesizer = Synthesizer(chain, cache, admission, deadline_seconds=60.0)
        await self.synthesizer.start()
        self.parser = UtteranceParser(Settings(), self.synthesizer, Dictionaries(folder / "pronunciations"))

    @rule(tenant=st.sampled_from(TENANTS), name=st.sampled_from(NAMES), hertz=st.sampled_from(PITCHES))
    def register(self, tenant: str, name: str, hertz: int) -> None:
        self.provider.recordings.of(tenant).put(name, tone(hertz))
        self.synthesizer.refresh()
        self.voices[tenant, name] = hertz
        self.requested = {each for each in self.requested if each[:2] != (tenant, name)}

    @rule(tenant=st.sampled_from(TENANTS), name=st.sampled_from(NAMES))
    def delete(self, tenant: str, name: str) -> None:
        registered = self.voices.pop((tenant, name), None)
        try:
            self.provider.recordings.of(tenant).remove(name)
            assert registered is not None
        except UnknownVoice:
            assert registered is None
        self.synthesizer.refresh()
        self.requested = {each for each in self.requested if each[:2] != (tenant, name)}

    @rule(
        tenant=st.sampled_from(TENANTS),
        name=st.sampled_from((*NAMES, "joe")),
        text=st.sampled_from(TEXTS),
        allowed=st.none() | st.sets(st.sampled_from((*NAMES, "joe"))),
    )
    def speak(self, tenant: str, name: str, text: str, allowed: set[str] | None) -> None:
        caller = Caller("key", tenant, voices=None if allowed is None else frozenset(allowed))
        if name not in (usable := self.visible(caller)):
            exists = name in self.visible(replace(caller, voices=None))
            listed = f": {', '.join(sorted(usable)) or 'none'}$"
            with pytest.raises(VoiceNotAllowed if exists else UnknownVoice, match=listed):
                self.runner.run(self.heard(caller, name, text))
            return
        result, hertz = self.runner.run(self.heard(caller, name, text))
        assert hertz == self.voices.get((tenant, name), JOES_PITCH)
        shared = self.tenants_share and name == "joe"
        requests = [(each, name, text) in self.requested for each in (TENANTS if shared else (tenant,))]
        assert result is (CacheResult.HIT if any(requests) else CacheResult.MISS)
        self.requested.add((tenant, name, text))

    def visible(self, caller: Caller) -> list[str]:
        names = ["joe", "kan", *(name for tenant, name in self.voices if tenant == caller.tenant)]
        assert set(self.synthesizer.voices(replace(caller, voices=None))) == set(names)
        return [name for name in names if caller.may_use(name)]

    async def heard(self, caller: Caller, name: str, text: str) -> tuple[CacheResult | None, int]:
        utterance, _ = await self.parser.parse(TtsRequest(text=text, voice_name=name), caller)
        record = RequestRecord("id", "/tts", "POST", Synthesis(utterance, Listener(tenant=caller.tenant)))
        async with aclosing(self.synthesizer.speak(record)) as chunks:
            audio = [chunk async for chunk in chunks]
        return record.cache, pitch(np.concatenate([chunk.samples for chunk in audio]), audio[0].sample_rate)

    def teardown(self) -> None:
        self.runner.run(self.synthesizer.stop())
        self.runner.close()
        self.folder.cleanup()


Tenants.TestCase.settings = settings(max_examples=examples(40), stateful_step_count=25, deadline=None)
TestTenants = Tenants.TestCase
