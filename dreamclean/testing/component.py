"""Tests for every component, and the inputs of all suites."""

import json
import re
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from dreamclean.contracts.component import FROM_PYTHON, Component, parse_spec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Chain
from dreamclean.host.host import host
from dreamclean.recipe.recipe import make_recipe
from dreamclean.recipe.settings import KINDS
from dreamclean.testing.check import check

Size = tuple[int, int]

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def pictures(size: Size, dtype: torch.dtype = torch.float32) -> Tensor:
    """Two fixed pictures (2, 3, height, width) in [0.05, 0.95] with large shapes and fine texture."""
    generator = torch.Generator().manual_seed(0)
    forms = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    texture = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    return (0.05 + 0.8 * F.interpolate(forms, size, mode="bilinear") + 0.1 * texture).to(dtype)


class Noise:
    """Standard normal noise as the loop provides it: each image has its own generator."""

    def __init__(self, *seeds: int) -> None:
        self.calls = 0
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.stack([torch.randn(x.shape[1:], generator=g, dtype=x.dtype) for g in self._generators])


def string_form(component: Component) -> str:
    """``name:key=value,...`` with every setting that is not None."""

    def text(value: Any) -> str:
        return "/".join(map(text, value)) if isinstance(value, list) else str(value)

    if isinstance(component, Chain):
        return " | ".join(map(string_form, component.links))
    settings = component.model_dump(mode="json").items()
    return f"{component.name}:" + ",".join(f"{key}={text(value)}" for key, value in settings if value is not None)


def remade(component: Component, spec: Any) -> Component:
    """The component that ``spec`` stands for, if it names ``component``'s class."""
    name, settings = parse_spec(spec)
    settings.pop(FROM_PYTHON, None)
    check(name == component.name, f"the form names '{name}', not '{component.name}'; leave spec() as it is")
    if isinstance(component, Chain):
        settings["links"] = [remade(link, one) for link, one in zip(component.links, settings["links"], strict=True)]
    return type(component)(**settings)


LOSES = "make every setting a field that keeps what it is given; for several numbers use IntList or FloatList"


_CHECKED: set[type[Component]] = set()
"""Classes whose form a suite checks already."""


class FormSuite:
    """Tests that do not depend on the settings: only the first suite of a class runs them."""

    registered: ClassVar[bool] = True

    def test_an_installed_plugin_registers_it(self, subject: Any) -> None:
        if not self.registered:
            pytest.skip("the suite says registered = False")
        provider = host().provider(subject)
        missing = f"no installed plugin registers {type(subject).__name__}; failures: {host().failures}"
        check(provider, f"{missing}; install the package, or set registered = False in the suite")
        assert provider
        found = host().find(subject.kind, f"{provider[0]}/{subject.name}").component
        check(
            found is type(subject).listed(), f"{provider[0]} registers {found.__name__} by this name; install it anew"
        )

    def test_name_can_be_written_everywhere(self, subject: Any) -> None:
        fits = re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", subject.name)
        check(fits, f"the name '{subject.name}' may have small letters, digits and single hyphens only; choose another")

    def test_summary_is_one_line(self, subject: Any) -> None:
        said = len(subject.summary())
        check(0 < said <= 120, f"the docstring's first line, the summary, has {said} letters; write 1 to 120")

    def test_every_setting_is_described(self, subject: Any) -> None:
        silent = [name for name, field in type(subject).model_fields.items() if not field.description]
        check(not silent, f"{', '.join(silent)}: not described; write Field(default=..., description=...)")

    def test_there_is_a_schema(self, subject: Any) -> None:
        open_ended = type(subject).model_json_schema().get("additionalProperties", True)
        check(open_ended is False, "settings of any name are taken; leave model_config's extra='forbid' as it is")

    def test_object_form(self, subject: Any) -> None:
        made = host().make(subject.kind, subject)
        check(made is subject, "the host does not accept the object; derive its class from the base class of its kind")

    def test_is_frozen(self, subject: Any) -> None:
        check(type(subject).model_config.get("frozen"), "it can be changed; leave model_config's frozen=True as it is")
        for name, value in subject:
            with pytest.raises(ValidationError):
                setattr(subject, name, value)

    def test_unknown_setting_is_refused(self, subject: Any) -> None:
        with pytest.raises(DreamCleanError, match="no_such_setting"):
            type(subject)(**{**dict(subject), "no_such_setting": 1})


class ComponentSuite(FormSuite):
    """Tests for every kind. Set ``component``, and ``registered = False`` if no installed plugin registers it."""

    component: Any

    def __init_subclass__(cls) -> None:
        """Removes ``FormSuite``'s tests from later suites of a class, except those that they override."""
        super().__init_subclass__()
        component = vars(cls).get("component")
        if not isinstance(component, Component):
            return
        if type(component) in _CHECKED:
            for name in vars(FormSuite).keys() - vars(cls).keys():
                if name.startswith("test_"):
                    setattr(cls, name, None)  # pytest passes over what cannot be called
        _CHECKED.add(type(component))

    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest) -> Any:
        """The component, from the attribute or the fixture called ``component``."""
        own = getattr(type(self), "component", None)
        return own if isinstance(own, Component) else request.getfixturevalue("component")

    def test_config_form(self, subject: Any) -> None:
        config = json.loads(json.dumps(subject.spec()))
        check(dict(remade(subject, config)) == dict(subject), f"{config} makes another component; {LOSES}")

    def test_string_form(self, subject: Any) -> None:
        text = string_form(subject)
        check(dict(remade(subject, text)) == dict(subject), f"'{text}' makes another component; {LOSES}")

    def test_recipe_form(self, subject: Any) -> None:
        if subject.kind not in KINDS:
            pytest.skip("recipes have no field for components of this kind")
        recipe = make_recipe(**{subject.kind: subject})
        table = getattr(recipe, subject.kind)
        check(dict(remade(subject, table)) == dict(subject), f"a recipe's {table} makes another component; {LOSES}")
