"""An outside package's path: time travel (RePaint, Lugmayr et al. 2022; DDNM, Wang et al. 2023, section 3.3)."""

import itertools

import torch
from pydantic import Field

from dreamclean import DDPMSchedule, Host, Latent, Mixture, Path, Restorer
from dreamclean.method.loop import climb


class TimeTravel(Path):
    """Climb back ``length`` levels, ``repeats`` times at every ``length``-th level, and come down again."""

    name = "time-travel"
    length: int = Field(default=2, ge=1, description="Levels to climb")
    repeats: int = Field(default=1, ge=1, description="Times that each stretch is gone through again")

    def __call__(self, levels):
        order, top = [], len(levels) - 1
        for index in range(top - 1, -1, -1):
            order.append(levels[index])
            if 0 < index <= top - self.length and (top - index) % self.length == 0:
                for _ in range(self.repeats):
                    order += [levels[index + self.length], *levels[index + self.length - 1 : index - 1 : -1]]
        return order


IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def run(**settings):
    settings |= {"operator": "inpaint:share=0.5", "corrector": "none", "strength": 400, "steps": 8}
    restorer = Restorer(Mixture.around(IMAGES, std=0.05), plugins=Host([]), **settings)
    heard, y = [], restorer.operator.degrade(IMAGES[:1])
    return restorer(y, on_step=heard.append), [step.level.t for step in heard], heard


def test_time_travel_climbs_and_comes_down():
    result, visited, heard = run(path=TimeTravel(length=2, repeats=1))
    assert visited[:6] == [400, 350, 300, 400, 350, 300]
    assert visited[-1] == 0 and max(visited) == 400
    climbs = sum(b > a for a, b in itertools.pairwise(visited))
    assert climbs == 3
    assert result.nfe == len(visited) - 1 - climbs  # climbing costs no evaluation
    assert heard[-1].index == heard[-1].total == len(visited) - 1


def test_climb_is_the_forward_step():
    low, high = (DDPMSchedule.linear().at(t) for t in (200, 400))
    x, z = torch.randn(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    c = high.alpha / low.alpha
    wanted = c * x + (high.sigma**2 - (c * low.sigma) ** 2) ** 0.5 * z
    assert torch.allclose(climb(Latent(x, low), high, lambda _: z).x, wanted, atol=1e-12)


def test_path_without_time_travel_is_straight():
    _, visited, _ = run()
    assert visited == sorted(visited, reverse=True)
