"""Turns the fields of a speech request into an utterance, and refuses what can't be spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from server.access.caller import Caller
from server.errors import TextTooLong, UnknownVoice, UnsupportedLanguage, VoiceNotAllowed
from server.pauses import Pauses
from server.routes.requests import TtsRequest
from server.settings import Settings
from server.shared.store_watcher import StoreWatcher
from server.synthesis.synthesizer import Synthesizer
from server.text.dictionaries import Dictionaries
from server.text.emotions import EmotionTags
from server.text.language_detection import AUTO, LanguageDetector
from server.text.languages import detectable, matching, primary, spoken
from server.text.lexicon import Lexicon, pronounced
from server.text.script import Script, ScriptParser
from server.utterance import VOICE_NAME, Utterance, Voice
from server.voices.aliases import VoiceAliases

T = TypeVar("T")
LONG_TEXT = 1000
"""The length in characters above which text is prepared in a thread: 5,000 take 3 ms, or 25 ms in Japanese."""
LONG_MARKDOWN = 200
"""The same for Markdown and for a text with pronunciations: hostile ones of 1,000 characters take 20 and 5 ms."""
GROWTH = 2
"""The most characters of a text with all that its pronunciations say, as a multiple of TTSCOPE_MAX_TEXT_CHARACTERS."""
LARGE_BODY = 16 * 1024
"""The size in bytes above which a body is parsed in a thread: the slowest form takes 3 ms, or 30 ms for 256 KB."""


class UtteranceParser:
    """Makes utterances of requests."""

    def __init__(
        self,
        settings: Settings,
        synthesizer: Synthesizer,
        dictionaries: Dictionaries,
        store: StoreWatcher | None = None,
        aliases: VoiceAliases | None = None,
    ) -> None:
        """``store`` follows the store that servers share; None if they share none. ``aliases`` are by default those of
        the settings."""
        self._settings = settings
        self._store = store
        self._aliases = aliases or VoiceAliases(settings.aliases, settings.default_voice, lambda: synthesizer.installed)
        self._dictionaries = dictionaries
        self._synthesizer = synthesizer
        self._detector = LanguageDetector()
        self._script_parser = ScriptParser(
            EmotionTags(settings.emotion_tags),
            Pauses(
                settings.paragraph_pause_seconds,
                settings.heading_pause_seconds,
                settings.item_pause_seconds,
                settings.cell_pause_seconds,
            ),
            settings.max_break_seconds,
        )

    async def parse(self, speech: TtsRequest, caller: Caller) -> tuple[Utterance, Script]:
        """Returns the utterance and its script. Raises a SpeechError if the request is invalid, unsupported by its
        voice, or has a voice that the caller may not use."""
        speech = self.completed(speech)
        name = self._aliases.resolve(speech.voice_name).voice
        await self._look_for(name, caller)
        voice = self._voice(name, caller)
        language = _language(speech.language, voice)
        limit = self._settings.max_text_characters
        if len(speech.text) > limit:
            raise TextTooLong(f"the text has {len(speech.text)} characters; at most {limit} are allowed", param="text")
        parse = partial(self._read, speech, voice, language)
        slow = speech.input_type == "markdown" or speech.pronunciations
        long = len(speech.text) > (LONG_MARKDOWN if slow else LONG_TEXT) or not self._dictionaries.prepared(language)
        long |= _is_auto(speech.language) or (speech.input_type == "ssml" and "lang" in speech.text)
        script = await asyncio.to_thread(parse) if long else parse()
        utterance = Utterance(
            script.text,
            voice,
            language,
            script.words,
            len(script.text),
            speech.speed,
            script.passages,
            speech.timestamps,
            script.structural,
            speech.seed,
            speech.seed is not None,
        )
        self._synthesizer.require(utterance)
        return utterance, script

    def completed(self, speech: TtsRequest) -> TtsRequest:
        """Returns the request with what its voice's alias sets and the request does not. Its voice keeps the name that
        the client gave. Raises UnknownVoice for an alias whose voice is not installed."""
        alias = self._aliases.resolve(speech.voice_name)
        update: dict[str, Any] = {}
        if speech.language is None and alias.language is not None:
            update["language"] = alias.language
        if "speed" not in speech.model_fields_set and alias.speed is not None:
            update["speed"] = alias.speed
        if speech.loudness is None and not speech.stream and alias.loudness is not None:
            update["loudness"] = alias.loudness
        return speech.model_copy(update=update) if update else speech

    def _read(self, speech: TtsRequest, voice: Voice, language: str) -> Script:
        """Returns the script of a text with its languages and pronunciations. Raises the errors of
        ``ScriptParser.parse``, and TextTooLong."""
        able = self._synthesizer.changes_language(voice)
        codes = partial(spoken, voice=voice) if able else None
        script = self._script_parser.parse(speech.text, speech.input_type, language, speech.speed, codes)
        if able and _is_auto(speech.language):
            script = self._detector.detected(script, detectable(voice))
        own = Lexicon(speech.pronunciations, "pronunciation")
        others = {run.language for passage in script.passages for run in passage.runs} - {language}
        script = pronounced(
            script,
            [own, self._dictionaries.lexicon(language)],
            {each: self._dictionaries.lexicon(each) for each in others},
        )
        limit = GROWTH * self._settings.max_text_characters
        if sum(passage.spoken_length for passage in script.passages) > limit:
            raise TextTooLong(f"with its pronunciations, the text has more than {limit} characters", param="text")
        return script

    async def _look_for(self, name: str, caller: Caller) -> None:
        """Looks into the store for a voice that another server may have registered a moment ago. Raises
        SharedStoreUnavailable."""
        if self._store is None or self._synthesizer.has_voice(name, caller.tenant):
            return
        if VOICE_NAME.fullmatch(name) and caller.may_use(name):
            await self._store.refresh()

    def _voice(self, name: str, caller: Caller) -> Voice:
        """Returns the voice with this name. The voices of other tenants are unknown like those that do not exist."""
        voices = self._synthesizer.voices(caller)
        if name in voices:
            return voices[name]
        usable = ", ".join(sorted(voices)) or "none"
        if self._synthesizer.has_voice(name, caller.tenant):
            raise VoiceNotAllowed(f"this API key may not use this voice; allowed: {usable}", param="voice_name")
        raise UnknownVoice(f"there is no such voice; available: {usable}", param="voice_name")


async def parsed(parse: Callable[[bytes], T], body: bytes) -> T:
    """Returns what ``parse`` makes of a body; a large one is parsed in a thread."""
    return await asyncio.to_thread(parse, body) if len(body) > LARGE_BODY else parse(body)


def _language(name: str | None, voice: Voice) -> str:
    """Returns the voice's language that a request means; its first for none, and for ``auto``."""
    if name is None or _is_auto(name):
        return voice.languages[0]
    code = name.lower().replace("_", "-")
    if code not in voice.languages:
        raise UnsupportedLanguage(
            f"this voice speaks only {', '.join(voice.languages)}; {AUTO} finds the languages of the text",
            param="language",
        )
    return matching(primary(code), voice.languages) or code


def _is_auto(name: str | None) -> bool:
    return name is not None and name.lower() == AUTO
