"""Runs HiFi-GAN, a VITS voice's decoder, on windows of its input: exact at their edges, channels last in memory.

It has the weights and computes the sums of Coqui's HifiganGenerator, from which it is made. It is faster on the CPU for
two reasons. The channels are contiguous, so convolutions reach 90 % of the processor's peak (60 % otherwise, measured
on AVX2). And oneDNN, which recompiles a convolution for each length of its input, gets few lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from server.engine import layers

if TYPE_CHECKING:
    from torch.nn import Conv1d, ConvTranspose1d
    from TTS.vocoder.models.hifigan_generator import HifiganGenerator

SLOPE = 0.1
"""The slope of the leaky rectifiers; the last one has the standard .01 (Kong et al., HiFi-GAN, NeurIPS 2020, and
Coqui)."""
LAST_SLOPE = 0.01
WIDE = 96
"""The number of channels from which a convolution is computed as matrix products on the CPU. From there on they are as
fast as oneDNN, and equally fast for any length; oneDNN is 10 % faster with 64 channels and 25 % with 32."""
LENGTH_MULTIPLE = 8
"""Frames. On the CPU the last window of a sentence is padded to a multiple of this. It can have any length, and each
new length costs 40 ms of compiling, half the time of a window; oneDNN caches only the last 1,024 that it compiled."""


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution on tensors of shape (batch, time, channels)."""

    weight: Tensor
    bias: Tensor
    padding: int
    dilation: int
    products: layers.Products | None
    """The same convolution as matrix products, if these are as fast."""

    @classmethod
    def of(cls, layer: Conv1d, dtype: torch.dtype) -> _Convolution:
        products = layers.products_of(layer) if _multiplies(layer, dtype) and layer.in_channels >= WIDE else None
        padding, dilation = int(layer.padding[0]), int(layer.dilation[0])
        return cls(_channels_last(layer.weight, dtype), layers.bias_of(layer).to(dtype), padding, dilation, products)

    def __call__(self, x: Tensor) -> Tensor:
        if self.products is not None:
            return self.products(x, self.padding, self.padding)
        return _from_image(
            functional.conv2d(_image(x), self.weight, self.bias, 1, (0, self.padding), (1, self.dilation))
        )


