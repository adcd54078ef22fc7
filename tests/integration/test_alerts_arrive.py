"""Faults in a running server become messages, and end: real Prometheus, Alertmanager, mail server and webhook.

The rules and routes are the project's own, with all their times divided (tests/short_intervals.py). What the server
needs to notice by itself (server/telemetry/degradation.py) takes its own time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from alerting.alerts import ALERTS
from alerting.table import INJECTED_FAULTS
from server.app import Service
from server.providers.hibari import HibariVoice
from server.providers.packaged import PackagedProvider
from server.settings import Settings
from tests import short_intervals
from tests.alert_receivers import Inbox, listening, text
from tests.faulty_provider import Faulty
from tests.server_process import ROOT
from tests.stack import Stack, eventually, running_stack

pytestmark = pytest.mark.timeout(1800)  # the first test builds the stack, if it is not in the cache

TIMES = 5
"""How much shorter the rules' times are. The Collector reports every 10 s, which must stay below a minute divided."""
HOLDS = {"provider": 30}
"""How much shorter those alerts wait, by topic, whose signal is the server's own and comes every second."""
WAITS = 20
"""How much shorter Alertmanager's are."""
SECONDS = 240.0
"""Until a message must have come; on a machine that does other things, too."""
CANARY = "xylophone"
"""Is said, and must not be told."""
REFERENCE_SECONDS = 1.0
SLOW_SECONDS = 4 * REFERENCE_SECONDS
SLACK = {"channel": str, "username": str, "attachments": list}
"""Slack's documented fields of an incoming webhook, as far as they are used; and those of an attachment."""
ATTACHMENT = {"title": str, "title_link": str, "text": str, "fallback": str, "color": str, "mrkdwn_in": list}


NOT_HERE = (
    *("tts_gpu_", "tts_drift_", "tts_change_", "tts_build_worse", "tts_stream_", "tts_key_expiry_"),
    *("tts_certificate_expiry_", "tts_shared_store_", "tts_cost_", "tts_tenant_cost_", "tts_machine_"),
    *("otelcol_exporter_send_failed", "otelcol_exporter_enqueue_failed"),
    *("tts_word_error_rate", "tts_verification_", "tts_probe_", "tts_playback"),
)
"""Of machines, programs, callers, keys, certificates, stores, prices, recognisers and players that are not here, and
counters that begin with a failure."""


class House:
    """A server that exports to the Collector, whom it tells, and a client."""

    def __init__(self, stack: Stack, inbox: Inbox, service: Service, provider: Faulty) -> None:
        self.stack, self.inbox, self.service, self.provider = stack, inbox, service, provider

    async def speak_until(self, arrived: Callable[[], object], clients: int = 8) -> None:
        """Speaks on and on, until a message has arrived or it is too late."""
        deadline = time.monotonic() + SECONDS

        async def client(number: int) -> None:
            while not arrived() and time.monotonic() < deadline:
                async with session.post("/tts", json={"text": f"Hello {CANARY}.", "voice_name": "hibari"}) as answer:
                    assert answer.status == 200
                    await answer.read()
                await asyncio.sleep(0.05)

        async with aiohttp.ClientSession(self.service.url) as session, asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(client(number))
        assert arrived(), [(told.name, told.status) for told in self.inbox.told]

    async def sees(self, name: str, fault: str, mend: Callable[[], object], words: str) -> None:
        """The fault was just made: its alert arrives by webhook and mail, and after it is mended so does its end."""
        begun = time.monotonic()
        await self.speak_until(lambda: self.inbox.of(name, "firing", begun) and self.inbox.mail(words, begun))
        told, mailed = self.inbox.of(name, "firing", begun), self.inbox.mail(words, begun)
        assert told
        assert mailed
        print(f"{name} ({fault}): fault -> webhook {told.at - begun:.1f} s, -> mail {mailed - begun:.1f} s", end="")
        mended = time.monotonic()
        mend()
        await self.speak_until(lambda: self.inbox.of(name, "resolved", mended))
        ended = self.inbox.of(name, "resolved", mended)
        assert ended
        print(f"; mended -> over {ended.at - mended:.1f} s (times of rules divided by {TIMES})")


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with listening() as inbox:
        yield inbox


@pytest.fixture
def stack(tmp_path: Path, inbox: Inbox) -> Iterator[Stack]:
    told = tmp_path / "alertmanager"
    (told / "secrets").mkdir(parents=True)
    for name, path in {"slack_url": "/slack", "webhook_url": "/webhook", "heartbeat_url": "/heartbeat"}.items():
        (told / "secrets" / name).write_text(inbox.http + path)
    switches = ["--slack", "--webhook", "--heartbeat", "--no-tls", "--smarthost", inbox.smtp]
    switches += ["--email-to", "operators@example.org", "--email-from", "ttscope@example.org"]
    subprocess.run([sys.executable, "-m", "alerting", "receivers", str(told), *switches], cwd=ROOT, check=True)
    rules = short_intervals.rules(ROOT / "alerting" / "rules", tmp_path / "rules", TIMES, HOLDS)
    settings = {"rules_dir": rules, "alertmanager_dir": short_intervals.routes(told, WAITS)}
    with running_stack(tmp_path / "stack", **settings) as stack:
        yield stack


