"""POST /v1/text/read tells how a text is read, of the same body as /tts, and refuses what /tts refuses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from server.routes.text_reading import MOST_OF_CLIENT
from server.text import phonemes
from server.text.language_detection import LanguageDetector
from server.text.script import Script
from server.utterance import Ability, Utterance, Voice
from tests.http_calls import fetch, post
from tests.humming_provider import HummingProvider
from tests.integration.test_structure import HOSTILE
from tests.service_client import Client, Start, samples

PATH = "/v1/text/read"
CHAT = "# Menu\n\n- **soup** [here](https://a.b/c) (happy)\n- `2 kg` of fish (WHO)"
READINGS = {
    "I live in St. Louis.": "Saint Louis",
    "St. Lawrence left.": "Saint Lawrence",
    "He lives on Baker St. now.": "Baker Street now",
    "It weighs 1500 kg.": "1500 kilograms",
    "It has 2048 MB.": "2048 megabytes",
    "A balance of -$3.50 today.": "minus three dollars and fifty cents",
    "It was -20°C.": "minus 20 degrees Celsius",
    "Bake at 30-50°C.": "30 to 50 degrees Celsius",
    "Run 5-10 km.": "5 to 10 kilometers",
    "It costs $5-10 million.": "5 to 10 million dollars",
    "It lasted from 2010 - 2015.": "twenty ten to twenty fifteen",
    "See pages 10-20.": "pages 10 to 20",
    "10 - 3 = 7": "10 minus 3",
    "On 2025/03/04 it rained.": "March fourth twenty twenty-five",
    "On 5/1/08 it rained.": "May first oh eight",
    "They sell paper, etc. Customers like it.": "et cetera. / Customers",
    "Take vitamin C. Doctors say so.": "vitamin C. / Doctors",
    "In May 10,000 people came.": "May 10,000 people",
    "On the 26th May it rained.": "the twenty-sixth of May",
    "Add 1 1/2 cups.": "1 and a half cups",
    "It took 2:05:30.": "2 hours 5 minutes and 30 seconds",
    "Chapter One\n\nIt was raining": "Chapter One / It was raining",
    "The (WHO) met in Paris (France).": "(W H O) met in Paris (France)",
    "Press (a) or (b).": "(a) or (b)",
    "**Bold** and # hash": "Bold and",
}


async def read(client: Client, text: str, **body: object) -> tuple[int, Any]:
    async with client.session.post(client.url + PATH, json={"text": text, **body}) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


def spoken(answer: Any) -> str:
    return " / ".join(
        " ".join(stretch["spoken"] for stretch in sentence["stretches"] if stretch["spoken"])
        for sentence in answer["sentences"]
    )


@pytest.mark.parametrize(("text", "expected"), READINGS.items())
def test_everyday_texts_are_read_as_they_are_meant(server_url: str, text: str, expected: str) -> None:
    status, _, body = post(server_url + PATH, {"text": text})
    assert status == 200
    answer = json.loads(body)
    assert expected in spoken(answer)
    for sentence in answer["sentences"]:
        for stretch in sentence["stretches"]:
            assert stretch["written"].replace(" ", "") in text.replace(" ", "")
            assert stretch["phonemes"] or not any(map(str.isalnum, stretch["spoken"]))
            assert stretch["rule"] or stretch["spoken"] == stretch["written"]
    named = bytearray(len(text))
    ranges = [*(each for sentence in answer["sentences"] for each in sentence["stretches"]), *answer["skipped"]]
    for each in ranges:
        named[each["start"] : each["stop"]] = b"\1" * (each["stop"] - each["start"])
    assert all(named[place] for place, letter in enumerate(text) if letter.isalnum())


def test_pronunciations_are_shown_by_their_rule(server_url: str) -> None:
    pronunciations = [{"text": "Worcester", "ipa": "ˈwʊstə"}, {"text": "nginx", "say": "engine x"}]
    body = {"text": "**Worcester** has nginx.", "input_type": "markdown", "pronunciations": pronunciations}
    status, _, answer = post(server_url + PATH, body)
    assert status == 200
    [sentence] = json.loads(answer)["sentences"]
    name, _, software = sentence["stretches"]
    assert (name["written"], name["start"], name["stop"]) == ("Worcester", 2, 11)
    assert (name["phonemes"], name["rule"]) == ("wˈʊstə", "pronunciation")
    assert (software["spoken"], software["rule"]) == ("engine x.", "pronunciation")


def test_phonemes_are_of_the_voices_accent(server_url: str) -> None:
    _, _, body = post(server_url + PATH, {"text": "A lot."})
    assert [each["phonemes"] for each in json.loads(body)["sentences"][0]["stretches"]] == ["ɐ", "lˈɑːt"]


def test_blocks_have_their_pauses(server_url: str) -> None:
    _, _, body = post(server_url + PATH, {"text": "Chapter One\n\nIt was raining. A\nlot.", "speed": 2})
    answer = json.loads(body)
    assert [sentence["pause_seconds"] for sentence in answer["sentences"]] == [0.3, 0.1, 0.0]


def test_the_estimate_is_near_the_audio(server_url: str) -> None:
    """Within a quarter; docs/text.md says so."""
    text = "In May 10,000 people came to St. Louis.\n\nThey paid $5-10 million for 1500 kg of fish, and left in 2010."
    _, _, body = post(server_url + PATH, {"text": text})
    _, _, audio = post(f"{server_url}/tts", {"text": text, "response_format": "pcm"})
    seconds = len(audio) / 2 / 24_000
    assert json.loads(body)["estimated_seconds"] == pytest.approx(seconds, rel=0.25)


async def test_markdown_and_tags(start: Start) -> None:
    status, answer = await read(await start(), CHAT, input_type="markdown", stream=True, timestamps=False)
    assert status == 200
    assert spoken(answer) == "Menu / soup here / 2 kilograms of fish (W H O)"
    assert [(CHAT[each["start"] : each["stop"]], each["reason"]) for each in answer["skipped"]] == [
        ("](https://a.b/c)", "markup"), ("(happy)", "emotion tag")
    ]  # fmt: skip
    counts = ("words", "word_count_range", "characters", "character_count_range", "language")
    assert [answer[name] for name in counts] == [8, "1-10", 33, "1-50", "en"]


async def test_ssml_has_no_positions(start: Start) -> None:
    provider = HummingProvider()
    provider.abilities = frozenset({Ability.MARKUP})
    client = await start(provider)
    markup = "<speak>One <sub alias='two'>2</sub>.<break time='1s'/>Three.</speak>"
    status, answer = await read(client, markup, input_type="ssml")
    assert status == 200
    assert spoken(answer) == "One two. / Three."
    assert {each["start"] for sentence in answer["sentences"] for each in sentence["stretches"]} == {None}
    assert answer["sentences"][0]["pause_seconds"] == 1.0


async def test_other_languages_have_their_own_rules(start: Start) -> None:
    client = await start(MultilingualProvider())
    _, german = await read(client, "Am 3. Mai kostet es 3,50 € 3 Mal.", voice_name="eva")
    assert german["language"] == "de"
    assert spoken(german) == "Am dritten Mai kostet es drei Euro und fünfzig Cent 3 Mal."
    phonemes_of = {each["written"]: each["phonemes"] for each in german["sentences"][0]["stretches"]}
    assert phonemes_of["3. Mai"].startswith("drˈɪtən")
    _, japanese = await read(client, "今日は。", voice_name="kan")
    assert japanese["sentences"][0]["stretches"][0]["phonemes"] is None


MIXED = "He said: “Guten Tag, es kostet 3,50 €.” Then he left. Das ist der 3. Mai. 今天天气很好，我们去公园吧。"


def test_languages_are_found(server_url: str) -> None:
    _, _, body = post(server_url + PATH, {"text": MIXED, "language": "auto"})
    answer = json.loads(body)
    assert (answer["language"], answer["languages"]) == ("de", ["de", "en"])
    assert [sentence["language"] for sentence in answer["sentences"]] == ["de", "en", "de", "en"]
    assert [sentence["unsupported_language"] for sentence in answer["sentences"]] == [None, None, None, "zh"]
    first = {each["written"]: each for each in answer["sentences"][0]["stretches"]}
    assert (first["said:"]["language"], first["“Guten"]["language"]) == ("en", "de")
    assert first["“Guten"]["phonemes"] == "ɡˈuːtən"
    assert first["3,50 €.”"]["spoken"] == "drei Euro und fünfzig Cent.”"
    assert not any(each["missing_phonemes"] for sentence in answer["sentences"] for each in sentence["stretches"])


def test_without_the_choice_there_is_one_language(server_url: str) -> None:
    _, _, body = post(server_url + PATH, {"text": "Das ist der 3. Mai."})
    answer = json.loads(body)
    assert (answer["language"], answer["languages"]) == ("en", ["en"])
    assert answer["sentences"][0]["stretches"][0]["phonemes"] != "das"


def test_markup_gives_a_part_its_language(server_url: str) -> None:
    text = "<speak>Say <lang xml:lang='de'>am 3. Mai</lang> now.</speak>"
    _, _, body = post(server_url + PATH, {"text": text, "input_type": "ssml"})
    assert spoken(json.loads(body)) == "Say am dritten Mai now."
    status, _, body = post(server_url + PATH, {"text": text.replace("'de'", "'xx'"), "input_type": "ssml"})
    assert (status, json.loads(body)["error"]["code"]) == (422, "invalid_markup")


def test_phonemes_that_the_voice_lacks_are_named(server_url: str) -> None:
    pronunciations = [{"text": "click", "ipa": "kǃɪk", "say": "click"}]
    _, _, body = post(server_url + PATH, {"text": "A click.", "pronunciations": pronunciations})
    stretches = json.loads(body)["sentences"][0]["stretches"]
    assert [each["missing_phonemes"] for each in stretches] == [[], []], "the default voice has a symbol for it"


def test_a_text_in_several_languages_is_spoken_and_counted(server_url: str) -> None:
    german = {"text": "Guten Tag, wie geht es dir heute?", "language": "auto", "response_format": "pcm"}
    status, _, audio = post(f"{server_url}/tts", german)
    assert status == 200
    assert 1.0 < len(audio) / 2 / 24_000 < 5.0
    _, _, english = post(f"{server_url}/tts", {**german, "language": "en"})
    assert english != audio, "the cache's key holds the languages"
    _, _, body = post(f"{server_url}/tts", {"text": MIXED, "language": "auto", "timestamps": True})
    assert [each["word"] for each in json.loads(body)["timestamps"]][:9] == [
        "He", "said:", "“Guten", "Tag,", "es", "kostet", "3,50 €.”", "Then", "he"
    ]  # fmt: skip
    metrics = fetch(f"{server_url}/prometheus", "text/plain")
    assert b'language="de"' in metrics


async def test_a_provider_that_can_not_change_the_language_reads_all_in_its_own(start: Start) -> None:
    client = await start()
    status, answer = await read(client, "Das ist der 3. Mai.", language="AUTO")
    assert (status, answer["languages"]) == (200, ["en"])
    async with client.session.post(f"{client.url}/tts", json={"text": MIXED, "language": "auto"}) as response:
        assert response.status == 200


async def test_a_multilingual_voice_reads_the_language_that_is_asked_for(start: Start) -> None:
    provider = MultilingualProvider()
    provider.abilities = frozenset({Ability.MARKUP, Ability.LANGUAGES})
    client = await start(provider)
    _, french = await read(client, "le 1/5/2024", voice_name="poly", language="fr")
    assert (french["language"], spoken(french)) == ("fr", "le premier mai 2024")
    _, chinese = await read(client, "今天天气很好，我们去公园吧。", voice_name="poly", language="auto")
    assert (chinese["language"], chinese["sentences"][0]["unsupported_language"]) == ("zh-cn", None)
    _, english = await read(client, "It is 5 km from here to there.", voice_name="poly", language="auto")
    assert (english["language"], english["sentences"][0]["unsupported_language"]) == ("de", "en")


async def test_languages_are_found_beside_the_event_loop(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    original = LanguageDetector.detected

    def noted(self: LanguageDetector, script: Script, languages: Sequence[str]) -> Script:
        threads.append(threading.current_thread())
        return original(self, script, languages)

    monkeypatch.setattr(LanguageDetector, "detected", noted)
    provider = HummingProvider()
    provider.abilities = frozenset({Ability.LANGUAGES})
    client = await start(provider)
    for text in ("Hello.", "Das ist gut. " * 100):
        status, _ = await read(client, text, language="auto")
        assert status == 200
    assert len(threads) == 2
    assert threading.main_thread() not in threads


class MultilingualProvider(HummingProvider):
    """Has a German voice too."""

    def voices(self) -> tuple[Voice, ...]:
        return (
            *super().voices(),
            Voice("eva", ("de", "de-de"), 22050, "facade"),
            Voice("poly", ("de", "fr", "zh-cn"), 22050, "facade"),
        )

    def estimate(self, utterance: Utterance) -> float:
        return utterance.characters * 0.065


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"text": "(happy)"}, 422, "nothing_to_speak", "text"),
        ({"text": "a\0"}, 400, "invalid_text", "text"),
        ({"text": "a" * 5001}, 413, "text_too_long", "text"),
        ({"text": "a", "voice_name": "nobody"}, 404, "unknown_voice", "voice_name"),
        ({"text": "a", "language": "de"}, 422, "unsupported_language", "language"),
        ({"text": "a", "speed": 9}, 422, "invalid_request", "speed"),
        ({"text": "<speak>a</speak>"}, 422, "invalid_markup", "input_type"),
        ({"text": "<speak>a</speak>", "input_type": "ssml"}, 422, "unsupported_by_voice", "voice_name"),
        ({}, 422, "invalid_request", "text"),
        ({"text": "a", "other": 1}, 422, "invalid_request", None),
    ],
)
async def test_refuses_what_tts_refuses(start: Start, body: Any, status: int, code: str, param: str | None) -> None:
    client = await start()
    async with client.session.post(client.url + PATH, json=body) as response:
        answer = (await response.json())["error"]
    assert (response.status, answer["code"], answer["param"]) == (status, code, param)
    async with client.session.post(f"{client.url}/tts", json=body) as response:
        assert (await response.json())["error"] == answer


async def test_is_refused_until_the_server_is_ready(start: Start) -> None:
    status, answer = await read(await start(HummingProvider(ready=False)), "One.")
    assert (status, answer["error"]["code"]) == (503, "not_ready")


async def test_one_client_can_not_take_all_places(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the event loop is free while espeak is busy."""
    client = await start(trusted_proxies=["127.0.0.1/32"])
    release = threading.Event()
    each = phonemes.Phonemizer.each

    def wait(self: phonemes.Phonemizer, texts: Sequence[str], voice: str) -> list[list[str]]:
        assert release.wait(60)
        return each(self, texts, voice)

    monkeypatch.setattr(phonemes.Phonemizer, "each", wait)
    reading = [asyncio.create_task(read(client, "One.")) for _ in range(MOST_OF_CLIENT + 1)]
    try:
        done, waiting = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
        assert [(status, answer["error"]["code"]) for status, answer in map(asyncio.Task.result, done)] == [
            (429, "queue_full")
        ]
        other = {"X-Forwarded-For": "192.0.2.1"}
        async with client.session.post(client.url + PATH, json={"text": "(happy)"}, headers=other) as response:
            assert response.status == 422
        assert (await client.json("/ready"))["status"] == "ready"
    finally:
        release.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * MOST_OF_CLIENT
    assert (await read(client, "One."))[0] == 200


def test_is_no_request_for_audio(server_url: str) -> None:
    def counts() -> tuple[float, float, int]:
        exposition = fetch(f"{server_url}/prometheus", "text/plain").decode()
        requests = samples(exposition, "http_server_request_duration_seconds_count", http_route=PATH)
        total = json.loads(fetch(f"{server_url}/metrics"))["total_requests"]
        return sum(samples(exposition, "tts_requests_total")), sum(requests), total

    before = counts()
    assert [post(server_url + PATH, {"text": text})[0] for text in ("One.", "(happy)")] == [200, 422]
    assert counts() == (before[0], before[1] + 2, before[2])


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["text", "markdown"])
def test_hostile_texts_are_read_or_refused(server_url: str, make: Callable[[int], str], kind: str) -> None:
    status, _, body = post(server_url + PATH, {"text": make(5000), "input_type": kind})
    if status != 200:
        error = json.loads(body)["error"]
        assert (status, error["code"]) in {(422, "nothing_to_speak"), (422, "invalid_markup")}


def test_the_route_is_described(server_url: str) -> None:
    description = json.loads(fetch(f"{server_url}/openapi.json"))
    assert description["paths"][PATH]["post"]["requestBody"] == description["paths"]["/tts"]["post"]["requestBody"]
