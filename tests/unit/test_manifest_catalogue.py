"""Which folders are voices and which are not: nothing broken, half-written or hostile is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.errors import VoiceError
from server.voices.catalogue import Catalogue
from server.voices.manifest import CONFIG, MANIFEST, MODEL, ONNX, ONNX_CONFIG, Manifest, expand_language


def make(folder: Path, name: str = "ann", *, onnx: bool = False) -> Path:
    """A voice of tiny files in ``folder``, with those of ONNX or without."""
    voice = folder / name
    voice.mkdir()
    (voice / MODEL).write_bytes(b"weights")
    (voice / CONFIG).write_text("{}")
    if onnx:
        (voice / ONNX).write_bytes(b"graph")
        (voice / ONNX_CONFIG).write_text("{}")
    Manifest.describe(
        voice, name=name, languages=("en", "en-us"), sample_rate=22050, phonemizer="en-us", source="test", licence="CC0"
    ).write(voice)
    return voice


def edit(voice: Path, **changes: object) -> None:
    path = voice / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_sound_voices_are_listed_in_order(tmp_path: Path) -> None:
    make(tmp_path, "bob")
    ann = make(tmp_path, "ann")
    catalogue = Catalogue.scan(tmp_path)
    assert list(catalogue.voices) == ["ann", "bob"]
    assert catalogue.skipped == ()
    installed = catalogue.voices["ann"]
    assert (installed.model, installed.config, installed.phonemizer) == (ann / MODEL, ann / CONFIG, "en-us")
    assert installed.voice.languages == ("en", "en-us")
    assert installed.voice.checksum == json.loads((ann / MANIFEST).read_text())["checksum"]


def test_a_folder_that_does_not_exist_holds_no_voice(tmp_path: Path) -> None:
    assert Catalogue.scan(tmp_path / "none") == Catalogue.scan(tmp_path)


def test_the_checksum_covers_every_file(tmp_path: Path) -> None:
    voice = make(tmp_path)
    seen = {Manifest.read(voice).checksum}
    for name in (MODEL, CONFIG):
        (voice / name).write_bytes(b"other")
        described = Manifest.describe(
            voice, name="ann", languages=("en",), sample_rate=1, phonemizer="en", source="", licence=""
        )
        seen.add(described.checksum)
    assert len(seen) == 3


def test_onnx_files_are_found_and_leave_the_checksum_as_it_is(tmp_path: Path) -> None:
    make(tmp_path, "ann")
    bob = make(tmp_path, "bob", onnx=True)
    without, having = Catalogue.scan(tmp_path).voices.values()
    assert (without.onnx, without.onnx_config) == (None, None)
    assert (having.onnx, having.onnx_config) == (bob / ONNX, bob / ONNX_CONFIG)
    assert without.voice.checksum == having.voice.checksum
    assert "onnx" not in json.loads((tmp_path / "ann" / MANIFEST).read_text())


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda voice: (voice / ONNX).write_bytes(b"other"), "voice.onnx is not what was installed"),
        (lambda voice: (voice / ONNX_CONFIG).write_text("{ }"), "voice.onnx.json is not what was installed"),
        (lambda voice: (voice / ONNX_CONFIG).unlink(), "voice.onnx.json is missing"),
        (lambda voice: edit(voice, onnx={}), "its checksums don't belong together"),
        (lambda voice: edit(voice, onnx={"/etc/passwd": "0" * 64}), "its checksums don't belong together"),
        (lambda voice: edit(voice, onnx={CONFIG: "0" * 64}), "its checksums don't belong together"),
    ],
)
def test_onnx_files_are_proved_whole_as_the_others_are(tmp_path: Path, damage, reason: str) -> None:
    damage(make(tmp_path, onnx=True))
    catalogue = Catalogue.scan(tmp_path)
    assert not catalogue.voices
    assert reason in catalogue.skipped[0].reason


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda voice: (voice / MODEL).write_bytes(b"weighty"), "model.pth is not what was installed"),
        (lambda voice: (voice / CONFIG).write_text("{ }"), "config.json is not what was installed"),
        (lambda voice: (voice / MODEL).write_bytes(b"weig"), "model.pth is not what was installed"),
        (lambda voice: (voice / MODEL).unlink(), "model.pth is missing"),
        (lambda voice: (voice / MANIFEST).unlink(), "voice.json is missing"),
        (lambda voice: (voice / MANIFEST).write_text("{"), "voice.json Invalid JSON"),
        (lambda voice: (voice / MANIFEST).write_bytes(b"\xff\xfe"), "voice.json Invalid JSON"),
        (lambda voice: edit(voice, name="eve"), "describes the voice 'eve'"),
        (lambda voice: edit(voice, name="../eve"), "voice.json name:"),
        (lambda voice: edit(voice, languages=[]), "voice.json languages:"),
        (lambda voice: edit(voice, languages=["en\nus"]), "voice.json languages.0:"),
        (lambda voice: edit(voice, sample_rate=0), "voice.json sample_rate:"),
        (lambda voice: edit(voice, files={}), "its checksums don't belong together"),
        (lambda voice: edit(voice, files={"/etc/passwd": "0" * 64}), "its checksums don't belong together"),
        (lambda voice: edit(voice, checksum="0" * 64), "its checksums don't belong together"),
        (lambda voice: edit(voice, more=1), "voice.json more:"),
    ],
)
def test_a_broken_voice_is_named_and_skipped(tmp_path: Path, damage, reason: str) -> None:
    make(tmp_path, "bob")
    damage(make(tmp_path))
    catalogue = Catalogue.scan(tmp_path)
    assert list(catalogue.voices) == ["bob"]
    (skipped,) = catalogue.skipped
    assert skipped.name == "ann"
    assert reason in skipped.reason


@pytest.mark.parametrize("name", ["Ann", "ann.old", "-ann", "a" * 65, ".hidden", "ann\nbob", "änn", "ann bob"])
def test_a_name_that_is_no_voice_name_is_skipped(tmp_path: Path, name: str) -> None:
    (tmp_path / "real").mkdir()
    make(tmp_path / "real").rename(tmp_path / name)
    (tmp_path / "real").rmdir()
    catalogue = Catalogue.scan(tmp_path)
    assert not catalogue.voices
    (skipped,) = catalogue.skipped
    assert "not a voice's name" in skipped.reason
    assert skipped.name.isprintable()


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside, voices = tmp_path / "outside", tmp_path / "voices"
    outside.mkdir()
    voices.mkdir()
    (voices / "ann").symlink_to(make(outside, "ann"))
    bob = make(voices, "bob")
    (bob / MODEL).rename(outside / MODEL)
    (bob / MODEL).symlink_to(outside / MODEL)
    (voices / "loop").symlink_to(voices / "loop")
    catalogue = Catalogue.scan(voices)
    assert not catalogue.voices
    assert {skipped.name: skipped.reason for skipped in catalogue.skipped} == {
        "ann": "a symbolic link",
        "bob": "model.pth is a symbolic link",
        "loop": "a symbolic link",
    }


def test_strays_and_unfinished_installations_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".lock").touch()
    (tmp_path / ".installing-abc").mkdir()
    make(tmp_path / ".installing-abc", "ann")
    catalogue = Catalogue.scan(tmp_path)
    assert not catalogue.voices
    assert [skipped.name for skipped in catalogue.skipped] == [".installing-abc", "notes.txt"]
    assert "broken off" in catalogue.skipped[0].reason


def test_an_error_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match=f"{tmp_path / 'ann' / MANIFEST}: is missing"):
        Manifest.read(tmp_path / "ann")


def test_a_language_is_expanded_to_its_primary_subtag_first() -> None:
    assert expand_language("en_US") == ("en", "en-us")
    assert expand_language("de") == ("de",)
    with pytest.raises(ValueError, match="not a language code"):
        expand_language("../en")
