"""A stand-in for ComfyUI's ``comfy_api.latest``: the part of the V3 schema that the nodes use, written for these tests.

It is not ComfyUI's code, which is no package of PyPI; where the real one can be imported, the tests use that.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

_WIDGETS = {
    "STRING": {"default", "multiline"},
    "INT": {"default", "min", "max", "step"},
    "FLOAT": {"default", "min", "max", "step"},
}


class _Slot:
    def __init__(self, io_type: str, id: str | None = None, **more: Any) -> None:
        known = {"display_name", "optional", "tooltip", "lazy"} | _WIDGETS.get(io_type, set())
        if unknown := more.keys() - known:
            raise TypeError(f"{io_type} takes no {unknown.pop()}")
        self.io_type, self.id, self.optional, self.more = io_type, id, more.get("optional", False), more


def _type(name: str) -> Any:
    return SimpleNamespace(
        io_type=name,
        Input=lambda id, **more: _Slot(name, id, **more),
        Output=lambda id=None, **more: _Slot(name, id, **more),
    )


@dataclass
class Schema:
    node_id: str
    category: str
    display_name: str | None = None
    inputs: list[_Slot] = field(default_factory=list)
    outputs: list[_Slot] = field(default_factory=list)
    description: str = ""


class NodeOutput:
    def __init__(self, *args: Any) -> None:
        self.args = args

    @property
    def result(self) -> tuple[Any, ...]:
        return self.args


class ComfyNode(ABC):
    @classmethod
    @abstractmethod
    def define_schema(cls) -> Schema: ...

    @classmethod
    @abstractmethod
    def execute(cls, **kwargs: Any) -> NodeOutput: ...


class ComfyExtension(ABC):
    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]: ...


io = SimpleNamespace(
    ComfyNode=ComfyNode,
    Schema=Schema,
    NodeOutput=NodeOutput,
    Custom=_type,
    Image=_type("IMAGE"),
    String=_type("STRING"),
    Int=_type("INT"),
    Float=_type("FLOAT"),
    Model=_type("MODEL"),
    Vae=_type("VAE"),
    Conditioning=_type("CONDITIONING"),
)
