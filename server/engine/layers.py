"""Faster layers of a VITS network for the CPU: the same weights and sums, as products of large matrices.

Coqui keeps time last in memory. With the channels last, a convolution is a few products of matrices that need no
rearranging. Measured on AVX2, one core, a sentence of 5 s: the flow takes .78, the text encoder .68, the duration
predictor .76 of the time. Each layer has the inputs and outputs of the one that it replaces: shape (batch, channels,
time).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from TTS.tts.layers.generic.wavenet import WN
    from TTS.tts.layers.glow_tts.transformer import FeedForwardNetwork, RelativePositionMultiHeadAttention
    from TTS.tts.layers.vits.stochastic_duration_predictor import DilatedDepthSeparableConv
    from TTS.tts.models.vits import Vits


PAIRED = 128
"""The number of samples from which a convolution computes two at once."""


def install(network: Vits) -> None:
    """Replaces the layers of the network's encoder, duration predictor and flow that have a faster version here.

    The network's weight norms must be folded.
    """
    for module in (network.text_encoder, network.duration_predictor, network.flow):
        _replace_in(module)


def _replace_in(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        replacement = _replacement(child)
        if replacement is None:
            _replace_in(child)
        else:
            setattr(module, name, replacement)


def _replacement(layer: Any) -> nn.Module | None:
    from TTS.tts.layers.generic.wavenet import WN
    from TTS.tts.layers.glow_tts.transformer import FeedForwardNetwork, RelativePositionMultiHeadAttention
    from TTS.tts.layers.vits.stochastic_duration_predictor import DilatedDepthSeparableConv

    if isinstance(layer, WN):
        plain = not hasattr(layer, "cond_layer") and all(inner.dilation == (1,) for inner in layer.in_layers)
        return WaveNet(layer) if plain else None
    if isinstance(layer, FeedForwardNetwork):
        return FeedForward(layer) if layer.padding == layer._same_padding else None
    if isinstance(layer, RelativePositionMultiHeadAttention):
        replaceable = layer.rel_attn_window_size is not None and layer.input_length is None and not layer.proximal_bias
        return Attention(layer) if replaceable else None
    if isinstance(layer, DilatedDepthSeparableConv):
        return DepthSeparable(layer)
    if isinstance(layer, nn.Conv1d):
        return Pointwise(layer) if layer.kernel_size == (1,) and layer.groups == 1 else None
    return None


class Pointwise(nn.Module):  # type: ignore[misc]
    """A convolution with a kernel of one frame."""

    def __init__(self, layer: nn.Conv1d) -> None:
        super().__init__()
        self._weight = layer.weight.detach()[:, :, 0].contiguous()
        self._bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.transpose(1, 2), self._weight, self._bias).transpose(1, 2)


class FeedForward(nn.Module):  # type: ignore[misc]
    """The two convolutions after each attention layer of the text encoder."""

    def __init__(self, layer: FeedForwardNetwork) -> None:
        super().__init__()
        left = (layer.kernel_size - 1) // 2
        self._padding = (left, layer.kernel_size - 1 - left)
        self._first, self._second = products_of(layer.conv_1), products_of(layer.conv_2)

    def forward(self, x: Tensor, x_mask: Tensor) -> Tensor:
        mask = x_mask.transpose(1, 2)
        y = self._first(x.transpose(1, 2) * mask, *self._padding)
        y = self._second(y.relu_().mul_(mask), *self._padding)
        return y.mul_(mask).transpose(1, 2)


class Attention(nn.Module):  # type: ignore[misc]
    """The text encoder's self-attention, in which nearby symbols have their own weights.

    Coqui multiplies by a weight for every distance, nearly all of them zero, which takes a quarter of the text
    encoder's time. Here only the weights of nearby symbols are added, to a diagonal band of the scores; columns beyond
    both ends give the band the same length in every row.
    """

    def __init__(self, layer: RelativePositionMultiHeadAttention) -> None:
        super().__init__()
        scale = layer.k_channels**-0.5
        projections = ((layer.conv_q, scale), (layer.conv_k, 1.0), (layer.conv_v, 1.0))
        self._weight = torch.cat([conv.weight.detach()[:, :, 0] * factor for conv, factor in projections])
        self._bias = torch.cat([bias_of(conv) * factor for conv, factor in projections])
        self._out = Pointwise(layer.conv_o)
        self._heads = int(layer.num_heads)
        self._window = int(layer.rel_attn_window_size)
        self._near_keys = layer.emb_rel_k.detach().transpose(1, 2).contiguous()
        self._near_values = layer.emb_rel_v.detach().clone()

    def forward(self, x: Tensor, c: Tensor, attn_mask: Tensor) -> Tensor:
        """``c`` is ``x`` for an encoder."""
        batch, _, time = x.shape
        window, columns = self._window, time + 2 * self._window
        projected = functional.linear(x.transpose(1, 2), self._weight, self._bias)
        queries, keys, values = projected.view(batch, time, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        beyond = (0, 0, window, window)
        scores = queries @ functional.pad(keys, beyond).transpose(2, 3)
        strides = (self._heads * time * columns, time * columns, columns + 1, 1)
        band = (batch, self._heads, time, 2 * window + 1), strides
        scores.as_strided(*band).add_(queries @ self._near_keys)
        scores[..., :window] = scores[..., -window:] = -torch.inf
        if batch > 1:  # a single sentence is not padded
            scores[..., window:-window].masked_fill_(attn_mask == 0, -1e4)
        weights = scores.softmax(-1)
        attended = weights @ functional.pad(values, beyond)
        attended += weights.as_strided(*band) @ self._near_values
        return self._out(attended.transpose(1, 2).flatten(2).transpose(1, 2))


class DepthSeparable(nn.Module):  # type: ignore[misc]
    """The duration predictor's depthwise convolutions, which oneDNN computes as slowly as wide ones."""

    def __init__(self, layer: DilatedDepthSeparableConv) -> None:
        super().__init__()
        self._separate = [(conv.weight.detach()[:, 0].T.contiguous(), conv) for conv in layer.convs_sep]
        self._joint = nn.ModuleList(Pointwise(conv) for conv in layer.convs_1x1)
        self._norms = list(zip(layer.norms_1, layer.norms_2, strict=True))

    def forward(self, x: Tensor, x_mask: Tensor, g: Tensor | None = None) -> Tensor:
        x = x if g is None else x + g
        for (places, conv), joint, (before, after) in zip(self._separate, self._joint, self._norms, strict=True):
            y = functional.gelu(before(self._convolve((x * x_mask).transpose(1, 2), places, conv)))
            x = x + functional.gelu(after(joint(y)))
        return x * x_mask

    def _convolve(self, x: Tensor, places: Tensor, conv: nn.Conv1d) -> Tensor:
        time, dilation = x.shape[1], int(conv.dilation[0])
        padded = _padded(x, int(conv.padding[0]), int(conv.padding[0]))
        y = bias_of(conv).expand(x.shape).clone()
        for number, place in enumerate(places):
            y.addcmul_(padded[:, number * dilation :][:, :time], place)
        return y.transpose(1, 2)


