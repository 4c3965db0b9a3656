"""azula's samplers on our network and ladder. Its time t in [0, 1] is the share of the ladder still to go."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from azula.denoise import Denoiser, DiracPosterior
from azula.guidance import DiffPIRDenoiser, DPSSampler, PGDMSampler
from azula.noise import Schedule
from azula.sample import DDIMSampler, PCSampler, Sampler
from dreamclean_bench.methods.diffpir import DiffPIR
from dreamclean_bench.methods.dps import DPS
from dreamclean_bench.methods.pigdm import PiGDM
from shared import Case, Network, Pair, Run, Tape, played
from torch import Tensor

from dreamclean import DDIM, VPS, Evaluator, ForwardNoising, Level, NoCorrector, PixelCodec
from dreamclean.contracts.sampler import Sampler as OurSampler
from dreamclean.method.loop import resample
from dreamclean.testing import loaded

GAMMA, ETA, ZETA, LAMBDA = 0.05, 0.5, 0.5, 8.0


class Ladder(Schedule):
    """Our ascending levels as azula's schedule."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self.a = torch.tensor([level.alpha for level in levels], dtype=torch.float64)
        self.s = torch.tensor([level.sigma for level in levels], dtype=torch.float64)

    def index(self, t: Tensor) -> Tensor:
        return (t * (len(self.a) - 1)).round().long()

    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        index = self.index(t)
        return self.a[index], self.s[index]


class Ours(Denoiser):
    """Our network as azula's denoiser."""

    def __init__(self, network: Network, levels: Sequence[Level]) -> None:
        super().__init__()
        self.network, self.levels, self.schedule = network, levels, Ladder(levels)

    def forward(self, x_t: Tensor, t: Tensor, **kwargs: Any) -> DiracPosterior:
        return self.network.timed(self._posterior, x_t, t)

    def _posterior(self, x_t: Tensor, t: Tensor) -> DiracPosterior:
        level = self.levels[int(self.schedule.index(t))]
        return DiracPosterior(self.network.look(x_t, level).x0)


def _azula(case: Case, levels: list[Level], start: Tensor, make: Callable[..., Sampler]) -> Run:
    """Sample with azula, starting from ``start`` with the tape's first tensor as the top level's noise."""
    tape = Tape(case.seed)
    x = levels[-1].alpha * start + levels[-1].sigma * tape(start)
    sampler = make(Ours(case.network, levels), steps=len(levels) - 1, silent=True, dtype=torch.float64)
    with played(tape):
        return case.network.watched(lambda: case.network.moves(sampler(x)))


def _loop(case: Case, corrector: Any, sampler: OurSampler, make: Callable[..., Sampler]) -> tuple[Run, Run]:
    """The kernel's loop, blind, from the measurement with the noise of t = 300, beside an azula sampler."""
    levels = case.network.schedule.ladder(300, case.steps, case.network.spacing)
    start = PixelCodec().encode(case.y)
    path, denoise = levels[-2::-1], Evaluator(loaded(case.network)).denoise
    parts = (path, denoise, ForwardNoising(), corrector, sampler, Tape(case.seed))
    ours = case.network.watched(lambda: case.network.moves([*resample(start, levels, *parts)][-1].x))
    return ours, _azula(case, levels, start, make)


def vps(case: Case) -> tuple[Run, Run]:
    def make(denoiser: Denoiser, **options: Any) -> Sampler:
        return PCSampler(denoiser, corrections=1, delta=GAMMA * (2 - GAMMA), **options)

    return _loop(case, VPS(gamma=GAMMA), DDIM(), make)


def ddim(case: Case) -> tuple[Run, Run]:
    def make(denoiser: Denoiser, **options: Any) -> Sampler:
        return DDIMSampler(denoiser, eta=ETA**2, **options)

    return _loop(case, NoCorrector(), DDIM(eta=ETA), make)


def dps(case: Case) -> tuple[Run, Run]:
    def make(denoiser: Denoiser, **options: Any) -> Sampler:
        return DPSSampler(denoiser, case.problem.linear().y, lambda x: case.mask * x, zeta=ZETA, **options)

    method = DPS(steps=case.steps, zeta=ZETA, clip=case.network.clip)
    levels = method.levels(case.network.schedule)
    return case.ours(method), _azula(case, levels, torch.zeros_like(case.y), make)


def diffpir(case: Case) -> tuple[Run, Run]:
    linear = case.problem.linear()

    def make(denoiser: Denoiser, **options: Any) -> Sampler:
        variance = torch.tensor(linear.sigma**2, dtype=torch.float64)
        guided = DiffPIRDenoiser(denoiser, linear.y, lambda x: case.mask * x, variance, lmbda=LAMBDA / 4)
        return DDIMSampler(guided, eta=0.0, **options)

    method = DiffPIR(steps=case.steps, lam=LAMBDA, zeta=0, clip=False, to_the_end=True)
    return case.ours(method), _azula(case, method.levels(case.network.schedule), torch.zeros_like(case.y), make)


def pigdm(case: Case) -> tuple[Run, Run]:
    def make(denoiser: Denoiser, **options: Any) -> Sampler:
        return PGDMSampler(
            denoiser, case.problem.linear().y, lambda x: case.mask * x, lambda y: case.mask * y, eta=ETA**2, **options
        )

    method = PiGDM(steps=case.steps, eta=ETA)
    return case.ours(method), _azula(case, method.levels(case.network.schedule), torch.zeros_like(case.y), make)


PAIRS = [
    Pair(
        "VPS",
        f"the kernel's loop, vps:gamma={GAMMA} and ddim",
        f"azula PCSampler(delta={GAMMA * (2 - GAMMA):g})",
        vps,
        "Blind, from the measurement with the noise of t = 300. delta = gamma (2 - gamma). Two latents a step: after the "
        "corrector and after the predictor.",
        timed=True,
    ),
    Pair(
        "DDIM",
        f"the kernel's loop, ddim:eta={ETA}",
        f"azula DDIMSampler(eta={ETA**2})",
        ddim,
        "Blind, as above. azula's eta multiplies the share of fresh variance, Song et al.'s (and ours) the standard deviation: "
        "theirs is ours squared.",
        timed=True,
    ),
    Pair(
        "DPS",
        f"dps:zeta={ZETA},clip=false",
        f"azula DPSSampler(zeta={ZETA})",
        dps,
        "On the [-1, 1] scale. azula does not clip.",
    ),
    Pair(
        "DiffPIR, deterministic",
        f"diffpir:lam={LAMBDA:g},zeta=0,clip=false,to_the_end=true",
        f"azula DDIMSampler(DiffPIRDenoiser(lmbda={LAMBDA / 4:g}), eta=0)",
        diffpir,
        "azula has sigma_n and sigma_t on one scale, the published code (and ours) does not: its lambda is a quarter "
        "of ours. Its fresh noise is DDIM's rather than zeta's, so there is none here. azula does not clip.",
        timed=True,
    ),
    Pair(
        "PiGDM, no measurement noise",
        f"pigdm:eta={ETA}",
        f"azula PGDMSampler(eta={ETA**2})",
        pigdm,
        "azula's knows no measurement noise. eta as in row 2.",
        noise=0.0,
    ),
]
