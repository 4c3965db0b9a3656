"""``Restorer``: components and settings put together, and run on pictures."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamclean.contracts.component import Component, Spec
from dreamclean.contracts.errors import DreamCleanError, Refusal
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.listing import there_are
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.planner import Plan, Planner
from dreamclean.contracts.prior import Prior
from dreamclean.contracts.step import Step
from dreamclean.contracts.warn import warn_of
from dreamclean.host.host import Host, host
from dreamclean.method import doubts
from dreamclean.method.arrays import check_array, pixels_of, restore_array
from dreamclean.method.blame import blame
from dreamclean.method.checks import checked
from dreamclean.method.device import pick_device, pick_dtype
from dreamclean.method.each import restore_each
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.exact import deterministic
from dreamclean.method.finite import NotFinite, finite
from dreamclean.method.given import (
    ArrayT,
    File,
    FileT,
    Given,
    Seed,
    Seeds,
    Several,
    check_shape,
    check_values,
    opened,
    recipe_of,
)
from dreamclean.method.loaded import load, sized
from dreamclean.method.loop import resample
from dreamclean.method.measured import info_of, measured
from dreamclean.method.noise import seeded_noise, seeds_of
from dreamclean.method.restoration import Restoration, averaged, carrying, joined
from dreamclean.method.tiling import Tiles
from dreamclean.pictures.decoding import check_limit
from dreamclean.recipe.exact import exact_dtype
from dreamclean.recipe.noise import with_noise
from dreamclean.recipe.recipe import FIXED, KINDS, MOVES, PRESETS, Recipe, make_recipe, settle
from dreamclean.version import __version__

Listener = Callable[[Step], object]
"""Called after every step of a run; its result is not used. Copy ``step.x`` to keep it."""

_CODER = "the prior's encoder or decoder", "run it in float32 (--dtype float32)"


class Restorer:
    """Restore degraded images with a diffusion prior.

    Components are given as objects, strings (``"vps:gamma=0.05"``) or config dicts. What is not given comes
    from ``recipe``, then ``preset``, then the planner's plan for the image, then the prior's own recommendation, then
    the paper.

    Args:
        prior, operator, guidance, planner, initializer, corrector, sampler, path, spacing: the components; no operator:
            blind. The planner decides what each image needs; with a strength, a preset or an operator it is ``fixed``.
        recipe: a ``Recipe``, its fields as a dict, or a file: .toml, .json, or a PNG that carries one.
        noise: measurement noise of the operator, [0, 1] scale: a standard deviation, ``"gaussian:S"`` or
            ``"poisson:RATE"``.
        strength: top noise level, a timestep or ``"nsr:R"`` with the noise-to-signal ratio R.
        steps: steps from there to the picture.
        tile: side in pixels of the tiles that larger pictures are cut into; 0: never cut; None: the prior's
            native size, or 768 where it has none.
        device, dtype: where and in which precision the network runs; ``"auto"``: a GPU if there is one, and
            bfloat16 where the processor computes in it.
        max_megapixels: larger picture files are refused before they are unpacked; None: what this machine's memory
            carries.
        exact: the same bytes whatever the number of threads and the rest of the batch: each image alone, in float32,
            on one thread of the processor, by deterministic algorithms.
        model: the ``model`` of another restorer of this prior, device and dtype, which is used in place of one of its own.

    Raises:
        DreamCleanError: for any setting that cannot be.

    Warns:
        DreamCleanWarning: of a preset far from what the prior recommends, of a result that leaves [0, 1] badly or
            does not agree with the measurement.
    """

    @blame()
    def __init__(
        self,
        prior: Spec | None = None,
        *,
        operator: Spec | None = None,
        guidance: Spec | None = None,
        planner: Spec | None = None,
        initializer: Spec | None = None,
        corrector: Spec | None = None,
        sampler: Spec | None = None,
        path: Spec | None = None,
        spacing: Spec | None = None,
        noise: float | str | None = None,
        strength: float | str | None = None,
        steps: int | None = None,
        tile: int | None = None,
        seed: int | None = None,
        preset: str | None = None,
        recipe: Recipe | Mapping[str, Any] | Path | str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        max_megapixels: float | None = None,
        exact: bool | None = None,
        model: Model | None = None,
        plugins: Host | None = None,
    ) -> None:
        check_limit(max_megapixels)
        self._max_megapixels = max_megapixels
        self._host = plugins or host()
        given = dict(prior=prior, operator=operator, guidance=guidance, planner=planner)
        given |= dict(initializer=initializer, corrector=corrector, sampler=sampler, path=path, spacing=spacing)
        said = make_recipe(**given, strength=strength, steps=steps, seed=seed, dtype=dtype)
        said = said.over(make_recipe(tile=tile, exact=exact))
        said = said.over(recipe_of(recipe).without_versions())
        self._objects = {kind: value for kind, value in given.items() if isinstance(value, Component)}
        self.prior: Prior = self._component("prior", said) or self._host.default_prior()
        self.operator: Operator | None = self._component("operator", said)
        if self.operator is not None:
            self.operator = with_noise(self.operator, noise)
        elif noise is not None:
            raise DreamCleanError("noise belongs to a known operator; give one too (identity, if there is noise alone)")
        if preset is not None and preset not in PRESETS:
            raise DreamCleanError(f"there is no preset '{preset}'; {there_are(PRESETS)}")
        known, unsaid = self.operator is not None, said.strength is None
        self.device = pick_device(device)
        wanted = said.over(make_recipe(**self.prior.recipe_for(known)))
        self.dtype = pick_dtype(exact_dtype(dtype) if wanted.exact else wanted.dtype, self.device)
        self.model = model or load(self.prior, self.device, self.dtype)
        schedule, planner = self.model.schedule, self._host.default("planner")
        self._said, rest = settle(said, preset, self.prior, schedule, known, planner)
        self.planner: Planner = self._component("planner", self._said)
        looks = self.planner.looks
        said = self._said if looks else self._said.over(rest)
        self.guidance: Guidance | None = self._component("guidance", said)
        self._check(said)
        self.initializer, self.corrector, self.sampler = (self._component(kind, said) for kind in MOVES)
        self.path, self.spacing = (self._component(kind, said) for kind in ("path", "spacing"))
        self.levels = [] if looks else schedule.ladder(said.strength or 0, said.steps or 1, self.spacing)
        if preset and unsaid and self.levels:
            warn_of(doubts.of_preset(preset, self.levels[-1], self.prior, self._usual(), known))
        self._tiles = None if said.tile == 0 else Tiles(self.model, said.tile)
        self.recipe = said.model_copy(update=self._settled())

    def _component(self, kind: str, said: Recipe) -> Any:
        """The component of ``kind`` that was given or is ``said``; None if neither."""
        spec = self._objects.get(kind) or getattr(said, kind)
        return self._host.make(kind, spec) if spec else None

    def _check(self, said: Recipe) -> None:
        """DreamCleanError where the components do not go together."""
        if why := self.planner.refuses(self.operator is not None, self.prior):
            raise DreamCleanError(f"planner {self.planner.name} {why}")
        if self.planner.looks and said.strength is not None:
            raise DreamCleanError(
                f"planner {self.planner.name} chooses the strength itself; remove either the planner or the strength"
            )
        if self.guidance is None:
            return
        if self.operator is None:
            raise DreamCleanError("guidance belongs to a known operator; give one too")
        if why := self.guidance.refuses(self.operator):
            raise DreamCleanError(f"guidance {self.guidance.name} cannot serve {self.operator.name}: {why}")

    def _settled(self) -> dict[str, Any]:
        """The recipe's fields as they came out, with the version of every package involved."""
        parts = {kind: getattr(self, kind) for kind in KINDS}
        provided = [self._host.provider(part) for part in parts.values() if part is not None]
        versions = {"dreamclean": __version__, "torch": torch.__version__, **dict(filter(None, provided))}
        specs = {kind: self._host.spec(part) if part else None for kind, part in parts.items()}
        dtype = str(self.dtype).removeprefix("torch.")
        return {**specs, "tile": self._tile, "dtype": dtype, "versions": versions}

    def _usual(self) -> float | None:
        """The noise-to-signal ratio that the prior recommends, or its planner's highest; None: neither is known."""
        recommended = make_recipe(**self.prior.recipe_for(self.operator is not None))
        if recommended.strength is not None:
            schedule = self.model.schedule
            return schedule.at(schedule.resolve(recommended.strength)).ratio
        planner: Planner = self._host.make("planner", recommended.planner or self._host.default("planner"))
        return None if planner.refuses(self.operator is not None, self.prior) else planner.strongest(self.prior)

    @property
    def _tile(self) -> int:
        """Side of the tiles in pixels, which a lack of memory may have made smaller; 0: nothing is cut."""
        return self._tiles.side if self._tiles else 0

    @overload
    def __call__(
        self, image: File, *, seed: Seed = None, trace: bool = False, on_step: Listener | None = None
    ) -> Restoration[Image.Image]: ...
    @overload
    def __call__(
        self, image: ArrayT, *, seed: Seed = None, trace: bool = False, on_step: Listener | None = None
    ) -> Restoration[ArrayT]: ...
    @overload
    def __call__(
        self, image: Several[FileT], *, seed: Seeds = None, trace: bool = False, on_step: Listener | None = None
    ) -> list[Restoration[Image.Image]]: ...
    @overload
    def __call__(
        self, image: Several[ArrayT], *, seed: Seeds = None, trace: bool = False, on_step: Listener | None = None
    ) -> list[Restoration[ArrayT]]: ...
    @overload
    def __call__(
        self, image: Several[Any], *, seed: Seeds = None, trace: bool = False, on_step: Listener | None = None
    ) -> list[Restoration[Any]]: ...
    def __call__(
        self, image: Given | Several[Any], *, seed: Seeds = None, trace: bool = False, on_step: Listener | None = None
    ) -> Restoration[Any] | list[Restoration[Any]]:
        """Restore a picture, a batch of images, or a list of pictures, which gives a list of results.

        A picture is a path, a PIL image, or a NumPy array (H, W, 3) or (H, W) of uint8, or of floating-point values
        in [0, 1]. A batch is a tensor (B, 3, H, W) in [0, 1] (with an operator: its measurements). What comes out is
        of the kind that went in.

        Every image has its own random numbers, so it comes out alike alone, in a batch and in a list: with ``exact``
        to the last bit and otherwise but for the rounding of ``dtype``, which a step can amplify. ``seed`` may be a
        sequence with one seed for each image. An exception in ``on_step`` ends the run.
        """
        if isinstance(image, list | tuple):
            return restore_each(lambda one, own, first: self.restore_one(one, own, first, trace, on_step), image, seed)
        return self.restore_one(image, seed, 0, trace, on_step)

    @blame()
    def restore_one(
        self, image: Given, seed: Any, first: int, trace: bool, on_step: Listener | None
    ) -> Restoration[Any]:
        """A picture or a batch; ``first``: how many images of a list or a batch come before it."""
        if isinstance(image, Tensor):
            check_values(image, self.operator)
            return self._run(image, self.operator, {}, seed, first, trace, on_step)
        if isinstance(image, np.ndarray):
            return restore_array(image, self.operator, lambda x: self.restore_one(x, seed, first, trace, on_step))
        picture = opened(image, self._max_megapixels)
        pixels, operator = measured(picture.pixels, self.operator)
        result: Restoration[Any] = self._run(pixels, operator, info_of(picture), seed, first, trace, on_step)
        colours = operator is not None and pixels.shape[1] == 1
        restored = picture.with_pixels(result.image, keep_grey=not colours)
        return replace(result, image=carrying(restored, result.recipe))

    @blame()
    @torch.no_grad()
    def plan(self, image: Given) -> Plan:
        """What the planner says of a picture, or of a tensor (1, 3, H, W) in [0, 1]; nothing is restored."""
        info: dict[str, Any] = {}
        if isinstance(image, np.ndarray):
            check_array(image)
            image = pixels_of(image)
        if isinstance(image, Tensor):
            check_values(image)
        else:
            picture = opened(image, self._max_megapixels)
            image, info = picture.pixels, info_of(picture)
        check_shape(image, None)
        if len(image) > 1:
            raise DreamCleanError("a plan is for one image; give (1, 3, H, W)")
        with self._arithmetic():
            return self.planner(self._here(image), info, self.prior, Evaluator(self._sized(image.shape)).model)

    @torch.no_grad()
    def _run(
        self,
        y: Tensor,
        operator: Operator | None,
        info: Mapping[str, Any],
        seed: int | Sequence[int] | None,
        first: int,
        trace: bool,
        on_step: Listener | None,
    ) -> Restoration[Tensor]:
        check_shape(y, operator)
        seeds = seeds_of(self.recipe.seed if seed is None else seed, len(y))
        if len(y) > 1 and (self.recipe.exact or self.planner.looks):
            alone = [
                self._run(y[k : k + 1], operator, info, seeds[k], first + k, trace, on_step) for k in range(len(y))
            ]
            return joined(alone, self.recipe.model_copy(update={"seed": seeds[0], "tile": self._tile}))
        with self._arithmetic():
            if self.planner.looks:
                return self._planned(self._here(y), info, seeds[0], first, trace, on_step)
            return self._restore(self._here(y), operator, seeds, first, trace, on_step)

    def _planned(
        self, image: Tensor, info: Mapping[str, Any], seed: int, first: int, trace: bool, on_step: Listener | None
    ) -> Restoration[Tensor]:
        """One image (1, 3, H, W) as the planner says."""
        began, evaluator = time.perf_counter(), Evaluator(self._sized(image.shape))
        plan = self.planner(image, info, self.prior, evaluator.model)
        if plan.refusal:
            raise Refusal(plan.refusal)
        own, reports = self.recipe.model_copy(update={"seed": seed}), [plan.report] if plan.report else []
        looked = Restoration(image, evaluator.nfe, time.perf_counter() - began, evaluator.seconds, own, [], reports)
        if plan.recipe is None:
            return looked
        treated = self._with(make_recipe(**plan.recipe))
        y, operator = measured(image, treated.operator)
        seeds = [(seed + k) % 2**63 for k in range(plan.samples)]
        return averaged([treated._run(y, operator, {}, own, first, trace, on_step) for own in seeds], looked)

    def _restore(
        self, y: Tensor, operator: Operator | None, seeds: list[int], first: int, trace: bool, on_step: Listener | None
    ) -> Restoration[Tensor]:
        steps: list[Step] = []
        done = 0

        def listen(step: Step) -> None:
            nonlocal done
            done, step = step.index + 1, replace(step, image=first)
            if trace:
                steps.append(replace(step, x=step.x.to("cpu", copy=True), x0=step.x0.to("cpu", copy=True)))
            if on_step:
                on_step(step)
            self._host.tell(step)

        began = time.perf_counter()
        y, path = y.contiguous(), self.path(self.levels)
        model = self._sized(operator.image_shape(y) if operator else y.shape)
        evaluator = Evaluator(model, self.guidance, operator, y, self._tiles)
        try:
            latents = resample(  # holds the only reference to the start, so that its memory comes free
                finite(model.codec.encode(operator.start(y) if operator else y), *_CODER),
                self.levels,
                path,
                evaluator.denoise,
                checked(self.initializer, self.initializer),
                checked(self.corrector, self.corrector),
                checked(self.sampler, self.sampler),
                seeded_noise(seeds),
            )
            for index, latent in enumerate(latents):
                listen(Step(index, len(path), latent.level, latent.x, evaluator.nfe, evaluator.clean(latent)))
        except NotFinite as error:
            raise DreamCleanError(f"step {done} of {len(path)}: {error}") from error
        decoded = finite(model.codec.decode(latent.x), *_CODER)
        image = decoded.clamp(0, 1)
        warn_of(doubts.of_values(decoded, operator) or doubts.of_agreement(image, operator, y))
        seconds = time.perf_counter() - began
        recipe = self.recipe.model_copy(update={"seed": seeds[0], "tile": self._tile})
        return Restoration(image, evaluator.nfe, seconds, evaluator.seconds, recipe, steps)

    def _with(self, recipe: Recipe) -> "Restorer":
        """This restorer with a plan's ``recipe``; what the user said goes over it."""
        objects: dict[str, Any] = {**self._objects, "prior": self.prior, "planner": FIXED, "model": self.model}
        options: dict[str, Any] = {"device": str(self.device), "dtype": self.recipe.dtype, "plugins": self._host}
        said = self._said.model_copy(update=dict.fromkeys(("prior", "planner")))
        other = type(self)(**objects, recipe=said.over(recipe), **options)
        other._tiles = self._tiles
        return other

    def _arithmetic(self) -> AbstractContextManager[None]:
        return deterministic() if self.recipe.exact else nullcontext()

    def _here(self, y: Tensor) -> Tensor:
        """``y`` on the device; for exact results where in memory every image lies alike."""
        return (y.clone(memory_format=torch.contiguous_format) if self.recipe.exact else y).to(self.device)

    def _sized(self, shape: Sequence[int]) -> Model:
        return sized(self.model, *shape[-2:])

    def __repr__(self) -> str:
        parts = {kind: getattr(self, kind) for kind in KINDS if kind != "planner" or self.planner.looks}
        settings = {name: getattr(self.recipe, name) for name in ("strength", "steps", "seed")}
        told = {**parts, **settings, "device": str(self.device), "dtype": self.recipe.dtype}
        return f"Restorer({', '.join(f'{name}={value!r}' for name, value in told.items() if value is not None)})"

    def __getstate__(self) -> dict[str, Any]:
        """Without the plugins, which are the other process's own, and the model, which is loaded anew there."""
        return {**vars(self), "_host": None, "model": None, "_tiles": self._tile}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _host=host())
        self.model = load(self.prior, self.device, self.dtype)
        self._tiles = Tiles(self.model, state["_tiles"]) if state["_tiles"] else None
