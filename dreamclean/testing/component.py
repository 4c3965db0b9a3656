"""What is checked of every component, and what the suites run components on."""

import json
import re
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from dreamclean.contracts.component import Component, parse_spec, validated
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.host.host import host
from dreamclean.recipe.recipe import make_recipe

Size = tuple[int, int]

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def pictures(size: Size, dtype: torch.dtype = torch.float32) -> Tensor:
    """Two pictures (2, 3, height, width) in [0.05, 0.95] with large forms and fine texture, always the same."""
    generator = torch.Generator().manual_seed(0)
    forms = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    texture = torch.rand(2, 3, *size, generator=generator, dtype=torch.float64)
    return (0.05 + 0.8 * F.interpolate(forms, size, mode="bilinear") + 0.1 * texture).to(dtype)


class Noise:
    """Standard normal noise as the loop hands it out: for each image from a generator of its own."""

    def __init__(self, *seeds: int) -> None:
        self.calls = 0
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.stack([torch.randn(x.shape[1:], generator=g, dtype=x.dtype) for g in self._generators])


def distance(value: Tensor, wanted: Tensor) -> float:
    """||value - wanted|| / ||wanted||; infinite where a value is not finite."""
    if not value.isfinite().all():
        return float("inf")
    return float((value - wanted).norm() / wanted.norm().clamp(min=1e-12))


def string_form(component: Component) -> str:
    """``name:key=value,...`` with every setting that is not None."""

    def text(value: Any) -> str:
        return "/".join(map(text, value)) if isinstance(value, list) else str(value)

    settings = component.model_dump(mode="json").items()
    return f"{component.name}:" + ",".join(f"{key}={text(value)}" for key, value in settings if value is not None)


def remade(component: Component, spec: Any) -> Component:
    """The component that ``spec`` stands for, if it names ``component``'s class."""
    name, settings = parse_spec(spec)
    assert name == component.name
    return validated(type(component), name, settings)


class ComponentSuite:
    """Checked of every kind. Set ``component``; ``registered = False`` if no installed plugin registers it."""

    component: Any
    registered: ClassVar[bool] = True

    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest) -> Any:
        """The component, from the attribute or the fixture called ``component``."""
        own = getattr(type(self), "component", None)
        return own if isinstance(own, Component) else request.getfixturevalue("component")

    def test_an_installed_plugin_registers_it(self, subject: Any) -> None:
        if not self.registered:
            pytest.skip("the suite says registered = False")
        provider = host().provider(subject)
        assert provider, f"no installed plugin registers {type(subject).__name__}; failures: {host().failures}"
        assert host().find(subject.kind, f"{provider[0]}/{subject.name}").component is type(subject)

    def test_name_can_be_written_everywhere(self, subject: Any) -> None:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", subject.name)

    def test_summary_is_one_line(self, subject: Any) -> None:
        assert 0 < len(subject.summary()) <= 120, "the docstring's first line is the summary"

    def test_every_setting_is_described(self, subject: Any) -> None:
        silent = [name for name, field in type(subject).model_fields.items() if not field.description]
        assert not silent, "write Field(..., description=...)"

    def test_there_is_a_schema(self, subject: Any) -> None:
        assert type(subject).model_json_schema()["additionalProperties"] is False

    def test_config_form(self, subject: Any) -> None:
        config = json.loads(json.dumps(subject.spec()))
        assert dict(remade(subject, config)) == dict(subject)

    def test_string_form(self, subject: Any) -> None:
        assert dict(remade(subject, string_form(subject))) == dict(subject), "lists need IntList or FloatList"

    def test_recipe_form(self, subject: Any) -> None:
        recipe = make_recipe(**{subject.kind: subject})
        assert dict(remade(subject, getattr(recipe, subject.kind))) == dict(subject)

    def test_object_form(self, subject: Any) -> None:
        assert host().make(subject.kind, subject) is subject

    def test_is_frozen(self, subject: Any) -> None:
        assert type(subject).model_config.get("frozen")
        for name, value in subject:
            with pytest.raises(ValidationError):
                setattr(subject, name, value)

    def test_unknown_setting_is_refused(self, subject: Any) -> None:
        with pytest.raises(DreamCleanError, match="no_such_setting"):
            type(subject)(**{**dict(subject), "no_such_setting": 1})
