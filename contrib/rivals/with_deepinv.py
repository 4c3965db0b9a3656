"""deepinv's samplers on our network."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import cpu_torchvision  # noqa: F401, before deepinv
import torch
from deepinv.optim.data_fidelity import L2
from deepinv.physics import GaussianNoise, Inpainting
from deepinv.sampling import (
    DDRM,
    DPS,
    DDIMSolver,
    DDPMSolver,
    DiffPIR,
    PiGDMDataFidelity,
    PosteriorDiffusion,
    VariancePreservingDiffusion,
)
from dreamclean_bench.methods import ddrm as our_ddrm
from dreamclean_bench.methods import diffpir as our_diffpir
from dreamclean_bench.methods import dps as our_dps
from dreamclean_bench.methods import pigdm as our_pigdm
from dreamclean_bench.methods.sampling import transition
from shared import Case, Network, Pair, Run, Tape, on_levels, played
from torch import Tensor

from dreamclean import Level

ETA, ZETA, LAMBDA, SHARE = 0.85, 0.5, 8.0, 0.3


class Ours(torch.nn.Module):
    """Our network as deepinv's denoiser of pictures in [0, 1], or in [-1, 1] (``unit=False``)."""

    def __init__(self, network: Network, levels: Sequence[Level], unit: bool) -> None:
        super().__init__()
        self.network, self.levels, self.unit = network, levels, unit

    def forward(self, x: Tensor, sigma: Any, **kwargs: Any) -> Tensor:
        denoised: Tensor = self.network.timed(self._denoised, x, float(torch.as_tensor(sigma).flatten()[0]))
        return denoised

    def _denoised(self, x: Tensor, sigma: float) -> Tensor:
        if not self.unit:
            return self.network.denoise(x, sigma, self.levels)
        return (self.network.denoise(2 * x - 1, 2 * sigma, self.levels) + 1) / 2


def physics(case: Case, sigma: float) -> Inpainting:
    return Inpainting(tuple(case.y.shape[1:]), mask=case.mask[0], noise_model=GaussianNoise(sigma))


def ddrm(case: Case, scale: float = math.sqrt(2), unit: bool = False) -> tuple[Run, Run]:
    """deepinv's noise multiplied by ``scale``; deepinv on the [0, 1] scale (``unit``) or on [-1, 1]."""
    method = our_ddrm.DDRM(steps=case.steps, eta=ETA)
    levels, linear, network = method.levels(case.network.schedule), case.problem.linear(), case.network
    y, sigma = (case.y, case.operator.noise) if unit else (linear.y, linear.sigma)
    sigmas = [level.ratio / 2 if unit else level.ratio for level in reversed(levels[1:])]
    model = DDRM(Ours(network, levels, unit), sigmas, eta=ETA, etab=1.0, eps=0.0)

    def restore() -> list[Tensor]:
        with played(Tape(case.seed, scale)):
            last = model(y, physics(case, sigma))
        return network.moves(2 * last - 1 if unit else last)

    return case.ours(method), network.watched(restore)


def diffpir(case: Case, lambda_: float = LAMBDA / 2) -> tuple[Run, Run]:
    """deepinv's own ladder on both sides; ``lambda_`` is deepinv's."""
    sigma, network = case.operator.noise, case.network
    model = DiffPIR(None, L2(), sigma=sigma, max_iter=case.steps, zeta=SHARE, lambda_=lambda_)
    times = [model.num_train_timesteps - 1 - int(index) for index in reversed(model.seq)]
    a, s = model.sqrt_alphas_cumprod, model.sqrt_1m_alphas_cumprod
    levels = [network.schedule.clean, *(Level(t, float(a[t]), float(s[t])) for t in times)]
    ours = case.ours(on_levels(our_diffpir.DiffPIR, levels)(lam=LAMBDA, zeta=SHARE, to_the_end=True))
    model.model = Ours(network, levels, unit=True)
    top = levels[-1].ratio  # an x_init that makes deepinv's first latent ours, s z
    x_init = ((top - math.sqrt(top**2 - 4 * sigma**2)) * Tape(case.seed)(case.y) + 1) / 2

    def restore() -> list[Tensor]:
        with played(Tape(case.seed)):
            model(case.y, physics(case, sigma), x_init=x_init)
        return network.moves()

    return ours, network.watched(restore)


def _ladder(case: Case) -> tuple[Tensor, list[Level]]:
    """Times of deepinv's variance-preserving diffusion, from 1 to 0, and the ascending levels there."""
    sde, times = VariancePreservingDiffusion(), torch.linspace(1, 0, case.steps + 1, dtype=torch.float64)
    levels = [case.network.schedule.clean]
    for t in times[:-1].flip(0):
        a, ratio = float(sde.scale_t(t)), float(sde.sigma_t(t))
        levels.append(Level(case.network.schedule.timestep(ratio), a, a * ratio))
    return times, levels


