"""The network of guided-diffusion and improved-diffusion against a plain evaluation of the state dict."""

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from dreamclean_adm.prior import ADM
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean.testing import loaded

NAMES = ("guided", "guided, new order", "guided, half width", "improved", "improved, no scale")
State = dict[str, Tensor]


class Walk:
    """The published forward pass, by the names of the tensors (float32, size 3 x H x W)."""

    def __init__(self, state: State, blocks: int, heads: Callable[[int], int], order: str) -> None:
        self.state, self.blocks, self.heads, self.order = state, blocks, heads, order

    def has(self, name: str) -> bool:
        return any(key.startswith(f"{name}.") for key in self.state)

    def pair(self, name: str) -> tuple[Tensor, Tensor]:
        return self.state[f"{name}.weight"], self.state[f"{name}.bias"]

    def norm(self, name: str, x: Tensor) -> Tensor:
        return F.group_norm(x, 32, *self.pair(name), 1e-5)

    def conv(self, name: str, x: Tensor, **options: int) -> Tensor:
        return F.conv2d(x, *self.pair(name), **options)

    def res(self, name: str, x: Tensor, emb: Tensor, change: str = "") -> Tensor:
        h = F.silu(self.norm(f"{name}.in_layers.0", x))
        if change == "down":
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        if change == "up":
            h, x = (z.repeat_interleave(2, -1).repeat_interleave(2, -2) for z in (h, x))
        h = self.conv(f"{name}.in_layers.2", h, padding=1)
        added = F.linear(F.silu(emb), *self.pair(f"{name}.emb_layers.1"))[:, :, None, None]
        if added.shape[1] == h.shape[1]:
            h = self.norm(f"{name}.out_layers.0", h + added)
        else:
            half = h.shape[1]
            h = self.norm(f"{name}.out_layers.0", h) * (1 + added[:, :half]) + added[:, half:]
        h = self.conv(f"{name}.out_layers.3", F.silu(h), padding=1)
        return h + (self.conv(f"{name}.skip_connection", x) if self.has(f"{name}.skip_connection") else x)

    def attention(self, name: str, x: Tensor) -> Tensor:
        b, c, height, width = x.shape
        qkv = F.conv1d(self.norm(f"{name}.norm", x).reshape(b, c, -1), *self.pair(f"{name}.qkv"))
        ch = c // self.heads(c)
        results = []
        for head in range(self.heads(c)):
            starts = [(3 * head + k) * ch if self.order == "legacy" else k * c + head * ch for k in range(3)]
            q, k, v = (qkv[:, start : start + ch] for start in starts)
            weight = torch.softmax(torch.einsum("bct,bcs->bts", q, k) / math.sqrt(ch), dim=-1)
            results.append(torch.einsum("bts,bcs->bct", weight, v))
        h = F.conv1d(torch.cat(results, dim=1), *self.pair(f"{name}.proj_out"))
        return x + h.reshape(b, c, height, width)

    def module(self, name: str, x: Tensor, emb: Tensor, change: str) -> Tensor:
        if f"{name}.in_layers.2.weight" in self.state:
            return self.res(name, x, emb, change)
        if f"{name}.qkv.weight" in self.state:
            return self.attention(name, x)
        if f"{name}.op.weight" in self.state:
            return self.conv(f"{name}.op", x, stride=2, padding=1)
        if f"{name}.conv.weight" in self.state:
            return self.conv(f"{name}.conv", x.repeat_interleave(2, -1).repeat_interleave(2, -2), padding=1)
        return self.conv(name, x, padding=1)

    def stage(self, name: str, x: Tensor, emb: Tensor, change: str = "") -> Tensor:
        index = 0
        while self.has(f"{name}.{index}"):
            is_up = change == "up" and index > 0
            x = self.module(f"{name}.{index}", x, emb, change if change != "up" or is_up else "")
            index += 1
        return x

    def __call__(self, x: Tensor, t: float, label: int | None) -> Tensor:
        width = self.state["time_embed.0.weight"].shape[1]
        powers = -math.log(10000) * torch.arange(width // 2, dtype=torch.float32) / (width // 2)
        angles = t * powers.exp()
        emb = F.linear(torch.cat([angles.cos(), angles.sin()])[None], *self.pair("time_embed.0"))
        emb = F.linear(F.silu(emb), *self.pair("time_embed.2"))
        if label is not None:
            emb = emb + self.state["label_emb.weight"][label]
        made, index = [], 0
        while self.has(f"input_blocks.{index}"):
            down = index and index % (self.blocks + 1) == 0
            x = self.stage(f"input_blocks.{index}", x, emb, "down" if down else "")
            made.append(x)
            index += 1
        x = self.stage("middle_block", x, emb)
        for number in range(index):
            x = self.stage(f"output_blocks.{number}", torch.cat([x, made.pop()], 1), emb, "up")
        return self.conv("out.2", F.silu(self.norm("out.0", x)), padding=1)


def walk(models, name):
    settings = models.settings(name)
    heads, head_width = settings.get("heads"), settings.get("head_width")
    blocks = models.flags(name)["num_res_blocks"]
    order = settings.get("attention_order", "legacy")
    return Walk(models.state(name), blocks, lambda channels: heads or channels // head_width, order)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
@pytest.mark.parametrize("name", NAMES)
def test_openai_predicts_the_noise_of_the_published_network(models, name, share):
    settings = models.settings(name)
    prior, x = loaded(ADM(path=str(models.path(name)), **settings)), noise(2, 3, 32, 24)
    level = prior.schedule.at(round(share * prior.schedule.highest))
    told = level.t / 4 if name == "improved" else level.t
    expected = walk(models, name)(x, told, settings.get("label"))
    assert expected.shape == (2, 6, 32, 24)
    assert expected[:, :3].std() > 0.3
    torch.testing.assert_close(prior.predict(x, level), expected[:, :3], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("guided", {"head_width": 32}),
        ("guided", {"attention_order": "new"}),
        ("guided, new order", {"label": 4}),
        ("improved", {"heads": 2}),
        ("improved", {"rescale_timesteps": False}),
    ],
)
def test_openai_depends_on_every_setting(models, name, other):
    """The comparison above would see each of them."""
    settings, x = models.settings(name), noise(1, 3, 32, 32)
    one, two = (loaded(ADM(path=str(models.path(name)), **settings | more)) for more in ({}, other))
    level = one.schedule.at(500)
    assert (one.predict(x, level) - two.predict(x, level)).abs().max() > 1e-3


def test_openai_without_a_label_takes_the_mean_of_the_classes(models):
    settings = {**models.settings("guided, new order"), "label": None}
    prior, x = loaded(ADM(path=str(models.path("guided, new order")), **settings)), noise(1, 3, 32, 32)
    reference = walk(models, "guided, new order")
    rows = reference.state["label_emb.weight"]
    reference.state["label_emb.weight"] = rows.mean(0, keepdim=True)
    expected = reference(x, 500, 0)[:, :3]
    torch.testing.assert_close(prior.predict(x, prior.schedule.at(500)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "label", "said"),
    [("guided, new order", 5, "has the classes 0 to 4"), ("guided", 0, "has no classes; leave label out")],
)
def test_openai_refuses_a_class_that_is_not_there(models, name, label, said):
    with pytest.raises(DreamCleanError, match=said):
        loaded(ADM(path=str(models.path(name)), **{**models.settings(name), "label": label}))
