"""``Restorer``: settings in, pictures in, results out."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Unpack, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreamclean.contracts.component import Spec
from dreamclean.contracts.double import single
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.planner import Plan
from dreamclean.contracts.warn import warn_of
from dreamclean.host.host import Host, host
from dreamclean.method.arrays import check_array, pixels_of, restore_array
from dreamclean.method.blame import blame
from dreamclean.method.each import restore_each
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.exact import deterministic
from dreamclean.method.explanation import Explanation, explanation_of
from dreamclean.method.frames import once, restore_frames, several
from dreamclean.method.given import ArrayT, File, FileT, Given, Seed, Seeds, Several, check_shape, check_values, opened
from dreamclean.method.loaded import sized
from dreamclean.method.marks import check_place, check_size, kept, masked
from dreamclean.method.measured import NO_FILE, info_of, measured
from dreamclean.method.noise import seeds_of
from dreamclean.method.planned import planned
from dreamclean.method.resolved import recipe_of_run
from dreamclean.method.restoration import Restoration, carrying, joined
from dreamclean.method.run import Listener, Watch, run
from dreamclean.method.setup import set_up
from dreamclean.method.surroundings import undisturbed
from dreamclean.pictures.decoding import check_limit
from dreamclean.recipe.settings import KINDS, Settings, check_names, signature_with


class Restorer:
    """Restore degraded images with a diffusion prior.

    What is not given comes from ``recipe``, then ``preset``, then the planner's plan for the image, then the prior's own
    recommendation, then the paper; ``explain`` tells which value came from where.

    Args:
        prior: the model of clean images, also by name as a setting; None: the default one.
        plugins: where components are found; None: the installed ones.
        model: the ``model`` of another restorer of this prior, device and dtype, which is used in place of one of its own.
        settings: those of ``Settings``. Components are given as objects, strings (``"vps:gamma=0.05"``) or config
            dicts; no operator: blind. The planner decides what each image needs; with a strength, a preset or an
            operator it is ``fixed``. A recipe is a ``Recipe``, its fields as a dict, or a file.

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
        /,
        *,
        model: Model | None = None,
        plugins: Host | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        check_names(settings)
        if prior is not None and settings.setdefault("prior", prior) is not prior:
            raise DreamCleanError("two priors are given, one by place and one by name; give one")
        self._max_megapixels = settings.get("max_megapixels")
        check_limit(self._max_megapixels)
        self._mask, self._keep = settings.get("mask"), settings.get("keep")
        self._host = plugins or host()
        self._setup = setup = set_up(settings, self._host, model)
        known = setup.fixed or setup
        self.prior, self.operator, self.planner = known.prior, known.operator, setup.planner
        self.guidance, self.initializer, self.corrector = known.guidance, known.initializer, known.corrector
        self.sampler, self.path, self.spacing, self.recipe = known.sampler, known.path, known.spacing, known.recipe
        self.levels: Sequence[Level] = setup.fixed.levels if setup.fixed else []
        self.device, self.dtype = setup.device, setup.dtype
        if setup.fixed:
            warn_of(setup.doubt_of(settings.get("preset"), setup.fixed))

    @property
    def model(self) -> Model:
        """What the prior loaded."""
        return self._setup.model

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
        to the last bit and otherwise but for the rounding of ``dtype``, which a step can amplify. One ``seed`` is that of
        each image; a sequence has one for each, so ``restorer(y.repeat(16, 1, 1, 1), seed=range(16))`` draws 16 samples. An exception in ``on_step`` ends the run.
        """
        watch = Watch(self._host.tell, on_step, trace)
        if isinstance(image, list | tuple):
            return restore_each(lambda one, own, first: self._restore_one(one, own, watch.after(first)), image, seed)
        return self._restore_one(image, seed, watch)

    @blame()
    def _restore_one(self, image: Given, seed: Any, watch: Watch) -> Restoration[Any]:
        """A picture or a batch."""
        if isinstance(image, Tensor):
            return self._restore_tensor(image, image, seed, watch)
        if isinstance(image, np.ndarray):
            return restore_array(
                image,
                self.operator,
                lambda picture: self._restore_one(picture, seed, watch),
                lambda y, picture: self._restore_tensor(y, picture, seed, watch),
            )
        stills = several(image, self._max_megapixels)
        if stills:
            alike = object.__new__(Restorer)
            vars(alike).update(vars(self), planner=once(self.planner))
            return restore_frames(lambda still, k: alike._restore_one(still, seed, watch.after(k)), stills)
        picture = opened(image, self._max_megapixels)
        self._check_masks(picture.pixels)
        pixels, operator = measured(picture.pixels, self.operator)
        check_place(self._keep, picture.pixels, pixels, operator)
        result: Restoration[Any] = self._run(pixels, operator, info_of(picture), seed, watch)
        image = kept(result.image, picture.pixels, self._keep)
        restored = picture.with_pixels(image, keep_grey=pixels.shape[1] != 1)
        return replace(result, image=carrying(restored, result.recipe))

    def _restore_tensor(self, y: Tensor, picture: Tensor, seed: Any, watch: Watch) -> Restoration[Tensor]:
        """A batch, in single precision at least; what is kept is that of ``picture``, which ``y`` was measured from."""
        check_values(y, self.operator)
        self._check_masks(picture)
        check_shape(y, self.operator)
        check_place(self._keep, picture, y, self.operator)
        made = self._run(masked(single(y), self._mask), self.operator, NO_FILE, seed, watch)
        image = kept(made.image.to(y), picture, self._keep)
        return replace(made, image=image.clone() if image is y else image)  # nothing was to be done

    def _check_masks(self, picture: Tensor) -> None:
        check_size(self._mask, "mask", picture)
        check_size(self._keep, "keep", picture)

    @blame()
    @undisturbed()
    def plan(self, image: Given) -> Plan:
        """What the planner says of a picture, or of a tensor (1, 3, H, W) in [0, 1]; nothing is restored."""
        info = NO_FILE
        if isinstance(image, np.ndarray):
            check_array(image)
            image = pixels_of(image)
        if isinstance(image, Tensor):
            check_values(image)
        else:
            picture = opened(image, self._max_megapixels)
            image, info = picture.pixels, info_of(picture)
        check_shape(image, None)
        image = single(image)
        if len(image) > 1:
            raise DreamCleanError("a plan is for one image; give (1, 3, H, W)")
        self._check_masks(image)
        with self._arithmetic():
            return self.planner(self._here(image), info, self.prior, self._evaluator(image).model)

    @blame()
    def explain(self, image: Given) -> Explanation:
        """Every setting of the restoration of ``image`` and where it comes from; nothing is restored.

        DreamCleanError where the picture cannot be read, or nothing can be done with it.
        """
        if self._setup.fixed and not isinstance(image, Tensor | np.ndarray):
            self._check_masks(opened(image, self._max_megapixels).pixels)
        return explanation_of(self._setup, Plan() if self._setup.fixed else self.plan(image))

    @undisturbed()
    def _run(
        self,
        y: Tensor,
        operator: Operator | None,
        info: Mapping[str, Any],
        seed: int | Sequence[int] | None,
        watch: Watch,
    ) -> Restoration[Tensor]:
        check_shape(y, operator)
        seeds = seeds_of(self.recipe.seed if seed is None else seed, len(y))
        if len(y) > 1 and (self.recipe.exact or not self._setup.fixed):
            alone = [self._run(y[k : k + 1], operator, info, seeds[k], watch.after(k)) for k in range(len(y))]
            return joined(alone, recipe_of_run(self.recipe, seeds[0], self._setup.tiles))
        with self._arithmetic():
            if fixed := self._setup.fixed:
                return run(fixed.with_operator(operator), self._here(y), seeds, watch)
            return self._planned(self._here(y), info, seeds[0], watch)

    def _planned(self, image: Tensor, info: Mapping[str, Any], seed: int, watch: Watch) -> Restoration[Tensor]:
        """One image (1, 3, H, W) as the planner says."""
        own = self.recipe.model_copy(update={"seed": seed})

        def follow(plan: Plan) -> Restoration[Tensor]:
            how = self._setup.resolved(plan.recipe or {})
            y, operator = measured(image, how.operator)
            check_shape(y, operator)
            return run(how.with_operator(operator), self._here(y), [seed], watch)

        return planned(self.planner, self.prior, image, info, own, lambda: self._evaluator(image), follow)

    def _arithmetic(self) -> AbstractContextManager[None]:
        return deterministic() if self.recipe.exact else nullcontext()

    def _here(self, y: Tensor) -> Tensor:
        """``y`` on the device, and no tensor of torch's inference mode; for exact results where in memory every image lies alike."""
        copied = self.recipe.exact or y.is_inference()
        return (y.clone(memory_format=torch.contiguous_format) if copied else y).to(self.device)

    def _evaluator(self, image: Tensor) -> Evaluator:
        return Evaluator(sized(self.model, *image.shape[-2:]), tiles=self._setup.tiles)

    def __repr__(self) -> str:
        parts = {kind: getattr(self, kind) for kind in KINDS if kind != "planner" or self.planner.looks}
        settings = {name: getattr(self.recipe, name) for name in ("strength", "steps", "seed")}
        told = {**parts, **settings, "device": str(self.device), "dtype": self.recipe.dtype}
        return f"Restorer({', '.join(f'{name}={value!r}' for name, value in told.items() if value is not None)})"


Restorer.__signature__ = signature_with(Restorer.__init__)  # type: ignore[attr-defined]  # for help() and notebooks
