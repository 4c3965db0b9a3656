"""DDPM's network against a plain evaluation of the state dict."""

import math

import pytest
import torch
import torch.nn.functional as F
from dreamclean_adm.prior import ADM
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.testing import loaded

State = dict[str, Tensor]


class Walk:
    """The published forward pass, by the names of the tensors (float32)."""

    def __init__(self, state: State) -> None:
        self.state = state

    def pair(self, name: str) -> tuple[Tensor, Tensor]:
        return self.state[f"{name}.weight"], self.state[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        return F.group_norm(x, 32, *self.pair(name), 1e-6)

    def conv(self, name: str, x: Tensor, **options: int) -> Tensor:
        return F.conv2d(x, *self.pair(name), **options)

    def res(self, name: str, x: Tensor, temb: Tensor) -> Tensor:
        h = self.conv(f"{name}.conv1", F.silu(self.norm(f"{name}.norm1", x)), padding=1)
        h = h + F.linear(F.silu(temb), *self.pair(f"{name}.temb_proj"))[:, :, None, None]
        h = self.conv(f"{name}.conv2", F.silu(self.norm(f"{name}.norm2", h)), padding=1)
        return h + (self.conv(f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in self.state else x)

    def attention(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.q.weight" not in self.state:
            return x
        h = self.norm(f"{name}.norm", x)
        q, k, v = (self.conv(f"{name}.{part}", h).flatten(2) for part in "qkv")
        weight = torch.softmax(torch.einsum("bct,bcs->bts", q, k) * x.shape[1] ** -0.5, dim=-1)
        return x + self.conv(f"{name}.proj_out", torch.einsum("bts,bcs->bct", weight, v).reshape(x.shape))

    def __call__(self, x: Tensor, t: float) -> Tensor:
        half = self.state["temb.dense.0.weight"].shape[1] // 2
        angles = t * torch.exp(torch.arange(half, dtype=torch.float32) * -(math.log(10000) / (half - 1)))
        temb = F.linear(torch.cat([angles.sin(), angles.cos()])[None], *self.pair("temb.dense.0"))
        temb = F.linear(F.silu(temb), *self.pair("temb.dense.1"))
        levels = sum(key.endswith("block.0.conv1.weight") and key.startswith("down") for key in self.state)
        blocks = sum(key.startswith("down.0.block") and key.endswith("conv1.weight") for key in self.state)
        made = [self.conv("conv_in", x, padding=1)]
        for level in range(levels):
            for index in range(blocks):
                h = self.res(f"down.{level}.block.{index}", made[-1], temb)
                made.append(self.attention(f"down.{level}.attn.{index}", h))
            if level < levels - 1:
                padded = F.pad(made[-1], (0, 1, 0, 1))
                made.append(self.conv(f"down.{level}.downsample.conv", padded, stride=2))
        h = self.res("mid.block_1", made[-1], temb)
        h = self.res("mid.block_2", self.attention("mid.attn_1", h), temb)
        for level in reversed(range(levels)):
            for index in range(blocks + 1):
                h = self.res(f"up.{level}.block.{index}", torch.cat([h, made.pop()], 1), temb)
                h = self.attention(f"up.{level}.attn.{index}", h)
            if level:
                h = h.repeat_interleave(2, -1).repeat_interleave(2, -2)
                h = self.conv(f"up.{level}.upsample.conv", h, padding=1)
        return self.conv("conv_out", F.silu(self.norm("norm_out", h)), padding=1)


@pytest.mark.parametrize("t", [0, 300, 999])
def test_ddpm_predicts_the_noise_of_the_published_network(models, t):
    x = torch.randn(2, 3, 32, 24, generator=torch.Generator().manual_seed(3))
    prior = loaded(ADM(path=str(models.path("ddpm"))))
    expected = Walk(models.state("ddpm"))(x, t)
    assert expected.std() > 0.3
    torch.testing.assert_close(prior.predict(x, prior.schedule.at(t)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("settings", [{"heads": 2}, {"head_width": 32}, {"attention_order": "new"}])
def test_ddpm_refuses_settings_of_attention(models, settings):
    with pytest.raises(DreamCleanError, match="a DDPM network has one attention head"):
        loaded(ADM(path=str(models.path("ddpm")), **settings))
