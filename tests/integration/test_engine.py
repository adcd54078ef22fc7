"""The fast model against Coqui's own: the same numbers, by windows and whole; on a GPU too, where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from server.engine import decoder as decoder_module
from server.engine import layers, precision, processor
from server.engine.decoder import Decoder
from server.engine.noise import NoiseKey
from server.engine.torch_engine import TorchEngine
from server.engine.vits import Noise, VitsLatent, VitsModel, fold_weight_norm
from server.errors import EngineFailed
from server.scheduling.windows import blocks, windows
from server.text.phonemes import Phonemizer
from server.voices import checkpoint

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
TEXTS = ("Hello world.", "The old man walked slowly along the river bank and watched the boats.")
SAME = 1e-5
"""Between a stream and a whole: the same sums in another order."""
NOISE = Noise(sound=0.667, rhythm=0.8)
"""What the voice has; the model of these tests has none."""
STOCK = 2e-4
"""Between Coqui's network and ours: other sums of the same products, through thirty layers."""


def stock(voices_folder: Path) -> Any:
    """Coqui's network, without chance."""
    network = checkpoint.load(voices_folder / "joe" / "config.json", voices_folder / "joe" / "model.pth")
    network.inference_noise_scale = network.inference_noise_scale_dp = 0.0
    return network


@pytest.fixture(scope="module", params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture(scope="module")
def network(voices_folder: Path, device: torch.device) -> Any:
    return stock(voices_folder).to(device)


@pytest.fixture(scope="module")
def model(voices_folder: Path, device: torch.device) -> VitsModel:
    return VitsModel(stock(voices_folder), device)


@pytest.fixture(scope="module")
def sentences(model: VitsModel) -> list[list[int]]:
    phonemizer = Phonemizer()
    return [model.vocabulary.encode(phonemizer.phonemize(text, "en-us")[0])[0] for text in TEXTS]


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def reference(network: Any, ids: Sequence[int]) -> torch.Tensor:
    given = torch.tensor([ids], device=next(network.parameters()).device)
    return network.inference(given, {"x_lengths": torch.tensor([len(ids)], device=given.device)})["model_outputs"][0, 0]


def latent_of(model: VitsModel, ids: Sequence[int], speed: float = 1.0) -> VitsLatent:
    [latent] = model.encode([ids], [speed])
    model.refine([(latent, 0, latent.frames)])
    return latent


def by_windows(model: VitsModel, latent: VitsLatent, edges: Sequence[int]) -> torch.Tensor:
    return torch.cat([model.decode([(latent, start, stop)])[0] for start, stop in pairwise(edges)])


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())


def test_a_sentence_is_what_coqui_makes_of_it(network: Any, model: VitsModel, sentences: list[list[int]]) -> None:
    for ids in sentences:
        latent = latent_of(model, ids)
        ours = model.decode([(latent, 0, latent.frames)])[0]
        assert ours.shape[0] == latent.frames * model.decoder.samples_per_frame
        assert difference(ours, reference(network, ids)) < STOCK


def test_the_vits_model_has_the_noise_of_its_voice(voices_folder: Path) -> None:
    network = checkpoint.load(voices_folder / "joe" / "config.json", voices_folder / "joe" / "model.pth")
    assert VitsModel(network, torch.device("cpu")).noise == NOISE


@pytest.mark.parametrize("size", [1, 7, 32, 128])
def test_windows_meet_without_a_seam(model: VitsModel, sentences: list[list[int]], size: int) -> None:
    latent = latent_of(model, sentences[0])
    whole = model.decode([(latent, 0, latent.frames)])[0]
    edges = [*range(0, latent.frames, size), latent.frames]
    assert difference(by_windows(model, latent, edges), whole) < SAME


def test_less_context_would_be_heard(model: VitsModel, sentences: list[list[int]]) -> None:
    """The context is no larger than it must be: with two frames less there is a seam."""
    latent, context = latent_of(model, sentences[1]), model.decoder.context - 2
    start, stop = 50, 60
    window = model.decoder(latent.refined[None, start - context : stop + context], context, context)
    whole = model.decode([(latent, start, stop)])
    assert difference(window, whole) > SAME


def test_blocks_of_the_flow_meet_without_a_seam(model: VitsModel, sentences: list[list[int]]) -> None:
    [latent] = model.encode([sentences[1]], [1.0])
    model.refine([(latent, 0, latent.frames)])
    whole = latent.refined.clone()
    latent.refined.zero_()
    for start, stop in pairwise([0, 5, 43, 100, latent.frames]):
        model.refine([(latent, start, stop)])
    assert difference(latent.refined, whole) < SAME * float(whole.abs().max())


def test_a_batch_is_what_its_sentences_are_alone(model: VitsModel, sentences: list[list[int]]) -> None:
    alone = [latent_of(model, ids) for ids in sentences]
    together = model.encode(sentences, [1.0, 1.0])
    model.refine([(latent, 0, latent.frames) for latent in together])
    for one, other in zip(alone, together, strict=True):
        assert difference(one.refined, other.refined) < STOCK * float(one.refined.abs().max())
    windows = [(latent, 0, 40) for latent in together]
    for one, samples in zip(alone, model.decode(windows), strict=True):
        assert difference(model.decode([(one, 0, 40)])[0], samples) < STOCK


