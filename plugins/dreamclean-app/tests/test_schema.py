"""Forms' fields from the schemas of components."""

from pathlib import Path
from typing import Literal

import pytest
from dreamclean_app.schema import fields_of
from pydantic import Field

from dreamclean import VPS, Blur, Component, FloatList, Inpaint
from dreamclean.host.host import host


class Example(Component):
    kind = "example"
    name = "example"
    share: float = Field(default=0.5, ge=0, le=1, description="A share")
    count: int | None = Field(default=None, ge=1, description="A count")
    form: Literal["round", "square"] | None = Field(default=None, description="A form")
    on: bool = True
    stds: FloatList = (1.0, 2.0)
    file: Path | None = None
    words: str = Field(description="Needed")


def test_fields_of_a_component_are_those_of_its_schema() -> None:
    found = {field.name: field for field in fields_of(Example)}
    assert [field.kind for field in found.values()] == ["number", "integer", "choice", "flag", "text", "file", "text"]
    assert (found["share"].low, found["share"].high, found["share"].default) == (0, 1, 0.5)
    assert found["count"].low == 1 and found["count"].high is None and found["count"].default is None
    assert found["form"].choices == ("round", "square", None)
    assert [name for name, field in found.items() if field.needed] == ["words"]
    assert found["share"].description == "A share"


@pytest.mark.parametrize("entry", [entry for entry in host().collect()], ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_fields_of_every_installed_component_can_be_read(entry) -> None:
    fields = fields_of(entry.component)
    assert [field.name for field in fields] == list(entry.component.model_fields)


def test_fields_of_built_in_components_know_files_and_bounds() -> None:
    assert {field.name: field.kind for field in fields_of(Blur)}["file"] == "file"
    assert {field.name: field.kind for field in fields_of(Inpaint)}["mask"] == "file"
    gamma = next(field for field in fields_of(VPS) if field.name == "gamma")
    assert (gamma.kind, gamma.low, gamma.high) == ("number", 0, 1)
