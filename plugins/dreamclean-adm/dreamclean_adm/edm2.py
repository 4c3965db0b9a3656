"""EDM2's network (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models"), in evaluation.

Every layer keeps the expected magnitude of what goes through it. Equations and figures are those of that paper.
"""

import re
from collections.abc import Mapping
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear, scaled_dot_product_attention, silu

from dreamclean import DreamCleanError

Tensors = Mapping[str, Tensor]

PART = re.compile(r"unet\.(?P<side>enc|dec)\.(?P<size>\d+)x(?P=size)_(?P<kind>conv|down|up|in|block)(?P<number>\d*)\.")
"""How the tensors of a part of the encoder or the decoder are called."""
_EPS = 1e-4


def normalised(x: Tensor, dim: int = 1) -> Tensor:
    """x at a root mean square of 1 over ``dim`` (Eq. 30)."""
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True, dtype=torch.float32) / sqrt(x.shape[dim])
    return x / (norm + _EPS).to(x.dtype)


def activated(x: Tensor) -> Tensor:
    """SiLU that keeps the magnitude (Eq. 81)."""
    return silu(x) / 0.596


def blended(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The sum with ``share`` of b, at the magnitude of each (Eq. 88)."""
    return ((1 - share) * a + share * b) / sqrt((1 - share) ** 2 + share**2)


def joined(a: Tensor, b: Tensor) -> Tensor:
    """Channels of a and of b (B, C, h, w), both parts of one magnitude (Eq. 103)."""
    total = a.shape[1] + b.shape[1]
    return torch.cat([x * sqrt(total / (2 * x.shape[1])) for x in (a, b)], dim=1)


class Layer(nn.Module):
    """A convolution or a linear layer without bias, its weights (out, in, ...) at a norm of 1 (Eq. 47, 66)."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        rows = weight.float().flatten(1)
        norm = torch.linalg.vector_norm(rows, dim=1, keepdim=True) + _EPS * sqrt(rows.shape[1])
        self.weight = nn.Parameter((rows / norm).view_as(weight), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.ndim == 2:
            return linear(x, self.weight)
        return conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)


class Block(nn.Module):
    """A residual block of the encoder or the decoder (Figure 21)."""

    def __init__(self, tensors: Tensors, side: str, kind: str, head: int) -> None:
        """``tensors``: its own, by their names in it; ``head``: channels of an attention head."""
        super().__init__()
        self.encodes, self.kind = side == "enc", kind
        self.gain = float(tensors["emb_gain"])
        self.embedded = Layer(tensors["emb_linear.weight"])
        self.first, self.second = (Layer(tensors[f"conv_res{k}.weight"]) for k in (0, 1))
        self.skip = Layer(tensors["conv_skip.weight"]) if "conv_skip.weight" in tensors else nn.Identity()
        self.attention = Attention(tensors, head) if "attn_qkv.weight" in tensors else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (B, C, h, w) and embedding (B, E) to (B, C', h', w')."""
        if self.kind == "down":
            x = avg_pool2d(x, 2)
        elif self.kind == "up":
            x = interpolate(x, scale_factor=2.0, mode="nearest")
        if self.encodes:
            x = normalised(self.skip(x))
        told = 1 + self.gain * self.embedded(embedding)
        y = self.second(activated(self.first(activated(x)) * told[:, :, None, None].to(x.dtype)))
        x = blended(x if self.encodes else self.skip(x), y, 0.3)
        return self.attention(x).clip(-256, 256)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention by the cosine of queries and keys (Figure 21, section 2.2)."""

    def __init__(self, tensors: Tensors, head: int) -> None:
        super().__init__()
        self.qkv, self.projected = Layer(tensors["attn_qkv.weight"]), Layer(tensors["attn_proj.weight"])
        self.head = head
        if (channels := len(self.projected.weight)) % head:
            raise DreamCleanError(f"{channels} channels do not make heads of {head}; set head_width")

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, *_ = x.shape
        parts = self.qkv(x).reshape(batch, channels // self.head, self.head, 3, -1)
        q, k, v = (part.transpose(-2, -1) for part in normalised(parts, 2).unbind(3))
        y = scaled_dot_product_attention(q, k, v).transpose(-2, -1).reshape(x.shape)
        return blended(x, self.projected(y), 0.3)


class UNet(nn.Module):
    """The network F of EDM2's preconditioning, by the tensors of its file.

    Sizes, widths, blocks and attention follow from names and shapes. KeyError names a tensor that is missing.
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, tensors: Tensors, head: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", tensors["unet.emb_fourier.freqs"].float())
        self.register_buffer("phases", tensors["unet.emb_fourier.phases"].float())
        self.noise = Layer(tensors["unet.emb_noise.weight"])
        self.label = Layer(tensors["unet.emb_label.weight"]) if "unet.emb_label.weight" in tensors else None
        encoder, decoder = (_parts(tensors, side) for side in ("enc", "dec"))
        self.entry = Layer(tensors[f"{encoder[0][1]}weight"])
        self.size, self.multiple = int(encoder[0][2]), 2 ** sum(kind == "down" for kind, *_ in encoder)
        self.encoder = nn.ModuleList(Block(below(tensors, name), "enc", kind, head) for kind, name, _ in encoder[1:])
        self.decoder = nn.ModuleList(Block(below(tensors, name), "dec", kind, head) for kind, name, _ in decoder)
        self.exit, self.gain = Layer(tensors["unet.out_conv.weight"]), float(tensors["unet.out_gain"])

    @property
    def classes(self) -> int:
        """Number of classes; 0: it is told none."""
        return 0 if self.label is None else int(self.label.weight.shape[1])

    def cast(self, dtype: torch.dtype) -> "UNet":
        """The convolutions to ``dtype``; what is made of sigma and class stays in float32."""
        for module in self.modules():
            if isinstance(module, Layer) and module.weight.ndim == 4:
                module.to(dtype)
        return self

    def forward(self, x: Tensor, told: Tensor, label: Tensor | None) -> Tensor:
        """F (B, C, h, w) of x (B, C, h, w), told c_noise (B,) and classes (B, classes) in one-hot form; None: no class."""
        embedding = self.noise((told[:, None] * self.frequencies + self.phases).cos() * sqrt(2))
        if self.label is not None:
            class_ = torch.zeros_like(embedding) if label is None else self.label(label * sqrt(label.shape[1]))
            embedding = blended(embedding, class_, 0.5)
        embedding = activated(embedding)
        x = self.entry(torch.cat([x, torch.ones_like(x[:, :1])], dim=1))
        skips = [x]
        for block in self.encoder:
            x = block(x, embedding)
            skips.append(x)
        for block in self.decoder:
            x = block(joined(x, skips.pop()) if block.kind == "block" else x, embedding)
        return self.exit(x) * self.gain  # type: ignore[no-any-return]


def below(tensors: Tensors, prefix: str) -> Tensors:
    """The tensors whose names begin with ``prefix``, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _parts(tensors: Tensors, side: str) -> list[tuple[str, str, int]]:
    """Kind, prefix and side in pixels of the parts of the encoder or the decoder, in the order in which they are passed."""
    matches = [match for match in map(PART.match, tensors) if match and match["side"] == side]
    found = {(int(m["size"]), m["kind"] == "block", int(m["number"] or 0), m["kind"], m[0]) for m in matches}
    sign = -1 if side == "enc" else 1
    ordered = sorted(found, key=lambda part: (sign * part[0], *part[1:]))
    return [(kind, name, size) for size, _, _, kind, name in ordered]