@dataclass(frozen=True, slots=True)
class _Upsampling:
    """A transposed convolution and the blocks that follow it at its rate; the result is the mean of the blocks."""

    weight: Tensor
    bias: Tensor
    padding: int
    factor: int
    products: layers.Products | None
    """The same convolution as matrix products, if these are faster: each row gives ``factor`` samples."""
    blocks: tuple[tuple[tuple[_Convolution, ...], ...], ...]
    """The convolutions of each residual layer of each block."""
    reach: int
    """The context on each side of a window, in samples at the output's rate, that its output needs."""
    multiple: int
    """A sentence's last window is padded to a multiple of this many samples."""
    context: int
    """The context on each side of a window, in samples of the input, that its output needs."""

    @classmethod
    def of(
        cls, up: ConvTranspose1d, blocks: Sequence[torch.nn.Module], rate: int, after: int, dtype: torch.dtype
    ) -> _Upsampling:
        """``rate`` is the rate of its output, in samples a frame; ``after`` is how many samples on each side the later
        layers need."""
        factor, padding = int(up.stride[0]), int(up.padding[0])
        if int(up.kernel_size[0]) - 2 * padding != factor:
            raise ValueError("the decoder has an upsampling that does not just multiply the length")
        layers_of_blocks = tuple(_residual_layers(block, dtype) for block in blocks)
        convolutions = [[convolution for layer in block for convolution in layer] for block in layers_of_blocks]
        reach = after + max(sum(convolution.padding for convolution in block) for block in convolutions)
        compiled = any(convolution.products is None for block in convolutions for convolution in block)
        multiple = LENGTH_MULTIPLE * rate if compiled and up.weight.device.type == "cpu" else 1
        bias, products = layers.bias_of(up).to(dtype), None
        if _multiplies(up, dtype):
            places = functional.pad(up.weight.detach(), (0, -up.weight.shape[2] % factor)).unflatten(2, (-1, factor))
            products = layers.Products.of(places.flip(2).permute(2, 0, 3, 1).flatten(2), bias.repeat(factor))
        # A sample of the output depends on the inputs whose kernels cover it.
        context = (reach + int(up.kernel_size[0]) - 1 - padding) // factor
        return cls(
            _channels_last(up.weight, dtype),
            bias,
            padding,
            factor,
            products,
            layers_of_blocks,
            reach,
            multiple,
            context,
        )

    def __call__(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Returns samples ``start`` to ``stop`` of its output; samples beyond its end may have any value."""
        if self.products is None:
            shape = (1, self.factor), (0, self.padding)
            y = _from_image(functional.conv_transpose2d(_image(x), self.weight, self.bias, *shape))[:, start:stop]
            return functional.pad(y, (0, 0, 0, stop - start - y.shape[1])).contiguous()
        start, stop = start + self.padding, stop + self.padding
        y = self.products(x, len(self.products.kernel) - 1, max(0, -(-stop // self.factor) - x.shape[1]))
        return y.unflatten(2, (self.factor, -1)).flatten(1, 2)[:, start:stop].contiguous()


class Decoder:
    """Turns windows of frames into waveforms. It has no state, so any number of threads may use it."""

    def __init__(self, generator: HifiganGenerator, dtype: torch.dtype = torch.float32) -> None:
        """``generator``'s weight norms must be folded in. Raises ValueError if it has unknown layers."""
        if generator.cond_in_each_up_layer or hasattr(generator, "lin_pre"):
            raise ValueError("the decoder has conditioning layers that can't be used")
        self.dtype = dtype
        self._first = _Convolution.of(generator.conv_pre, dtype)
        self._last = _Convolution.of(generator.conv_post, dtype)
        self._narrow = _multiplies(generator.conv_post, dtype)
        self._stages: list[_Upsampling] = []
        self.samples_per_frame = rate = math.prod(int(up.stride[0]) for up in generator.ups)
        reach, blocks = self._last.padding, len(generator.resblocks) // len(generator.ups)
        for number in reversed(range(len(generator.ups))):
            up: ConvTranspose1d = generator.ups[number]
            own = generator.resblocks[number * blocks : (number + 1) * blocks]
            stage = _Upsampling.of(up, own, rate, reach, dtype)
            self._stages.insert(0, stage)
            reach, rate = stage.context, rate // stage.factor
        self.context = reach + self._first.padding
        """The context in frames that each side of a window must have, unless the sentence ends there."""

    def __call__(self, frames: Tensor, left: int, right: int) -> Tensor:
        """Returns the waveform of ``frames`` without their context: shape (batch, samples), float32, within -1 to 1.

        ``frames`` has the shape (batch, time, channels); ``left`` and ``right`` frames at its ends are context. The
        context must be ``context`` frames, or fewer where the sentence begins or ends: the padding there is the
        sentence's own.
        """
        x = functional.leaky_relu_(self._first(frames.to(self.dtype)), SLOPE)
        length = x.shape[1]  # without padding
        for stage in self._stages:
            left, right, length = left * stage.factor, right * stage.factor, length * stage.factor
            # Context that no later stage needs is cut off.
            start, stop = max(0, left - stage.reach), length - max(0, right - stage.reach)
            padding = (start - stop) % stage.multiple if right < stage.reach else 0
            left, right, length = left - start, right - length + stop, stop - start
            x = _mean_of_blocks(stage(x, start, stop + padding), length, stage.blocks)
            slope = LAST_SLOPE if stage is self._stages[-1] else SLOPE
            x = _zero_after(functional.leaky_relu_(x, slope), length)
        x = _to_one_channel(x, self._last) if self._narrow else self._last(x)[..., 0]
        return x[:, left : length - right].tanh().float()


def _mean_of_blocks(x: Tensor, length: int, blocks: Sequence[Sequence[Sequence[_Convolution]]]) -> Tensor:
    bent = _zero_after(functional.leaky_relu(x, SLOPE), length)  # the same for the first layer of every block
    total: Tensor | None = None
    for block in blocks:
        y = x
        for number, layer in enumerate(block):
            z = layer[0](_zero_after(functional.leaky_relu(y, SLOPE), length) if number else bent)
            for convolution in layer[1:]:
                z = convolution(_zero_after(functional.leaky_relu_(z, SLOPE), length))
            z += y
            y = z
        total = y if total is None else total.add_(y)
    if total is None:
        raise ValueError("a decoder has residual blocks")
    return total.mul_(1.0 / len(blocks))


def _zero_after(x: Tensor, length: int) -> Tensor:
    """Sets ``x`` to zero after its ``length``, like a convolution's padding; in place."""
    if x.shape[1] > length:
        x[:, length:].zero_()
    return x


def _to_one_channel(x: Tensor, convolution: _Convolution) -> Tensor:
    """Applies a convolution with one output channel: all products, then their sums along the diagonals. It takes a
    third of oneDNN's time."""
    products = convolution.weight[0, :, 0].T @ x.transpose(1, 2)
    padded = functional.pad(products, (convolution.padding, convolution.padding))
    shifted = [row[:, shift * convolution.dilation :][:, : x.shape[1]] for shift, row in enumerate(padded.unbind(1))]
    return torch.stack(shifted).sum(0) + convolution.bias


def _residual_layers(block: torch.nn.Module, dtype: torch.dtype) -> tuple[tuple[_Convolution, ...], ...]:
    """Returns the convolutions of each residual layer: ResBlock1 has two per layer, ResBlock2 one."""
    if hasattr(block, "convs1"):
        pairs = zip(block.convs1, block.convs2, strict=True)
        return tuple((_Convolution.of(first, dtype), _Convolution.of(second, dtype)) for first, second in pairs)
    return tuple((_Convolution.of(layer, dtype),) for layer in block.convs)


def _multiplies(layer: torch.nn.Module, dtype: torch.dtype) -> bool:
    """Whether matrix products may replace a convolution. Sums in a shorter format would lose too much precision."""
    return layer.weight.device.type == "cpu" and dtype is torch.float32


def _channels_last(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.detach().to(dtype).unsqueeze(2).contiguous(memory_format=torch.channels_last)


def _image(x: Tensor) -> Tensor:
    """Returns (batch, time, channels) as an image of one row, with the channels last in memory as they are."""
    return x.transpose(1, 2).unsqueeze(2)


def _from_image(x: Tensor) -> Tensor:
    return x.squeeze(2).transpose(1, 2)