def test_noise_is_each_sentences_own(
    model: VitsModel, sentences: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is in its batch, and in whichever place."""
    monkeypatch.setattr(model, "noise", NOISE)
    model_keys = [NoiseKey(7, 0), NoiseKey(7, 1), NoiseKey(8, 0)]
    alone = [model.encode([sentences[1]], [1.0], (), [key])[0] for key in model_keys]
    again = [model.encode([sentences[1]], [1.0], (), [key])[0] for key in model_keys]
    assert all(torch.equal(one.prior, other.prior) for one, other in zip(alone, again, strict=True))
    together = model.encode([sentences[1]] * 3, [1.0] * 3, (), model_keys[::-1])[::-1]
    for one, other in zip(alone, together, strict=True):
        assert one.frames == other.frames
        assert difference(one.prior, other.prior) < STOCK * float(one.prior.abs().max())
    assert len({latent.frames for latent in alone} | {float(latent.prior[0, 0]) for latent in alone}) > 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_sentence_has_the_same_bits_beside_others(
    model: VitsModel, sentences: list[list[int]], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of several sentences at once, in any order, each on one core; recorded windows and others."""
    if model.device.type != "cpu":
        pytest.skip("on a GPU, only steps that run alone are exact")
    monkeypatch.setattr(model, "noise", NOISE)
    model.set_decoder_dtype(dtype)
    engine = TorchEngine(model.device)
    engine.record(model)

    def speak(number: int) -> bytes:
        with torch.inference_mode():
            [latent] = engine.encode(model, [(sentences[number % 2], 1.0, False, NoiseKey(number % 3, 0))])
            for block in blocks(latent.frames, low_latency=True, context=model.decoder.context):
                engine.refine([(latent, block.start, block.stop)])
            spans = windows(latent.frames, low_latency=True)
            return b"".join(engine.decode([(latent, span.start, span.stop)], 1).tobytes() for span in spans)

    alone = [speak(number) for number in range(6)]
    assert len(set(alone)) == 6
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(speak, range(12))) == alone * 2
    model.set_decoder_dtype(torch.float32)


def test_the_kind_of_processor_is_named() -> None:
    cpuinfo = "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: X\n"
    intel = processor.cpu_kind(f"{cpuinfo}\nprocessor\t: 1\nvendor_id\t: other\n")
    assert intel.split()[:3] == ["GenuineIntel", "6", "143"]
    arm = processor.cpu_kind("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n")
    assert arm.split()[:2] == ["0x41", "0xd40"]
    here = processor.arithmetic(torch.device("cpu"), torch.bfloat16)
    assert here.number_format == "bfloat16"
    assert torch.__version__ in here.library
    assert here.processor.endswith(torch.backends.cpu.get_cpu_capability())


def test_speed_is_each_sentences_own(model: VitsModel, sentences: list[list[int]]) -> None:
    slow, fast = model.encode([sentences[1]] * 2, [0.5, 2.0])
    assert 2.5 < slow.frames / fast.frames < 4.5


def test_a_sentence_without_length_is_a_frame(model: VitsModel, sentences: list[list[int]]) -> None:
    [latent] = model.encode([sentences[0]], [1e9])
    assert latent.frames >= 1


def test_the_engine_takes_steps(model: VitsModel, sentences: list[list[int]]) -> None:
    engine = TorchEngine(model.device)
    engine.record(model)
    short, long = engine.encode(
        model, [(ids, 1.0, timed, NoiseKey()) for ids, timed in zip(sentences, (True, False), strict=True)]
    )
    assert short.ends[-1] == short.frames
    assert long.ends == ()
    engine.refine([(long, 0, long.frames)])
    for start, stop in ((0, 128), (0, long.frames)):  # recorded or not
        samples = engine.decode([(long, start, stop)], 2)
        assert samples.dtype == np.float32
        assert samples.flags.c_contiguous
        assert samples.shape[1] / 22050 == pytest.approx((stop - start) * model.frame_seconds)
        assert difference(torch.from_numpy(samples), model.decode([(long, start, stop)]).cpu()) < SAME


def test_numbers_that_are_no_audio_are_no_answer(model: VitsModel, sentences: list[list[int]]) -> None:
    engine, latent = TorchEngine(model.device), latent_of(model, sentences[0])
    latent.refined[3] = torch.nan
    with pytest.raises(EngineFailed, match="not audio"):
        engine.decode([(latent, 0, latent.frames)], 1)


