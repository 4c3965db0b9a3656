"""Conformance tests for component authors: subclass the suite of your component's kind.

    from dreamclean.testing import LinearOperatorSuite

    class TestMyBlur(LinearOperatorSuite):
        component = MyBlur(radius=3)

``component`` may also be a fixture. The suites check what the contracts say; they need pytest.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("component", "guidance", "moves", "operators", "plans", "priors", "spacings"))
)

from dreamclean.testing.component import ComponentSuite, Noise, pictures  # noqa: E402
from dreamclean.testing.guidance import GuidanceSuite  # noqa: E402
from dreamclean.testing.loaded import loaded  # noqa: E402
from dreamclean.testing.moves import CorrectorSuite, InitializerSuite, SamplerSuite  # noqa: E402
from dreamclean.testing.operators import LinearOperatorSuite, OperatorSuite  # noqa: E402
from dreamclean.testing.plans import PathSuite, PlannerSuite  # noqa: E402
from dreamclean.testing.priors import PriorSuite  # noqa: E402
from dreamclean.testing.spacings import SpacingSuite  # noqa: E402

__all__ = [
    "ComponentSuite",
    "CorrectorSuite",
    "GuidanceSuite",
    "InitializerSuite",
    "LinearOperatorSuite",
    "Noise",
    "OperatorSuite",
    "PathSuite",
    "PlannerSuite",
    "PriorSuite",
    "SamplerSuite",
    "SpacingSuite",
    "loaded",
    "pictures",
]
