"""The values that labels may have, from what this server is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from otel.contract.labels import Source
from otel.sdk.recording import AllowLists
from server.errors import all_errors, error_type
from server.providers.provider import Provider
from server.telemetry.client_names import KeyNames
from server.text.languages import detectable
from server.utterance import REGISTERED, Ability


def allow_lists(
    providers: Sequence[Provider],
    gpus: Iterable[str],
    endpoints: Collection[str],
    orders: Iterable[str],
    names: KeyNames,
) -> AllowLists:
    """Returns the allowed label values beyond the contract's; ``orders`` are the voices with their own providers."""
    voices = [voice for provider in providers for voice in provider.voices()]
    return {
        Source.VOICES: frozenset((*orders, REGISTERED, *(voice.label for voice in voices))),
        Source.LANGUAGES: frozenset(language for provider in providers for language in _languages(provider)),
        Source.PROVIDERS: frozenset(provider.name for provider in providers),
        Source.GPUS: frozenset(gpus),
        Source.ENDPOINTS: frozenset(endpoints),
        Source.CLIENTS: names.clients,
        Source.TENANTS: names.tenants,
        Source.ERRORS: frozenset(error_type(error) for error in all_errors()),
    }


def _languages(provider: Provider) -> Iterator[str]:
    """Yields the languages that a request's main language may be: of each voice the first, those of a multilingual
    model, and those that are found in texts for the request language ``auto``."""
    for voice in provider.voices():
        yield voice.languages[0]
        if Ability.LANGUAGES in provider.abilities:
            yield from detectable(voice)
