"""Faults of the voice's files, while it speaks and at the next start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from server.voices.install import install_default
from server.voices.manifest import MODEL
from tests.faults.fault import ANY, Losses, Mended, fault
from tests.faults.trial import Trial

VOICE = "joe"
RESTARTED = Losses(unanswered=ANY)
PROMISE = (
    "the running server continues to speak; the next start names the missing voice and ends with exit code 1; "
    "`python -m server.voices install` repairs it"
)


def at_the_next_start(trial: Trial, *, may_speak: bool) -> None:
    """Stops the server in order, starts it with what there is, and again after the voice was installed anew."""
    trial.until_spoken()
    assert trial.site.stop() == 0
    before = len(trial.site.lines)
    try:
        trial.site.start()
    except AssertionError:
        assert trial.site.said(VOICE, before), "it does not name the voice"
        trial.note(
            f"it said: {''.join(trial.site.lines[before:]).strip().splitlines()[-1]}".replace(
                str(trial.site.folder), "..."
            )
        )
        install_default(trial.site.data_dir / "voices", lambda step: None)
        trial.site.start()
    else:
        assert may_speak, "it started without its voice"


@fault("The voice is deleted while it speaks, and at the next start", PROMISE, place="server", may_lose=RESTARTED)
def voice_deleted(trial: Trial) -> Iterator[Mended]:
    shutil.rmtree(trial.site.data_dir / "voices" / VOICE)
    at_the_next_start(trial, may_speak=False)
    yield trial.site.ready


@fault(
    "The voice's file is cut in half while it speaks, and at the next start",
    PROMISE,
    place="server",
    may_lose=RESTARTED,
)
def voice_damaged(trial: Trial) -> Iterator[Mended]:
    model = trial.site.data_dir / "voices" / VOICE / MODEL
    os.truncate(model, model.stat().st_size // 2)
    at_the_next_start(trial, may_speak=True)
    yield trial.site.ready