class WaveNet(nn.Module):  # type: ignore[misc]
    """The gated convolutions of a coupling layer in the flow."""

    def __init__(self, layer: WN) -> None:
        super().__init__()
        self.in_layers = layer.in_layers  # VitsModel reads their padding
        self._hidden = int(layer.hidden_channels)
        self._padding = (int(layer.in_layers[0].padding[0]),) * 2
        self._gates = [self._gate(inner) for inner in layer.in_layers]
        self._outs = [products_of(outer) for outer in layer.res_skip_layers]

    def forward(self, x: Tensor, x_mask: Tensor, g: None = None) -> Tensor:
        hidden, mask = x.transpose(1, 2), x_mask.transpose(1, 2)
        skipped: Tensor | None = None
        for gate, out in zip(self._gates, self._outs, strict=True):
            gates = gate(hidden, *self._padding).sigmoid_()
            gated = gates[..., : self._hidden].mul_(2.0).sub_(1.0).mul_(gates[..., self._hidden :])
            y = out(gated)
            if y.shape[-1] > self._hidden:
                hidden = y[..., : self._hidden].add_(hidden).mul_(mask)
                y = y[..., self._hidden :]
            skipped = y if skipped is None else skipped + y
        if skipped is None:
            raise ValueError("a coupling layer has layers")
        return (skipped * mask).transpose(1, 2)

    def _gate(self, inner: nn.Conv1d) -> Products:
        """Returns the products of a gate with the tanh's weights doubled: tanh(x) is 2 sigmoid(2x) - 1, which takes a
        third of the time."""
        kernel, bias = inner.weight.detach().permute(2, 1, 0).clone(), bias_of(inner)
        kernel[..., : self._hidden] *= 2.0
        bias[: self._hidden] *= 2.0
        return Products.of(kernel, bias)