def test_the_format_is_chosen_by_what_it_costs_and_what_it_changes(
    model: VitsModel, sentences: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 in software is slow here or not; whichever is chosen keeps the speech within 40 dB."""
    monkeypatch.setattr(precision, "candidates", lambda device: (torch.bfloat16,))
    latent = latent_of(model, sentences[0])
    window = (latent, 0, latent.frames)
    before = model.decode([window])
    chosen = precision.choose(model, sentences[0])
    assert chosen in (torch.float32, torch.bfloat16)
    assert model.decoder.dtype is chosen
    model.set_decoder_dtype(torch.bfloat16)
    assert 30 < precision.snr_db(before, model.decode([window])) < 60
    model.set_decoder_dtype(torch.float32)
    assert precision.snr_db(before, model.decode([window])) > 90


def test_a_format_that_is_heard_is_never_chosen(
    model: VitsModel, sentences: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "candidates", lambda device: (torch.bfloat16,))
    monkeypatch.setattr(precision, "_time", lambda model, window: 1.0 if model.decoder.dtype is torch.float32 else 0.01)
    monkeypatch.setattr(precision, "SNR_BOUND_DB", 1000.0)
    assert precision.choose(model, sentences[0]) is torch.float32
    monkeypatch.setattr(precision, "SNR_BOUND_DB", 0.0)
    assert precision.choose(model, sentences[0]) is torch.bfloat16
    model.set_decoder_dtype(torch.float32)


def test_a_format_can_be_fixed(model: VitsModel, sentences: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "candidates", lambda device: (torch.bfloat16,))
    monkeypatch.setattr(precision, "_time", lambda model, window: pytest.fail("nothing is measured"))
    for name in ("bfloat16", "float32"):
        assert precision.choose(model, sentences[0], name) is model.decoder.dtype is getattr(torch, name)
    with pytest.raises(EngineFailed, match="TTSCOPE_NUMBER_FORMAT: this device does not compute in float16"):
        precision.choose(model, sentences[0], "float16")


def random_decoder(resblock_type: str) -> Any:
    from TTS.vocoder.models.hifigan_generator import HifiganGenerator

    torch.manual_seed(0)
    generator = HifiganGenerator(
        16, 1, resblock_type, [[1, 3, 5], [1, 2, 3]], [3, 5], [8, 4], 32, [4, 2], conv_post_bias=False
    ).eval()
    fold_weight_norm(generator)
    return generator.requires_grad_(False)


@pytest.mark.parametrize("multiplies", [True, False])
@pytest.mark.parametrize("resblock_type", ["1", "2"])
def test_decoders_of_both_kinds_are_exact(
    resblock_type: str, multiplies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By products of matrices, and by the convolutions that a GPU has."""
    monkeypatch.setattr(decoder_module, "WIDE", 16)
    if not multiplies:
        monkeypatch.setattr(decoder_module, "_multiplies", lambda layer, dtype: False)
    with torch.inference_mode(mode=False):
        generator = random_decoder(resblock_type)
    decoder = Decoder(generator)
    frames = torch.randn(2, 90, 16)
    whole = generator(frames.transpose(1, 2))[:, 0]
    assert difference(decoder(frames, 0, 0), whole) < SAME
    context = decoder.context
    for start, stop in ((0, 30), (30, 60), (60, 90)):
        left, right = min(start, context), min(90 - stop, context)
        part = decoder(frames[:, start - left : stop + right], left, right)
        assert difference(part, whole[:, start * 8 : stop * 8]) < SAME


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("places", [1, 2, 3, 4, 5, 7])
def test_products_of_matrices_are_a_convolution(places: int, dilation: int) -> None:
    torch.manual_seed(0)
    with torch.inference_mode(mode=False):
        layer = torch.nn.Conv1d(8, 6, places, dilation=dilation).requires_grad_(False)
    products = layers.products_of(layer)
    for time in (19, 120, 140, 141):
        x = torch.randn(2, time, 8)
        expected = layer(torch.nn.functional.pad(x.transpose(1, 2), (2, 5))).transpose(1, 2)
        assert difference(products(x, 2, 5), expected) < SAME


def test_attention_to_a_few_symbols_is_coquis(network: Any, device: torch.device) -> None:
    """Fewer than its window of near symbols, as many, and more; alone and filled up."""
    if device.type != "cpu":
        pytest.skip("layers are replaced on the CPU")
    theirs = network.text_encoder.encoder.attn_layers[0]
    ours = layers._replacement(theirs)
    assert isinstance(ours, layers.Attention)
    for time in (1, 3, 5, 30):
        x = torch.randn(2, 192, time)
        mask = torch.ones(2, 1, time)
        mask[1, :, time // 2 + 1 :] = 0
        both = mask.unsqueeze(2) * mask.unsqueeze(-1)
        assert difference(ours(x[:1], x[:1], both[:1]), theirs(x[:1], x[:1], both[:1])) < SAME
        assert difference(ours(x, x, both) * mask, theirs(x, x, both) * mask) < SAME


def test_layers_that_are_unlike_the_known_ones_stay_as_they_are() -> None:
    from TTS.tts.layers.generic.wavenet import WN

    with torch.inference_mode(mode=False):
        for part in (WN(8, 8, 5, 2, 3), WN(8, 8, 5, 1, 3, c_in_channels=4)):
            assert layers._replacement(part) is None
        assert isinstance(layers._replacement(WN(8, 8, 5, 1, 3)), layers.WaveNet)