@pytest.fixture
async def house(stack: Stack, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stack.endpoint)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1000")
    log = logging.getLogger("ttscope.test")
    first, second = (
        Faulty(PackagedProvider(HibariVoice(), threads=1, max_audio_seconds=900, log=log), name)
        for name in ("hibari", "onnx")
    )
    settings = Settings(
        port=0,
        management_port=0,
        data_dir=tmp_path / "data",
        default_voice="hibari",
        cache_bytes=0,
        reference_latency_seconds=REFERENCE_SECONDS,
    )
    service = Service(settings, [first, second])
    await (await service.start())
    yield House(stack, inbox, service, first)
    await service.stop()


async def test_faults_are_told_and_so_is_their_end(house: House, inbox: Inbox) -> None:
    provider, stack = house.provider, house.stack

    def set_to(delay: float = 0.0, fails_every: int = 0) -> None:
        provider.delay, provider.fails_every = delay, fails_every

    # One client: the more quick attempts there are, the more slow ones it takes to move the median.
    await house.speak_until(lambda: stack.value("sum(tts_requests_total)") > 10, clients=1)
    set_to(delay=SLOW_SECONDS)
    await house.sees("TtsProviderSlow", "a provider that is slow", set_to, "The provider hibari is slow")
    set_to(fails_every=4)
    await house.sees("TtsProviderFailing", "every fourth attempt fails", set_to, "The provider hibari fails")
    set_to(fails_every=1)
    await house.sees("TtsProviderUnavailable", "a dead provider", set_to, "The provider hibari is not available")

    assert await asyncio.to_thread(_collector_is_known, stack)
    stack.kill("collector")
    await house.sees(
        "TtsCollectorAbsent",
        "the Collector is gone",
        lambda: stack.start("collector"),
        "The Collector is not reporting",
    )
    assert not inbox.of("TtsServerAbsent", "firing")  # it would be a consequence, and is silenced
    assert inbox.posts["/heartbeat"][0]["alerts"][0]["labels"]["alertname"] == "TtsWatchdog"
    seen = {told.name for told in inbox.told} | {"TtsWatchdog"}
    assert INJECTED_FAULTS.keys() <= seen

    for message in inbox.posts["/slack"]:
        assert {name: type(message[name]) for name in SLACK} == SLACK
        for attachment in message["attachments"]:
            assert {name: type(attachment[name]) for name in ATTACHMENT} == ATTACHMENT
    mail = next(mail for mail in inbox.mails if "The provider hibari is slow" in text(mail))
    assert "takes more than 1.5 times its reference" in text(mail)
    assert "runbooks/TtsProviderSlow.md" in text(mail)
    assert mail["To"] == "operators@example.org"
    print(text(mail))
    assert CANARY not in json.dumps(inbox.posts) + "".join(map(str, inbox.mails)) + "".join(map(text, inbox.mails))
    await asyncio.to_thread(_everything_can_be_asked, stack)


def _everything_can_be_asked(stack: Stack) -> None:
    """What rules and runbooks ask for is understood, and after traffic there are series of it."""
    pages = [path.read_text() for path in sorted((ROOT / "alerting" / "runbooks").glob("*.md"))]
    asked = [query for page in pages for query in re.findall(r"```promql\n(.*?)\n```", page, re.DOTALL)]
    for query in (*asked, *(alert.expr for alert in ALERTS)):
        stack.query(query)
    if stack.trace_store == "jaeger":
        _jaeger_understands(pages, stack)
    named = {name for alert in ALERTS for name in re.findall(r"\b(?:tts|otelcol)_[a-z_]+(?![a-z_:])", alert.expr)}
    named = {name for name in named if not name.startswith(NOT_HERE)}
    assert len(named) >= 15
    assert named - stack.metric_names('{__name__=~"tts_.+|otelcol_.+"}') == set()


def _jaeger_understands(pages: list[str], stack: Stack) -> None:
    """What runbooks ask Jaeger for."""
    asked = {command for page in pages for command in re.findall(r"```sh\n(curl .*:16686/api/traces .*)\n```", page)}
    assert len(asked) >= 4
    for command in asked:
        here = command.replace("localhost:16686", stack.settings.address(stack.settings.jaeger_port))
        done = subprocess.run(shlex.split(here), capture_output=True, text=True, timeout=60, check=True)
        answer = json.loads(done.stdout)
        assert isinstance(answer["data"], list)
        assert not answer["errors"]


def _collector_is_known(stack: Stack) -> bool:
    return bool(
        eventually(lambda: stack.value('count(otelcol_process_uptime_seconds_total{job="otelcol-ttscope"})') >= 1)
    )