class _Taped(DDPMSolver):
    """deepinv's DDPM steps with the tape's noise and, if ``levels`` are given, DPS's own step size in each.

    deepinv adds the gradient to the score, which a step multiplies by b / c; Algorithm 1 subtracts zeta times it.
    The distance on the [-1, 1] scale, ours, is twice that on [0, 1].
    """

    def __init__(self, times: Tensor, tape: Tape, fidelity: Any, levels: Sequence[Level] | None) -> None:
        super().__init__(times)
        self.randn_like = tape
        self.fidelity, self.pairs = fidelity, list(zip(levels[1:], levels, strict=False)) if levels else []

    def step(self, sde: Any, t0: Any, t1: Any, x0: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.pairs:
            c, b = transition(*self.pairs.pop())
            self.fidelity.weight = 2 * ZETA * c / b
        return super().step(sde, t0, t1, x0, *args, **kwargs)


def _sampled(case: Case, model: PosteriorDiffusion, y: Tensor, sigma: float, x: Tensor) -> Run:
    """deepinv's own record of its latents: torch.func, which its PiGDM uses, lets none out of the network."""

    def restore() -> list[Tensor]:
        _, latents = model(y, physics(case, sigma), x_init=x, get_trajectory=True)
        return list(2 * latents[1:] - 1 if model.minus_one_one else latents[1:])

    return case.network.watched(restore)


def dps(case: Case, reweighted: bool = True, clip: tuple[float, float] = (0.0, 1.0)) -> tuple[Run, Run]:
    """deepinv's own levels on both sides; ``clip`` is deepinv's."""
    times, levels = _ladder(case)
    ours = case.ours(on_levels(our_dps.DPS, levels)(zeta=ZETA, clip=True))
    tape = Tape(case.seed)
    x = levels[-1].sigma * tape(case.y)
    model = DPS(Ours(case.network, levels, unit=True), weight=2 * ZETA)
    model.solver = _Taped(times, tape, model.data_fidelity, levels if reweighted else None)
    model.data_fidelity.clip = clip
    return ours, _sampled(case, model, case.y, case.operator.noise, x)


def pigdm(case: Case) -> tuple[Run, Run]:
    """deepinv's own levels on both sides, and deepinv on the [-1, 1] scale."""
    times, levels = _ladder(case)
    ours = case.ours(on_levels(our_pigdm.PiGDM, levels)(eta=ETA, weight="score"))
    tape, linear = Tape(case.seed), case.problem.linear()
    x = levels[-1].sigma * tape(case.y)
    solver = DDIMSolver(times, eta=ETA)
    solver.randn_like = tape
    denoiser = Ours(case.network, levels, unit=False)
    sde = VariancePreservingDiffusion(minus_one_one=False)
    model = PosteriorDiffusion(PiGDMDataFidelity(), denoiser, sde, solver, minus_one_one=False)
    return ours, _sampled(case, model, linear.y, linear.sigma, x)


FLOAT32 = 1e-4
_DDRM, _DPS, _DIFFPIR = f"ddrm:eta={ETA}", f"dps:zeta={ZETA}", f"diffpir:lam={LAMBDA:g}"
PAIRS = [
    Pair(
        "DDRM, inpainting",
        _DDRM,
        f"deepinv DDRM(eta={ETA}, eps=0)",
        ddrm,
        "deepinv divides its noise by sqrt(2): it is multiplied by that here. Both on the [-1, 1] scale.",
        timed=True,
    ),
    Pair(
        "DDRM, deepinv's noise as it is",
        _DDRM,
        f"deepinv DDRM(eta={ETA}, eps=0)",
        partial(ddrm, scale=1.0),
        "deepinv divides each step's noise by sqrt(2); the paper's Eq. 4 and 5 (and ours) do not.",
        equal=False,
    ),
    Pair(
        "DDRM, deepinv on [0, 1]",
        _DDRM,
        f"deepinv DDRM(eta={ETA}, eps=0)",
        partial(ddrm, unit=True),
        "What is not measured starts around 0: black there, grey on the [-1, 1] scale.",
        equal=False,
    ),
    Pair(
        "DPS",
        _DPS,
        "deepinv DPS(weight=2 zeta c / b), clip=(0, 1)",
        dps,
        "weight is set anew in each step, see below. deepinv calls the network in float32.",
        tolerance=FLOAT32,
    ),
    Pair(
        "DPS, one weight for all steps",
        _DPS,
        f"deepinv DPS(weight={2 * ZETA:g}), clip=(0, 1)",
        partial(dps, reweighted=False),
        "deepinv adds the gradient to the score, which a DDPM step multiplies by b / c (b = beta, c = sqrt(alpha)); "
        "Algorithm 1 (and ours) subtracts zeta times the gradient whatever the step.",
        equal=False,
    ),
    Pair(
        "DPS, deepinv's clipping as it is",
        _DPS,
        "deepinv DPS(weight=2 zeta c / b)",
        partial(dps, clip=(-1.0, 1.0)),
        "deepinv clips to [-1, 1] what is on the [0, 1] scale there: to [-3, 1] on ours.",
        equal=False,
    ),
    Pair(
        "DiffPIR",
        _DIFFPIR,
        f"deepinv DiffPIR(lambda_={LAMBDA / 2:g})",
        diffpir,
        "deepinv's data step has twice the rho (see below), so half the lambda. Both clip the network's "
        "estimate. It keeps its schedule in float32, and returns the latent at its lowest level: "
        "our last step has no counterpart.",
        tolerance=FLOAT32,
        timed=True,
    ),
    Pair(
        "DiffPIR, same lambda",
        _DIFFPIR,
        f"deepinv DiffPIR(lambda_={LAMBDA:g})",
        partial(diffpir, lambda_=LAMBDA),
        "deepinv's step of 1 / (2 rho) in the prox of half the squared distance minimises |y - A x|^2 + 2 rho |x - x0|^2. "
        "The paper's data step, the published code's and ours have rho.",
        equal=False,
    ),
    Pair(
        "PiGDM",
        f"pigdm:eta={ETA},weight=score",
        f"deepinv PosteriorDiffusion(PiGDMDataFidelity(), DDIMSolver(eta={ETA}))",
        pigdm,
        "On the [-1, 1] scale, to which r^2 = sigma^2 / (1 + sigma^2) belongs. deepinv calls the network in float32.",
        tolerance=FLOAT32,
    ),
]
