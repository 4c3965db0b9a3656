"""A component that breaks its contract is told what is wrong and what to do, in a line without tensors."""

import pytest
import torch
from pydantic import Field

from dreamclean import Corrector, DDPMSchedule, LinearOperator, Model, Prior, Spacing
from dreamclean.testing import CorrectorSuite, LinearOperatorSuite, PriorSuite, SpacingSuite, loaded, pictures
from dreamclean.testing.moves import Scene

X = pictures((8, 8))
SCENE = Scene(X, std=0.2)


class Square(LinearOperator):
    """Not linear."""

    name = "square"

    def degrade(self, x):
        return x * x


class Transposed(LinearOperator):
    """An adjoint that is not of it."""

    name = "transposed"

    def degrade(self, x):
        return 2 * x

    def adjoint(self, y):
        return y


class Batched(Corrector):
    """Looks at the whole batch, draws from torch, and writes on its argument."""

    name = "Bat ched"
    how: str = Field(default="batch")

    def __call__(self, latent, denoise, noise):
        x = latent.x
        if self.how == "batch":
            return latent.corrected(x - x.mean())
        return latent.corrected(x + torch.randn_like(x) if self.how == "torch" else x.mul_(2))


class Alien(Prior):
    """Remembers how often it was asked."""

    name = "alien"

    def load(self, device, dtype):
        calls = []

        def predict(x, level):
            calls.append(x)
            return len(calls) * x

        return Model(DDPMSchedule.linear(), predict)


class Back(Spacing):
    """Turns back half way, or says too many."""

    name = "back"
    more: int = Field(default=0)

    def __call__(self, schedule, top, steps):
        return [schedule.lowest, *([2 * top] * (steps - 1 + self.more)), top]


LINEAR, MOVES, PRIORS, SPACINGS = LinearOperatorSuite(), CorrectorSuite(), PriorSuite(), SpacingSuite()
BROKEN = {
    "is not linear.*derive from Operator": lambda: LINEAR.test_linearity(Square(), X),
    "leave it to autograd": lambda: LINEAR.test_adjoint_passes_the_dot_product_test(Transposed(), torch.float64),
    "rest of its batch; treat every image apart": lambda: MOVES.test_rest_of_the_batch_does_not_matter(
        Batched(), SCENE
    ),
    "same seeds differ; draw noise with": lambda: MOVES.test_same_seed_same_result(Batched(how="torch"), SCENE),
    "argument x was changed; work on a copy": lambda: MOVES.test_input_is_left_alone(Batched(how="in place"), SCENE),
    "the picture changes: .*scale what is left by a": lambda: MOVES.test_level_is_kept(Batched(how="in place"), "ddpm"),
    "predict differs from call to call": lambda: PRIORS.test_prediction_is_repeatable_and_leaves_its_input_alone(
        loaded(Alien())
    ),
    "the timesteps do not rise": lambda: SPACINGS.test_timesteps_rise_from_the_lowest_to_the_top(Back(), "ve", 2),
    "timesteps for 2 steps; return steps": lambda: SPACINGS.test_timesteps_rise_from_the_lowest_to_the_top(
        Back(more=1), "ve", 2
    ),
    "the name 'Bat ched' may have": lambda: MOVES.test_name_can_be_written_everywhere(Batched()),
    "how: not described; write Field": lambda: MOVES.test_every_setting_is_described(Batched()),
}


@pytest.mark.parametrize("said", BROKEN)
def test_suites_say_what_to_do(said: str):
    with pytest.raises(AssertionError, match=said) as caught:
        BROKEN[said]()
    assert "tensor(" not in str(caught.value)
    assert "\n" not in str(caught.value)
