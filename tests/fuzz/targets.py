"""All that is fuzzed, by name."""

from __future__ import annotations

from tests.fuzz import connections, forms, markdown, markup, phonemes, recordings

TARGETS = {
    target.name: target
    for target in (phonemes.TARGET, forms.TARGET, recordings.TARGET, markup.TARGET, markdown.TARGET, connections.TARGET)
}
