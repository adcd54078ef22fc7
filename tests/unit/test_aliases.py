"""Aliases: what a name stands for, whose word counts, and which settings are refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel.support.environment import SettingsError
from server.alias_settings import Alias
from server.errors import UnknownVoice
from server.logs import FIELDS
from server.settings import load
from server.utterance import Voice
from server.voices.aliases import VoiceAliases
from server.voices.catalogue import ALIASES

JOE, KAN = Voice("joe", ("en", "en-us"), 22050, "c0ffee"), Voice("kan", ("ja",), 24000, "facade")
MINE = Voice("mine", ("en",), 24000, "facade", tenant="alpha")
INSTALLED = {"joe": JOE, "kan": KAN}
ELEVENLABS, CARTESIA = "21m00Tcm4TlvDq8ikWAM", "a0e99841-438c-4a64-b679-ae501e7d6091"


def aliases(default_voice: str = "joe", **voices: Alias) -> VoiceAliases:
    return VoiceAliases(voices, default_voice, lambda: INSTALLED)


def test_a_name_is_an_alias_openais_or_a_voice() -> None:
    known = aliases(alloy=Alias("kan", "ja", 1.2, -16.0), **{ELEVENLABS: Alias("kan"), CARTESIA: Alias("joe")})
    assert known.resolve("alloy") == Alias("kan", "ja", 1.2, -16.0)
    assert known.resolve("verse") == known.resolve(None) == known.resolve("") == known.resolve("joe") == Alias("joe")
    assert known.resolve(ELEVENLABS).voice == "kan"
    assert known.resolve(CARTESIA).voice == "joe"
    assert known.resolve("nobody") == Alias("nobody")


def test_an_alias_may_have_the_name_of_its_voice_and_is_no_loop() -> None:
    known = aliases(joe=Alias("joe", speed=1.5), a=Alias("joe"))
    assert known.resolve(None) == known.resolve("joe") == known.resolve("alloy") == Alias("joe", speed=1.5)
    assert known.resolve("a") == Alias("joe")  # an alias stands for a voice, not for another alias


def test_an_installed_voice_keeps_a_name_of_openais_unless_the_settings_have_it() -> None:
    installed = {**INSTALLED, "coral": Voice("coral", ("en",), 22050, "c0ffee")}
    assert VoiceAliases({}, "joe", lambda: installed).resolve("coral") == Alias("coral")
    assert VoiceAliases({"coral": Alias("kan")}, "joe", lambda: installed).resolve("coral") == Alias("kan")


def test_an_alias_of_no_installed_voice_is_refused_by_name_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    known = aliases(a=Alias("mine"), b=Alias("kan", language="en"), c=Alias("kan", language="auto"), d=Alias("joe"))
    with pytest.raises(UnknownVoice, match="alias of the voice mine, which is not installed") as refusal:
        known.resolve("a")
    assert refusal.value.param == "voice_name"
    with caplog.at_level(logging.WARNING):
        known.report()
    assert [(record.alias, record.voice) for record in caplog.records] == [("a", "mine"), ("b", "kan")]  # type: ignore[attr-defined]
    assert {"alias", "voice"} <= FIELDS


def test_each_voice_lists_the_names_that_stand_for_it() -> None:
    known = aliases("kan", alloy=Alias("joe"), kan=Alias("kan", speed=1.1), lost=Alias("nobody"), mine=Alias("joe"))
    others = [name for name in ALIASES if name != "alloy"]
    assert known.names(JOE) == ["alloy", "mine"]
    assert known.names(KAN) == others
    assert known.names(MINE) == []
    assert known.usable() == ["alloy", "mine", *others]


def test_the_setting_is_json_or_a_file_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setting = json.dumps({ELEVENLABS: {"voice": "joe", "language": "en", "speed": 1.25, "loudness": -16}})
    (tmp_path / "aliases.json").write_text(setting)
    for value in (setting, f" {setting}", str(tmp_path / "aliases.json")):
        monkeypatch.setenv("TTSCOPE_ALIASES", value)
        assert load().aliases == {ELEVENLABS: Alias("joe", "en", 1.25, -16.0)}
    monkeypatch.setenv("TTSCOPE_ALIASES", "")
    assert load().aliases == {}


@pytest.mark.parametrize(
    "value",
    [
        '{"a": {"voice": "joe"}',
        '{"a": "joe"}',
        '{"a": {}}',
        '{"a": {"voice": "Joe"}}',
        '{"a": {"voice": "joe", "pitch": 2}}',
        '{"a": {"voice": "joe", "speed": 9}}',
        '{"a": {"voice": "joe", "loudness": 0}}',
        '{"a": {"voice": "joe", "language": "English"}}',
        '{"": {"voice": "joe"}}',
        '{"a b": {"voice": "joe"}}',
        '{"\\u00e4": {"voice": "joe"}}',
        '{"a\\n": {"voice": "joe"}}',
        json.dumps({"a" * 129: {"voice": "joe"}}),
        json.dumps({f"a{n}": {"voice": "joe"} for n in range(1001)}),
        '["a"]',
        "/no/such/file.json",
        "/",
    ],
)
def test_a_mistake_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TTSCOPE_ALIASES", value)
    with pytest.raises(SettingsError, match="TTSCOPE_ALIASES: ") as error:
        load()
    assert "/no/such" not in str(error.value)


@given(st.text(max_size=200))
def test_any_name_that_a_client_sends_is_looked_up(name: str) -> None:
    assert aliases(a=Alias("kan")).resolve(name).voice in {name, "joe", "kan"}
