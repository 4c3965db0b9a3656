"""``Restorer``: components and settings put together, and run on pictures."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.auto import restore_auto
from dreamclean.builtin.planners.diagnosis.diagnose import Diagnosis, diagnose_image, left_alone
from dreamclean.builtin.priors.tiled import Tiled, tiled
from dreamclean.contracts.component import Component, Spec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.listing import there_are
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.step import Step
from dreamclean.contracts.warn import warn
from dreamclean.host.host import Host, host
from dreamclean.method import doubts
from dreamclean.method.arrays import check_array, pixels_of, restore_array
from dreamclean.method.blame import blame
from dreamclean.method.checks import checked
from dreamclean.method.device import pick_device, pick_dtype
from dreamclean.method.each import restore_each
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.exact import deterministic, exact_dtype
from dreamclean.method.finite import NotFinite, finite
from dreamclean.method.given import Given, check_shape, check_values, opened, recipe_of
from dreamclean.method.loop import resample
from dreamclean.method.noise import seeded_noise, seeds_of
from dreamclean.method.restoration import Restoration, carrying, joined
from dreamclean.pictures.decoding import check_limit
from dreamclean.recipe.noise import with_noise
from dreamclean.recipe.recipe import KINDS, PRESETS, Recipe, filled, make_recipe
from dreamclean.version import __version__

EIGHT_BIT = 1 / 255 / 12**0.5
"""Standard deviation of the rounding to 8 bits: no picture file is known better than this."""

Listener = Callable[[Step], object]
"""What is told of every step of a run; what it returns is not used. Copy ``step.x`` to keep it."""

_CODER = "the prior's encoder or decoder", "run it in float32 (--dtype float32)"


class Restorer:
    """Restore degraded images with a diffusion prior.

    Components are given as objects, strings (``"vps:gamma=0.05"``) or config dicts. What is not given comes
    from ``recipe``, then ``preset``, then the prior's own recommendation, then the paper; and where nothing at
    all is said and the degradation is unknown, from a diagnosis of the image.

    Args:
        prior, operator, guidance, initializer, corrector, sampler: the components; no operator: blind.
        recipe: a ``Recipe``, its fields as a dict, or a file: .toml, .json, or a PNG that carries one.
        noise: measurement noise of the operator, [0, 1] scale: a standard deviation, ``"gaussian:S"`` or
            ``"poisson:RATE"``.
        strength: top noise level, a timestep or ``"snr:R"`` with the noise-to-signal ratio R; ``"auto"``: what the
            diagnosis of each image says, if it has to be treated at all.
        detail, samples: with ``"auto"``: 0 (most faithful: the clean image's mean) to 1 (crispest, what runs where
            nothing is said); the mean of how many results.
        steps: steps from there to the picture.
        tile: side in pixels of the tiles that larger pictures are cut into; 0: never cut; None: the prior's
            native size, or 768 where it has none.
        device, dtype: where and in which precision the network runs; ``"auto"``: a GPU if there is one, and
            bfloat16 where the processor computes in it.
        max_megapixels: larger picture files are refused before they are unpacked; None: what this machine's memory
            carries.
        exact: the same bytes whatever the number of threads and the rest of the batch: each image alone, in float32,
            on one thread of the processor, by deterministic algorithms.

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
        initializer: Spec | None = None,
        corrector: Spec | None = None,
        sampler: Spec | None = None,
        noise: float | str | None = None,
        strength: float | str | None = None,
        steps: int | None = None,
        detail: float | None = None,
        samples: int | None = None,
        tile: int | None = None,
        seed: int | None = None,
        preset: str | None = None,
        recipe: Recipe | Mapping[str, Any] | Path | str | None = None,
        device: str = "auto",
        dtype: str | None = None,
        max_megapixels: float | None = None,
        exact: bool | None = None,
        plugins: Host | None = None,
    ) -> None:
        check_limit(max_megapixels)
        self._max_megapixels = max_megapixels
        self._host = plugins or host()
        given = dict(prior=prior, operator=operator, guidance=guidance)
        given |= dict(initializer=initializer, corrector=corrector, sampler=sampler)
        said = make_recipe(**given, strength=strength, steps=steps, seed=seed, dtype=dtype)
        said = said.over(make_recipe(detail=detail, samples=samples, tile=tile, exact=exact))
        said = said.over(recipe_of(recipe).without_versions())
        self._objects = {kind: value for kind, value in given.items() if isinstance(value, Component)}

        def component(kind: str) -> Any:
            spec = self._objects.get(kind) or getattr(said, kind)
            return self._host.make(kind, spec) if spec else None

        self.prior = component("prior") or self._host.default_prior()
        self.operator: Operator | None = component("operator")
        known = self.operator is not None
        if self.operator is not None:
            self.operator = with_noise(self.operator, noise)
        elif noise is not None:
            raise DreamCleanError("noise belongs to a known operator; give one too (identity, if there is noise alone)")
        if preset is not None and preset not in PRESETS:
            raise DreamCleanError(f"there is no preset '{preset}'; {there_are(PRESETS)}")
        unsaid = said.strength is None
        self._said = said = filled(said, preset, self.prior, known)
        self.guidance: Guidance | None = component("guidance")
        if self.guidance and not known:
            raise DreamCleanError("guidance belongs to a known operator; give one too")
        if self.operator and self.guidance and (why := self.guidance.refuses(self.operator)):
            raise DreamCleanError(f"guidance {self.guidance.name} cannot serve {self.operator.name}: {why}")
        self.initializer, self.corrector, self.sampler = map(component, KINDS[3:])
        auto = said.strength == "auto"
        self.levels = [] if auto else self.prior.schedule.ladder(said.strength or 0, said.steps or 1)
        if preset and unsaid and (doubt := doubts.of_preset(preset, self.levels[-1], self.prior, known)):
            warn(doubt)
        self._any_size = self.prior if said.tile == 0 else tiled(self.prior, said.tile)
        self.device = pick_device(device)
        self.dtype = pick_dtype(exact_dtype(dtype) if said.exact else said.dtype, self.device)
        self.recipe = said.model_copy(update=self._settled())
        self._prepared = False

    def _settled(self) -> dict[str, Any]:
        """The recipe's fields as they came out, with the version of every package involved."""
        parts = {kind: getattr(self, kind) for kind in KINDS}
        provided = [self._host.provider(part) for part in parts.values() if part is not None]
        versions = {"dreamclean": __version__, "torch": torch.__version__, **dict(filter(None, provided))}
        specs = {kind: self._host.spec(part) if part else None for kind, part in parts.items()}
        dtype = str(self.dtype).removeprefix("torch.")
        return {**specs, "tile": self._tile, "dtype": dtype, "versions": versions}

    @property
    def _tile(self) -> int:
        """Side of the tiles in pixels, which a lack of memory may have made smaller; 0: nothing is cut."""
        return self._any_size.side if isinstance(self._any_size, Tiled) else 0

    @overload
    def __call__(
        self,
        image: Given,
        *,
        seed: int | Sequence[int] | None = None,
        trace: bool = False,
        on_step: Listener | None = None,
    ) -> Restoration: ...
    @overload
    def __call__(
        self,
        image: list[Any] | tuple[Any, ...],
        *,
        seed: int | Sequence[Any] | None = None,
        trace: bool = False,
        on_step: Listener | None = None,
    ) -> list[Restoration]: ...
    def __call__(
        self,
        image: Given | list[Any] | tuple[Any, ...],
        *,
        seed: int | Sequence[Any] | None = None,
        trace: bool = False,
        on_step: Listener | None = None,
    ) -> Restoration | list[Restoration]:
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
        self, image: Given, seed: int | Sequence[int] | None, first: int, trace: bool, on_step: Listener | None
    ) -> Restoration:
        """A picture or a batch; ``first``: how many images of a list or a batch come before it."""
        if isinstance(image, Tensor):
            check_values(image, self.operator)
            return self._run(image, self.operator, seed, first, trace, on_step)
        if isinstance(image, np.ndarray):
            return restore_array(image, self.operator, lambda x: self.restore_one(x, seed, first, trace, on_step))
        picture = opened(image, self._max_megapixels)
        if self.recipe.strength == "auto" and picture.hidden:
            recipe = self.recipe.model_copy(update={"seed": seeds_of(self.recipe.seed if seed is None else seed, 1)[0]})
            untouched = carrying(picture.with_pixels(picture.pixels), recipe)
            return Restoration(untouched, 0, 0.0, 0.0, recipe, [], [left_alone("transparent")])
        operator, pixels = self.operator, picture.pixels
        if operator is not None:
            if not operator.viewable:
                raise DreamCleanError(
                    f"a measurement of {operator.name} is no picture; give it from Python as a tensor"
                )
            pixels = operator.from_picture(pixels)
            operator = operator.model_copy(update={"noise": max(operator.noise, EIGHT_BIT)})
        result = self._run(pixels, operator, seed, first, trace, on_step)
        colours = operator is not None and pixels.shape[1] == 1
        restored = picture.with_pixels(result.image, keep_grey=not colours)
        return replace(result, image=carrying(restored, result.recipe))

    @blame()
    @torch.no_grad()
    def diagnose(self, image: Given) -> Diagnosis:
        """What damage a picture, or a tensor (1, 3, H, W) in [0, 1], has by the prior's own answers."""
        if isinstance(image, np.ndarray):
            check_array(image)
            image = pixels_of(image)
        if isinstance(image, Tensor):
            check_values(image)
        else:
            picture = opened(image, self._max_megapixels)
            if picture.hidden:
                return left_alone("transparent")
            image = picture.pixels
        check_shape(image, None)
        if self.prior.space != "pixel" or len(image) > 1:
            raise DreamCleanError("a diagnosis needs one image, (1, 3, H, W), and a prior in pixel space")
        self._prepare()
        with self._arithmetic():
            return diagnose_image(self._here(image), self.prior, Evaluator(self.prior))

    @torch.no_grad()
    def _run(
        self,
        y: Tensor,
        operator: Operator | None,
        seed: int | Sequence[int] | None,
        first: int,
        trace: bool,
        on_step: Listener | None,
    ) -> Restoration:
        check_shape(y, operator)
        seeds = seeds_of(self.recipe.seed if seed is None else seed, len(y))
        self._prepare()
        if self.recipe.exact and len(y) > 1:
            alone = [self._run(y[k : k + 1], operator, seeds[k], first + k, trace, on_step) for k in range(len(y))]
            return joined(alone, self.recipe.model_copy(update={"seed": seeds[0], "tile": self._tile}))
        with self._arithmetic():
            return self._restore(self._here(y), operator, seeds, first, trace, on_step)

    def _restore(
        self, y: Tensor, operator: Operator | None, seeds: list[int], first: int, trace: bool, on_step: Listener | None
    ) -> Restoration:
        if self.recipe.strength == "auto":
            return restore_auto(self, y, seeds, first, trace, on_step)
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
        y, total = y.contiguous(), len(self.levels) - 1
        evaluator = Evaluator(self._any_size, self.guidance, operator, y)
        try:
            latents = resample(  # holds the only reference to the start, so that its memory comes free
                finite(self.prior.encode(operator.start(y) if operator else y), *_CODER),
                self.levels,
                self.levels[-2::-1],
                evaluator.denoise,
                checked(self.initializer, self.initializer),
                checked(self.corrector, self.corrector),
                checked(self.sampler, self.sampler),
                seeded_noise(seeds),
            )
            for index, latent in enumerate(latents):
                listen(Step(index, total, latent.level, latent.x, evaluator.nfe, evaluator.clean(latent)))
        except NotFinite as error:
            raise DreamCleanError(f"step {done} of {total}: {error}") from error
        decoded = finite(self.prior.decode(latent.x), *_CODER)
        image = decoded.clamp(0, 1)
        if doubt := doubts.of_values(decoded, operator) or doubts.of_agreement(image, operator, y):
            warn(doubt)
        seconds = time.perf_counter() - began
        recipe = self.recipe.model_copy(update={"seed": seeds[0], "tile": self._tile})
        return Restoration(image, evaluator.nfe, seconds, evaluator.seconds, recipe, steps)

    def with_recipe(self, recipe: Recipe) -> "Restorer":
        """This restorer, with ``recipe`` in the place of ``strength="auto"``; what else was said stays."""
        said = self._said.model_copy(update=dict.fromkeys(("strength", "detail", "samples", "prior")))
        objects = {**self._objects, "prior": self.prior}
        options: dict[str, Any] = {"device": str(self.device), "dtype": self.recipe.dtype, "plugins": self._host}
        other = type(self)(**objects, recipe=said.over(recipe), **options)
        other._prepared, other._any_size = self._prepared, self._any_size
        return other

    def _arithmetic(self) -> AbstractContextManager[None]:
        return deterministic() if self.recipe.exact else nullcontext()

    def _here(self, y: Tensor) -> Tensor:
        """``y`` on the device; for exact results where in memory every image lies alike."""
        return (y.clone(memory_format=torch.contiguous_format) if self.recipe.exact else y).to(self.device)

    def _prepare(self) -> None:
        if not self._prepared:
            self.prior.prepare(self.device, self.dtype)
            self._prepared = True

    def __repr__(self) -> str:
        parts = {kind: getattr(self, kind) for kind in KINDS}
        settings = {name: getattr(self.recipe, name) for name in ("strength", "steps", "detail", "samples", "seed")}
        told = {**parts, **settings, "device": str(self.device), "dtype": self.recipe.dtype}
        return f"Restorer({', '.join(f'{name}={value!r}' for name, value in told.items() if value is not None)})"

    def __getstate__(self) -> dict[str, Any]:
        """Without the plugins, which are the other process's own, and prepared anew there."""
        return {**vars(self), "_host": None, "_prepared": False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _host=host())
