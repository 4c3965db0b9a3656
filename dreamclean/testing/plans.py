"""Suites of planners and paths."""

from collections.abc import Sequence
from typing import Any, ClassVar

from dreamclean.builtin.priors.mixture import Mixture
from dreamclean.builtin.spacings.uniform import Uniform
from dreamclean.contracts.component import Component
from dreamclean.contracts.errors import Refusal
from dreamclean.contracts.levels import DDPMSchedule, Level
from dreamclean.contracts.planner import Plan
from dreamclean.host.host import host
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.measured import NO_FILE
from dreamclean.recipe.recipe import make_recipe
from dreamclean.recipe.settings import KINDS
from dreamclean.restorer import Restorer
from dreamclean.testing.check import check, check_equal
from dreamclean.testing.component import ComponentSuite, Size, pictures
from dreamclean.testing.loaded import loaded


class PlannerSuite(ComponentSuite):
    """A planner decides what a picture needs."""

    size: ClassVar[Size] = (32, 40)

    def plan(self, subject: Any) -> tuple[Any, Any, int]:
        """Its plan for a picture, the picture afterwards, and the evaluations it took."""
        image = pictures(self.size)[:1]
        prior = Mixture.around(pictures(self.size), std=0.2)
        evaluator = Evaluator(loaded(prior))
        return subject(image, NO_FILE, prior, evaluator.model), image, evaluator.nfe

    def test_plan_is_a_recipe(self, subject: Any) -> None:
        plan, _, _ = self.plan(subject)
        if plan.recipe is not None:
            recipe = make_recipe(**plan.recipe)  # DreamCleanError says which field is wrong
            for kind in KINDS:
                spec = plan.recipe.get(kind) if isinstance(plan.recipe.get(kind), Component) else getattr(recipe, kind)
                if spec is not None:
                    host().make(kind, spec)  # DreamCleanError says which component or setting there is not

    def test_picture_is_left_alone(self, subject: Any) -> None:
        _, image, _ = self.plan(subject)
        check_equal(image, pictures(self.size)[:1], "the planner's argument image was changed; work on a copy")

    def test_plan_is_repeatable(self, subject: Any) -> None:
        first, second = self.plan(subject)[0], self.plan(subject)[0]
        check(first.recipe == second.recipe, "two plans for one picture differ; draw nothing at random")

    def test_plan_can_be_followed(self, subject: Any) -> None:
        """And what comes of it reviewed, unless it refuses."""
        image = pictures(self.size)[:1]
        prior = Mixture.around(pictures(self.size), std=0.2)
        try:
            made = Restorer(prior, planner=subject, device="cpu", dtype="float32")(image)
        except Refusal:
            return
        check(made.image.isfinite().all(), "what it plans gives NaN or infinity")
        check_equal(image, pictures(self.size)[:1], "the planner or its review changed the image; work on a copy")

    def test_planner_that_does_not_look_has_no_plan(self, subject: Any) -> None:
        plan, _, nfe = self.plan(subject)
        check(subject.looks or not nfe, "looks is False, but it calls the prior; set looks = True")
        check(subject.looks or plan == Plan(), "looks is False, so its plan is not asked for; set looks = True")

    def test_report_can_be_told(self, subject: Any) -> None:
        report = self.plan(subject)[0].report
        if report is not None:
            check(report.words() and report.summary(), "the report says nothing in words() or summary()")
            check(isinstance(report.spec(), dict), "report.spec() returns a dict of JSON-ready values")


class PathSuite(ComponentSuite):
    """A path visits levels and ends at the picture."""

    def test_it_ends_at_the_picture(self, subject: Any) -> None:
        for steps in (1, 12):
            self.check_order(subject, DDPMSchedule.linear().ladder(300, steps, Uniform()))

    def check_order(self, subject: Any, levels: Sequence[Level]) -> None:
        """The order in which a path visits ``levels``."""
        order = subject(levels)
        check(isinstance(order, Sequence), f"it returns a {type(order).__name__}; return a list of levels")
        check(order and order[-1] == levels[0], "the last level is not the picture's own, levels[0]")
        check(set(order) <= set(levels), "a level is not one of those given; return elements of levels")
        steps = zip([levels[-1], *order], order, strict=False)
        check(
            all(a != b for a, b in steps), "a level comes twice in a row (the path starts after the top); leave one out"
        )
