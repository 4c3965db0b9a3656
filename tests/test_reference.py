"""The Python reference defines the types that its signatures name."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/reference/python.md").read_text()
ELSEWHERE = set(
    [
        "Annotated",
        "Any",
        "BeforeValidator",
        "Callable",
        "ClassVar",
        "Exception",
        "FileT",
        "Unpack",
        "ArrayT",
        "ImageT_co",
        "Generator",
        "Generic",
        "Protocol",
        "UserWarning",
        "ValueError",
        "Image",
        "Iterable",
        "Iterator",
        "Literal",
        "Mapping",
        "NamedTuple",
        "None",
        "PlainSerializer",
        "Path",
        "Self",
        "Sequence",
        "Size",
        "Tensor",
        "True",
        "Typer",
        "False",
    ]
)
"""Python's, torch's, Pillow's, pydantic's and typer's; and variables for types."""


def test_reference_defines_every_type_in_a_signature():
    signatures = re.findall(r"^\*\*`([^`\n]*)`\*\*|^- `(\w+: [^`\n]*)`", PAGE, re.MULTILINE)
    signatures += re.findall(r"^```py\n()(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "", "\n".join(part for parts in signatures for part in parts))
    named = set(re.findall(r"\b[A-Z]\w*[a-z]\w*\b", text)) - ELSEWHERE
    defined = set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))
    assert not sorted(named - defined)
    assert {"Noise", "Spec", "Listener", "Predict"} <= named | defined


def test_reference_describes_a_type_as_what_it_is():
    for name in ("IntList", "FloatList"):
        section = PAGE.split(f"## {name}\n")[1].split("\n## ")[0]
        assert "hook" not in section
        assert "The type of a setting of several" in section