@dataclass(frozen=True, slots=True)
class Products:
    """A convolution as matrix products, one for each position of its kernel, at 93 % of the processor's peak.

    Where neighbours in the input meet neighbours in the kernel, two samples are computed at once with three products
    instead of four (Karatsuba; for filters: Parker & Parhi, fast FIR algorithms, 1997). Let y0 and y1 be the samples,
    e, o and E the inputs at even, odd and the next even positions, g and h the even and odd positions of the kernel.
    The common part of y0 = eg + oh and y1 = og + Eh is c = o(g + h), so y0 = c + (e - o)g and y1 = c + (E - o)h.
    Measured: 8 to 16 % less time, with an error that is 1.3 times that of the plain sum. Few samples gain nothing,
    since there are more matrices to read.
    """

    kernel: tuple[Tensor, ...]
    """A matrix of (channels in, channels out) for each position of the kernel."""
    sums: tuple[Tensor, ...]
    """The sum of each even position and the odd one after it."""
    bias: Tensor
    dilation: int

    @classmethod
    def of(cls, kernel: Tensor, bias: Tensor, dilation: int = 1) -> Products:
        """``kernel`` has the shape (positions, channels in, channels out)."""
        places = tuple(place.contiguous() for place in kernel)
        odd = places[1::2]
        sums = tuple(even + odd[number] if number < len(odd) else even for number, even in enumerate(places[::2]))
        return cls(places, sums, bias, dilation)

    def __call__(self, x: Tensor, before: int = 0, after: int = 0) -> Tensor:
        """Convolves ``x``, shape (batch, time, channels), padded with ``before`` and ``after`` zeros."""
        time = x.shape[1] + before + after - (len(self.kernel) - 1) * self.dilation
        if len(self.kernel) == 1 or self.dilation > 1 or time < PAIRED:
            results = [self._plain(rows, time) for rows in _padded(x, before, after)]
        else:
            results = [self._pairs(rows, -(-time // 2))[:time] for rows in _padded(x, before, after + time % 2)]
        return torch.stack(results) if len(results) > 1 else results[0][None]

    def _plain(self, rows: Tensor, time: int) -> Tensor:
        inputs = [rows[shift : shift + time] for shift in range(0, len(self.kernel) * self.dilation, self.dilation)]
        return _add_products(torch.addmm(self.bias, inputs[0], self.kernel[0]), inputs[1:], self.kernel[1:])

    def _pairs(self, rows: Tensor, pairs: int) -> Tensor:
        even, odd = self.kernel[::2], self.kernel[1::2]
        e, o = rows[::2], rows[1::2]
        common = _add_products(self.bias.expand(pairs, -1).clone(), _shifted(o, pairs, len(even)), self.sums)
        paired = common.unsqueeze(1).repeat(1, 2, 1)
        _add_products(paired[:, 0], _shifted(e[: len(o)] - o, pairs, len(even)), even)
        _add_products(paired[:, 1], _shifted(e[1:] - o[: len(e) - 1], pairs, len(odd)), odd)
        return paired.flatten(0, 1)


def _shifted(rows: Tensor, length: int, count: int) -> list[Tensor]:
    return [rows[shift : shift + length] for shift in range(count)]


def _add_products(total: Tensor, inputs: Sequence[Tensor], matrices: Sequence[Tensor]) -> Tensor:
    for rows, matrix in zip(inputs, matrices, strict=True):
        total.addmm_(rows, matrix)
    return total


def _padded(x: Tensor, before: int, after: int) -> Tensor:
    return functional.pad(x, (0, 0, before, after)) if before or after else x


def products_of(layer: nn.Conv1d) -> Products:
    """Returns a convolution as products. The layer's padding is not included: it is an argument of each call."""
    return Products.of(layer.weight.detach().permute(2, 1, 0), bias_of(layer), int(layer.dilation[0]))


def bias_of(layer: nn.Conv1d | nn.ConvTranspose1d) -> Tensor:
    """Returns the layer's bias, or zeros if it has none."""
    return layer.weight.new_zeros(layer.out_channels) if layer.bias is None else layer.bias.detach().clone()
