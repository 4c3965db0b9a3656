"""The network of FBCNN (Jiang, Zhang & Timofte, Towards Flexible Blind JPEG Artifacts Removal, ICCV 2021).

Four parts (section 3 of the paper): a decoupler takes the compressed picture to features, a predictor
reads the quality off them, a controller turns a quality into scales and shifts, and a reconstructor makes
the clean picture, modulated by these. Names and shapes are those of the published colour weights,
``fbcnn_color.pth``.
"""

import pickle
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dreamclean import DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory

WIDTHS = (64, 128, 256, 512)
"""Channels at full, half, quarter and eighth resolution."""
_BLOCKS = 4


class Block(nn.Module):
    """x + gamma conv(relu(conv(x))) + beta; a plain residual block without gamma and beta."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.res = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)
        )

    def forward(self, x: Tensor, gamma: Tensor | float = 1.0, beta: Tensor | float = 0.0) -> Tensor:
        result: Tensor = x + gamma * self.res(x) + beta
        return result


def _blocks(width: int) -> list[nn.Module]:
    return [Block(width) for _ in range(_BLOCKS)]


def _down(width: int, to: int) -> nn.Sequential:
    return nn.Sequential(*_blocks(width), nn.Conv2d(width, to, 2, stride=2))


def _up(width: int, to: int) -> nn.ModuleList:
    return nn.ModuleList([nn.ConvTranspose2d(width, to, 2, stride=2), *_blocks(to)])


class Network(nn.Module):
    """Compressed pictures (B, 3, H, W) in [0, 1] to clean ones and the coarseness read off them.

    Coarseness is 1 - quality / 100, shape (B, 1).
    """

    def __init__(self) -> None:
        super().__init__()
        w1, w2, w3, w4 = WIDTHS
        self.m_head = nn.Conv2d(3, w1, 3, padding=1)
        self.m_down1, self.m_down2, self.m_down3 = _down(w1, w2), _down(w2, w3), _down(w3, w4)
        self.m_body_encoder = nn.Sequential(*_blocks(w4))
        self.m_body_decoder = nn.Sequential(*_blocks(w4))
        self.m_up3, self.m_up2, self.m_up1 = _up(w4, w3), _up(w3, w2), _up(w2, w1)
        self.m_tail = nn.Conv2d(w1, 3, 3, padding=1)
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        hidden = [nn.Linear(w4, w4), nn.ReLU(), nn.Linear(w4, w4), nn.ReLU()]
        self.qf_pred = nn.Sequential(*_blocks(w4), *pooled, *hidden, nn.Linear(w4, 1), nn.Sigmoid())
        layers = (nn.Linear(1, w4), nn.ReLU(), nn.Linear(w4, w4), nn.ReLU(), nn.Linear(w4, w4), nn.ReLU())
        self.qf_embed = nn.Sequential(*layers)
        for scale, width in ((3, w3), (2, w2), (1, w1)):
            self.add_module(f"to_gamma_{scale}", nn.Sequential(nn.Linear(w4, width), nn.Sigmoid()))
            self.add_module(f"to_beta_{scale}", nn.Sequential(nn.Linear(w4, width), nn.Tanh()))

    def forward(self, picture: Tensor, coarseness: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The clean picture, and the coarseness that was read; ``coarseness`` (B, 1) is used in its place if given."""
        height, width = picture.shape[2:]
        x1 = self.m_head(F.pad(picture, (0, -width % 8, 0, -height % 8), mode="replicate"))
        x2 = self.m_down1(x1)
        x3 = self.m_down2(x2)
        x4 = self.m_down3(x3)
        features = self.m_body_encoder(x4)
        read = self.qf_pred(features)
        control = self.qf_embed(read if coarseness is None else coarseness)
        x = self.m_body_decoder(features)
        for scale, skip in ((3, x4), (2, x3), (1, x2)):
            x = self._reconstruct(scale, x + skip, control)
        return self.m_tail(x + x1)[..., :height, :width], read

    def _reconstruct(self, scale: int, x: Tensor, control: Tensor) -> Tensor:
        """One resolution up, by blocks that the control (B, 512) modulates."""
        gamma, beta = (self.get_submodule(f"to_{name}_{scale}")(control)[..., None, None] for name in ("gamma", "beta"))
        enlarge, *blocks = self.get_submodule(f"m_up{scale}").children()
        x = enlarge(x)
        for block in blocks:
            x = block(x, gamma, beta)
        return x


@lru_cache(maxsize=1)  # the bench makes a method anew for every picture
def load(path: Path) -> Network:
    """The network with the weights of a file such as ``fbcnn_color.pth``; DreamCleanError where they do not fit."""
    if not path.is_file():
        raise DreamCleanError(f"there is no file {path}; give the path of fbcnn_color.pth")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        if lacks_memory(error):
            raise
        raise DreamCleanError(f"{path} is not a plain file of weights; a pickle that holds code is not run") from error
    with torch.device("meta"):
        network = Network()
    if difference := _first_difference(state, network.state_dict()):
        raise DreamCleanError(f"{path} does not hold FBCNN's colour weights: {difference}")
    network.load_state_dict(state, strict=True, assign=True)
    return network.float().eval().requires_grad_(False)


def _first_difference(found: object, wanted: dict[str, Tensor]) -> str:
    """What the first key is that differs, and how; empty if all are as wanted."""
    if not isinstance(found, dict):
        return f"it holds a {type(found).__name__}"
    for key, tensor in wanted.items():
        if not isinstance(found.get(key), Tensor):
            return f"'{key}' is missing"
        if found[key].shape != tensor.shape:
            return f"'{key}' is {tuple(found[key].shape)}, not {tuple(tensor.shape)}"
    return next((f"'{key}' is not of it" for key in found if key not in wanted), "")
