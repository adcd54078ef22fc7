"""Runs a Coqui VITS model in steps: ids to latent frames, frames through the flow, frames to a waveform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from server.engine import layers
from server.engine.decoder import Decoder
from server.engine.noise import NoiseKey, NoiseStage
from server.engine.vocabulary import Vocabulary
from server.scheduling.windows import window_shape
from server.voices import checkpoint

if TYPE_CHECKING:
    from TTS.tts.models.vits import Vits


@dataclass(slots=True, eq=False)
class VitsLatent:
    """A sentence between its ids and its audio."""

    model: VitsModel
    prior: Tensor
    """The frames before the flow, shape (frames, channels)."""
    refined: Tensor
    """The frames after the flow, of the same shape; valid as far as they are refined."""
    ends: Sequence[int] = ()

    @property
    def frames(self) -> int:
        return int(self.prior.shape[0])


@dataclass(frozen=True, slots=True)
class Noise:
    """The amount of randomness in a voice's sound and rhythm; 0 makes it repeatable."""

    sound: float
    rhythm: float


class VitsModel:
    """A model on its device.

    Its steps do not change its state, so on the CPU any number of threads may run them. On CUDA only one thread may,
    since calls of several threads poison the device.
    """

    def __init__(self, network: Vits, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        """``network`` must be in evaluation mode. It is changed: moved to ``device``, and its weight norms folded in.

        ``dtype`` is the number format of the decoder, which does 70 % of the work; the rest is done in float32.
        """
        self.vocabulary = Vocabulary.of(network.tokenizer)
        self.sample_rate = int(network.config.audio.sample_rate)
        self.noise = Noise(float(network.inference_noise_scale), float(network.inference_noise_scale_dp))
        self.device = device
        self._length_scale = float(network.length_scale)
        self._stochastic = bool(network.args.use_sdp)
        network.posterior_encoder = None  # training only
        fold_weight_norm(network)
        network.requires_grad_(False).to(device)
        if device.type == "cpu":
            layers.install(network)
        self.decoder = Decoder(network.waveform_decoder, dtype)
        self.channels = int(network.args.hidden_channels)
        self.frame_seconds = self.decoder.samples_per_frame / self.sample_rate
        # Frames are interpolated between the sample rates of encoder and decoder, a sentence at a time.
        self._resampled = bool(network.args.encoder_sample_rate)
        self._network = network
        self.flow_context = sum(
            int(layer.padding[0]) for coupling in network.flow.flows for layer in coupling.enc.in_layers
        )
        """The frames on each side of a block that the flow also reads."""

    @classmethod
    def load(cls, config: Path, weights: Path, device: torch.device) -> Self:
        """Loads a model. Raises VoiceError when the voice's files can't be loaded."""
        return cls(checkpoint.load(config, weights), device)

    def set_decoder_dtype(self, dtype: torch.dtype) -> None:
        """Replaces the decoder with one in ``dtype``."""
        self.decoder = Decoder(self._network.waveform_decoder, dtype)

    def encode(
        self,
        sentences: Sequence[Sequence[int]],
        speeds: Sequence[float],
        with_ends: Sequence[bool] = (),
        keys: Sequence[NoiseKey] = (),
    ) -> list[VitsLatent]:
        """Returns the latents of sentences, given as ids, each at its speed. ``with_ends`` says which of them get their
        ids' ends; their noise follows from ``keys``."""
        keys = [key or NoiseKey() for key, _ in zip_longest(keys, sentences)]
        network, device = self._network, self.device
        lengths = torch.tensor([len(ids) for ids in sentences], device=device)
        longest = max(map(len, sentences))
        ids = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in sentences], device=device)
        x, means, scales, mask = network.text_encoder(ids, lengths, lang_emb=None)
        if self._stochastic:
            logs = _log_durations(network.duration_predictor, x, mask, self._rhythm_noise(keys, lengths.tolist()))
        else:
            logs = network.duration_predictor(x, mask, g=None, lang_emb=None)
        pace = self._length_scale / torch.tensor(speeds, device=device)
        durations = torch.ceil(torch.exp(logs) * mask * pace[:, None, None])[:, 0].long()
        latents = []
        for number in range(len(sentences)):
            mean = means[number].T.repeat_interleave(durations[number], dim=0)
            scale = scales[number].T.repeat_interleave(durations[number], dim=0)
            if not len(mean):  # nothing to speak: a frame of silence
                mean, scale = means.new_zeros(1, means.shape[1]), means.new_zeros(1, means.shape[1])
            noise = torch.from_numpy(keys[number].normal(NoiseStage.SOUND, mean.shape)).to(device)
            prior = mean + noise * torch.exp(scale) * self.noise.sound
            latents.append(self._latent(prior))
            if any(with_ends[number : number + 1]):
                latents[-1].ends = _ends(durations[number, : len(sentences[number])], latents[-1].frames)
        return latents

    def refine(self, blocks: Sequence[tuple[VitsLatent, int, int]]) -> None:
        """Passes frames ``start`` to ``stop`` of each latent through the flow."""
        if self._resampled:
            return
        context = self.flow_context
        clips = [latent.prior[max(0, start - context) : stop + context] for latent, start, stop in blocks]
        lengths = [len(clip) for clip in clips]
        padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True).transpose(1, 2)
        mask = torch.arange(max(lengths), device=self.device)[None] < torch.tensor(lengths, device=self.device)[:, None]
        refined = self._network.flow(padded, mask[:, None].to(padded.dtype), g=None, reverse=True).transpose(1, 2)
        for number, (latent, start, stop) in enumerate(blocks):
            skipped = start - max(0, start - context)
            latent.refined[start:stop] = refined[number, skipped : skipped + stop - start]

    def decode(self, windows: Sequence[tuple[VitsLatent, int, int]]) -> Tensor:
        """Returns the waveforms of refined frames ``start`` to ``stop`` of each latent, on the device.

        The result has the shape (windows, samples). All windows must have the same ``window_shape``.
        """
        _, left, right = self.window_shape(*windows[0])
        return self.decoder(self.decoder_input(windows), left, right)

    def decoder_input(self, windows: Sequence[tuple[VitsLatent, int, int]]) -> Tensor:
        """Returns the frames of windows of one shape, with their context: shape (windows, time, channels)."""
        _, left, right = self.window_shape(*windows[0])
        return torch.stack([latent.refined[start - left : stop + right] for latent, start, stop in windows])

    def window_shape(self, latent: VitsLatent, start: int, stop: int) -> tuple[int, int, int]:
        """Returns the frames of a window and of its context on either side; the windows of one batch have the same."""
        return window_shape(latent.frames, self.decoder.context, start, stop)

    def _rhythm_noise(self, keys: Sequence[NoiseKey], lengths: Sequence[int]) -> Tensor:
        """Returns the noise of sentences' durations, shape (sentences, 2, ids); zero after a sentence's end."""
        noise = torch.zeros(len(keys), max(lengths), 2)
        for row, key, length in zip(noise, keys, lengths, strict=True):
            row[:length] = torch.from_numpy(key.normal(NoiseStage.RHYTHM, (length, 2)))
        return noise.transpose(1, 2).to(self.device) * self.noise.rhythm

    def _latent(self, prior: Tensor) -> VitsLatent:
        if not self._resampled:
            return VitsLatent(self, prior, torch.empty_like(prior))
        batch = prior.T[None]
        refined = self._network.flow(batch, torch.ones_like(batch[:, :1]), g=None, reverse=True)
        refined = self._network.upsampling_z(refined)[0].reshape(refined.shape[1], -1).T.contiguous()
        return VitsLatent(self, refined, refined)


def _log_durations(predictor: Any, x: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
    """Returns the logarithms of the durations of ids, in frames: shape (sentences, 1, ids).

    ``predictor`` is Coqui's StochasticDurationPredictor, whose own call draws noise from one generator for all;
    ``x`` are the encoded ids, shape (sentences, channels, ids). Its flows run backwards from ``noise``, without the
    second one, which has no effect on durations.
    """
    condition = predictor.proj(predictor.convs(predictor.pre(x), mask)) * mask
    affine, _, *rest = predictor.flows
    z = noise
    for flow in (*reversed(rest), affine):
        z = flow(z.flip(1), mask, g=condition, reverse=True)
    return z[:, :1]


def _ends(durations: Tensor, frames: int) -> list[int]:
    """Returns the frame at which each id ends in a latent of ``frames``, from each id's frames before any
    interpolation."""
    ends = durations.cumsum(0)
    total = max(1, int(ends[-1]))
    return [round(int(end) * frames / total) for end in ends.tolist()]


def fold_weight_norm(network: torch.nn.Module) -> None:
    """Multiplies the weight norms out once, instead of at every call. The results are bit-identical."""
    from torch.nn.utils import parametrize

    for module in list(network.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
