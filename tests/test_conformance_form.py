"""A component's form is checked by the first suite of its class alone; its values by every suite."""

import pytest

from dreamclean import Corrector
from dreamclean.testing import CorrectorSuite
from dreamclean.testing.component import FormSuite

FORM = {name for name in vars(FormSuite) if name.startswith("test_")}


class Still(Corrector):
    """Leaves everything as it is."""

    name = "still"
    how: str = "so"

    def __call__(self, latent, denoise, noise):
        return latent


class First(CorrectorSuite):
    component = Still()


class Second(CorrectorSuite):
    component = Still(how="thus")

    def test_is_frozen(self) -> None:
        """Its own stays."""


class ByFixture(CorrectorSuite):
    @pytest.fixture
    def component(self) -> Still:
        return Still()


def collected(suite: type) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_") and callable(getattr(suite, name))}


def test_conformance_checks_the_form_in_the_first_suite_of_a_class():
    assert len(FORM) == 8
    assert collected(First) >= FORM
    assert collected(First) - collected(Second) == FORM - {"test_is_frozen"}


def test_conformance_checks_the_form_where_a_fixture_makes_the_component():
    assert collected(ByFixture) == collected(First)
    assert {"test_string_form", "test_config_form", "test_recipe_form", "test_level_is_kept"} <= collected(Second)
