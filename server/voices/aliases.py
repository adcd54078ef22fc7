"""What the names that requests give for voices stand for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from server.alias_settings import Alias
from server.errors import UnknownVoice
from server.logs import LOGGER
from server.text.language_detection import AUTO
from server.utterance import Voice
from server.voices.catalogue import ALIASES

log = logging.getLogger(f"{LOGGER}.voices")


class VoiceAliases:
    """The aliases of the settings, and OpenAI's names for the default voice."""

    def __init__(
        self, aliases: Mapping[str, Alias], default_voice: str, installed: Callable[[], Mapping[str, Voice]]
    ) -> None:
        """``installed`` returns the voices that are everybody's, by name."""
        self._aliases = aliases
        self._default_voice = default_voice
        self._installed = installed

    def resolve(self, name: str | None) -> Alias:
        """Returns what a name stands for: an alias of the settings, the default voice for one of OpenAI's names and for
        none, else the voice of this name, which need not exist. Raises UnknownVoice for an alias whose voice is not
        installed."""
        if not name or self._is_openais(name):
            name = self._default_voice
        alias = self._aliases.get(name)
        if alias is None:
            return Alias(name)
        if alias.voice not in self._installed():
            raise UnknownVoice(
                f"this name is an alias of the voice {alias.voice}, which is not installed", param="voice_name"
            )
        return alias

    def names(self, voice: Voice) -> list[str]:
        """Returns the names that stand for a voice: those of the settings for an installed one, then OpenAI's."""
        own = [name for name, alias in self._aliases.items() if alias.voice == voice.name != name]
        default = self._aliases.get(self._default_voice, Alias(self._default_voice)).voice
        openais = [name for name in ALIASES if voice.name == default and self._is_openais(name)]
        return [*([] if voice.registered else own), *openais]

    def usable(self) -> list[str]:
        """Returns the names that stand for any installed voice: those of the settings, then OpenAI's."""
        installed = self._installed()
        own = [name for name, alias in self._aliases.items() if alias.voice in installed and name not in installed]
        return own + [name for name in ALIASES if self._is_openais(name)]

    def report(self) -> None:
        """Logs the aliases that can't be used, once the voices are loaded."""
        installed = self._installed()
        for name, alias in self._aliases.items():
            voice = installed.get(alias.voice)
            if voice is None:
                log.warning(
                    "an alias stands for a voice that is not installed", extra={"alias": name, "voice": alias.voice}
                )
            elif alias.language not in (None, AUTO, *voice.languages):
                log.warning(
                    "an alias has a language that its voice does not speak", extra={"alias": name, "voice": alias.voice}
                )

    def _is_openais(self, name: str) -> bool:
        """Returns whether a name means OpenAI's voice, and is neither an alias of the settings nor installed."""
        return name in ALIASES and name not in self._aliases and name not in self._installed()
