"""Write docs/reference/ from the code: the hooks, the built-in components, the Python names.

    python docs/build_reference.py            # writes in place
    python docs/build_reference.py --check    # exits 1 with a line for each stale file

Installed plugins make no difference.
"""

import argparse
import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import dreamclean
from dreamclean.builtin import hooks as hooks_of_kinds
from dreamclean.host import describe, hookspecs
from dreamclean.host.host import Entry, Host
from dreamclean.recipe.settings import RecipeSettings, entries

FOLDER = Path(__file__).parent / "reference"
HEAD = "<!-- Written by docs/build_reference.py; change the docstrings, then run it again. -->\n\n"

ARGUMENTS = {
    "register": "a function; call it with each class, once a class",
    "declare": "a function; call it with the kind's name, in the singular, its base class as `module:Class`, and, if it "
    "has one, its hook's own specification",
    "app": "a fresh `typer.Typer`; what is added to it becomes a command of `dreamclean`",
    "step": "a [`Step`](python.md#step): `index` of `total`, `level`, `x`, `x0`, `nfe`, `image`; copy tensors to keep them",
}

TYPES = {
    "Codec": "dreamclean.contracts.codec",
    "File": "dreamclean.method.given",
    "Seed": "dreamclean.method.given",
    "Seeds": "dreamclean.method.given",
    "Several": "dreamclean.method.given",
    "Given": "dreamclean.method.given",
    "Ask": "dreamclean.contracts.model",
    "Boundary": "dreamclean.builtin.operators.blur",
    "Cut": "dreamclean.builtin.operators.posterized",
    "Tone": "dreamclean.builtin.planners.diagnosis.tones.toned",
    "Enlarging": "dreamclean.builtin.operators.resampling",
    "Shrinking": "dreamclean.builtin.operators.resampling",
    "Coloured": "dreamclean.builtin.noise.coloured",
    "Function": "dreamclean.builtin.noise.stationary",
    "Calibration": "dreamclean.builtin.planners.diagnosis.calibration",
    "Denoise": "dreamclean.builtin.priors.denoiser",
    "Entry": "dreamclean.host.host",
    "Grid": "dreamclean.builtin.operators.grid",
    "Shifts": "dreamclean.builtin.operators.compression",
    "Subsampling": "dreamclean.builtin.operators.grid",
    "Tables": "dreamclean.builtin.operators.jpeg_tables",
    "Explained": "dreamclean.method.explanation",
    "Listener": "dreamclean.method.run",
    "Noise": "dreamclean.contracts.latent",
    "Predict": "dreamclean.contracts.estimate",
    "Declare": "dreamclean.host.hookspecs",
    "Register": "dreamclean.host.hookspecs",
    "Report": "dreamclean.contracts.planner",
    "Space": "dreamclean.contracts.levels",
    "Spec": "dreamclean.contracts.component",
    "Tiles": "dreamclean.method.tiling",
}
"""The names for types that are used in signatures, and where they are defined."""


def hook_page() -> str:
    """Each hook: signature, docstring, arguments."""
    parts = [
        "# Hooks\n\nWhat a plugin may implement: a function of the hook's name under `@dreamclean.hookimpl`. "
        "It may leave out arguments that it does not use. [Writing a plugin](../plugins.md) has an example of each."
    ]
    for name, function in hooks():
        rows = [f"- `{argument}`: {ARGUMENTS[argument]}" for argument in inspect.signature(function).parameters]
        meaning = re.sub(r"`dreamclean\.(\w+)`", linked, markdown(function))
        parts.append(f"## {name}\n\n{code(header(node_of(function)))}\n\n{meaning}\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def linked(match: re.Match[str]) -> str:
    return f"[{match[0]}](python.md#{match[1].lower()})"


def hooks() -> list[tuple[str, Callable[..., Any]]]:
    """The hook specs, in the order in which they are written."""
    specs = {**vars(hooks_of_kinds), **vars(hookspecs)}
    return [(n, f) for n, f in specs.items() if hasattr(f, "dreamclean_spec")]


def component_page() -> str:
    """Each built-in component with its settings."""
    parts = [
        "# Built-in components\n\nThe same text is printed by `dreamclean describe KIND/NAME`. "
        "Write a component as `name:key=value,key=value`, as a table `{ name = ..., key = value }`, "
        "or as a Python object."
    ]
    host = Host(plugins=[])
    for kind in host.kinds:
        parts.append(f"## {kind.capitalize()}s\n\n{markdown(host.base(kind))}")
        parts += [component(entry) for entry in host.collect() if entry.kind == kind]
    return "\n\n".join(parts) + "\n"


def component(entry: Entry) -> str:
    """A component: its name, class, docstring and settings."""
    cls = entry.component
    text = f"### {entry.name}\n\nPython: [`dreamclean.{cls.__name__}`](python.md#{cls.__name__.lower()})\n\n{markdown(cls)}"
    return f"{text}\n\n{component_settings(cls)}"


def component_settings(cls: type[Any]) -> str:
    """A table of a component's settings."""
    rows = [
        [f"`{row.name}`", row.description, row.type, f"`{row.default}`", row.bounds] for row in describe.settings(cls)
    ]
    return table(["Setting", "Meaning", "Type", "Default", "Bounds"], rows) if rows else "No settings."


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def python_page() -> str:
    """Each public name: signature, docstring, fields and methods."""
    names = [name for name in dreamclean.__all__ if not name.startswith("_")]
    intro = "# Python names\n\nEverything here is imported from `dreamclean`. "
    intro += "Settings of the built-in components are [listed with them](components.md)."
    parts = [intro, *(public(name, getattr(dreamclean, name)) for name in sorted(names))]
    parts.append("# Types in signatures\n\nShort names for types. They are imported from the module that is named.")
    parts += [f"## {name}\n\nIn `{module}`.\n\n{alias(name, module)}" for name, module in TYPES.items()]
    return "\n\n".join(parts) + "\n"


def public(name: str, value: Any) -> str:
    """The section of one name."""
    title = f"## {name}"
    if inspect.isfunction(value):
        return f"{title}\n\n{code(header(node_of(value)))}\n\n{markdown(value)}"
    if name in dreamclean._MODULES and not inspect.isclass(value):
        return f"{title}\n\n{alias(name, dreamclean._MODULES[name])}"
    if not inspect.isclass(value):
        return f"{title}\n\nMarks a function as the implementation of a [hook](hooks.md): `@hookimpl`."
    if name == "Settings":
        return f"{title}\n\n{markdown(value)}\n\n{setting_table()}"
    return "\n\n".join([title, code(constructor(value)), markdown(value), *fields(value), *methods(value)])


def setting_table() -> str:
    """Every setting of a run."""
    rows = []
    for entry in entries().values():
        types = ["Spec"] if entry.component else [kind.__name__ for kind in entry.types if kind is not type(None)]
        bounds = [f"{sign} {value:g}" for sign, value in ((">=", entry.setting.ge),) if value is not None]
        kept = "yes" if entry.name in entries(RecipeSettings) else "no"
        rows.append(
            [
                f"`{entry.name}`",
                f"{entry.setting.description} {entry.setting.more}".strip(),
                " | ".join(types),
                ", ".join(bounds),
                kept,
            ]
        )
    return table(["Setting", "Meaning", "Type", "Bounds", "In recipes"], rows)


def alias(name: str, module: str) -> str:
    """A name for a type: its definition, and what the string under it says."""
    nodes = tree(module).body
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        return "\n\n".join([code(constructor(value)), markdown(value), *fields(value)])
    for node, after in pairwise(nodes):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            assert isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant), f"{name} says nothing"
            return f"{code(ast.unparse(node))}\n\n{' '.join(inline(str(after.value.value)).split())}"
    raise LookupError(f"{module} has no {name}")


def constructor(cls: type[Any]) -> str:
    """The class with its bases, and how an object is made."""
    left_out = {"Component", "BaseModel", *(base.__name__ for base in unlisted(cls))}
    named = [ast.unparse(base) for base in node_of(cls).bases]
    bases = [name for name in named if name not in left_out and not name.startswith("_")]
    line = f"class {cls.__name__}" + (f"({', '.join(bases)})" if bases else "")
    own = next((node for node in body(cls) if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if own:
        return f"{line}\n\n{cls.__name__}({parameters(own)})"
    settings = getattr(cls, "model_fields", {}) if not getattr(cls, "__abstractmethods__", ()) else {}
    return f"{line}\n\n{cls.__name__}({', '.join(map(setting, settings.items()))})" if settings else line


def setting(item: tuple[str, Any]) -> str:
    name, field = item
    return name if field.is_required() else f"{name}={field.get_default(call_default_factory=True)!r}"


def fields(cls: type[Any]) -> Iterator[str]:
    """Class attributes, settings and fields, as far as they are public."""
    nodes = body(cls)
    rows = []
    for node, after in zip(nodes, [*nodes[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            rows.append(f"- `{node.target.id}: {annotation(node)}`{meaning(cls, node.target.id, after)}")
    if rows:
        yield "\n".join(rows)


def annotation(node: ast.AnnAssign) -> str:
    text = bare(ast.unparse(node.annotation))
    simple = isinstance(node.value, ast.Constant | ast.UnaryOp | ast.Tuple)
    return f"{text} = {ast.unparse(node.value)}" if simple and node.value else text


def meaning(cls: type[Any], name: str, after: ast.stmt | None) -> str:
    """What a setting's description or the string under an attribute says."""
    model_fields: dict[str, Any] = getattr(cls, "model_fields", {})
    if name in model_fields and model_fields[name].description:
        return f" - {model_fields[name].description}"
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        return f" - {' '.join(inline(after.value.value).split())}"
    return ""


def methods(cls: type[Any]) -> Iterator[str]:
    """The public methods that the class itself brings, or has something to say about."""
    listed = [base for base in cls.__mro__[1:] if base is not object and base not in unlisted(cls)]
    inherited = {name for base in listed for name in vars(base)}
    for node in body(cls):
        if not isinstance(node, ast.FunctionDef) or (node.name.startswith("_") and node.name != "__call__"):
            continue
        if "overload" in map(ast.unparse, node.decorator_list):
            continue
        doc = ast.get_docstring(node)
        if doc or node.name not in inherited:
            yield f"**`{header(node)}`**{remark(node)}" + (f"\n\n{render(doc)}" if doc else "")


def remark(node: ast.FunctionDef) -> str:
    """What the decorators say."""
    marks = [ast.unparse(d) for d in node.decorator_list]
    words = {"abstractmethod": "must be written", "property": "property", "classmethod": "class method"}
    said = [words[mark] for mark in words if mark in marks]
    return f" ({', '.join(said)})" if said else ""


def header(node: ast.FunctionDef) -> str:
    """``name(arguments) -> result`` as the source has it."""
    result = f" -> {bare(ast.unparse(node.returns))}" if node.returns else ""
    if any(ast.unparse(d) == "property" for d in node.decorator_list):
        return f"{node.name}{result}"
    return f"{node.name}({parameters(node)}){result}"


def parameters(node: ast.FunctionDef) -> str:
    """The arguments without ``self``, spaced as people write them."""
    args, named = node.args.posonlyargs + node.args.args, node.args.kwonlyargs
    defaults = [None] * (len(args) - len(node.args.defaults)) + node.args.defaults
    parts = [argument(*pair) for pair in zip(args, defaults, strict=True) if pair[0].arg not in ("self", "cls")]
    star = [f"*{node.args.vararg.arg}"] if node.args.vararg else ["*"] if named else []
    parts += star + [argument(*pair) for pair in zip(named, node.args.kw_defaults, strict=True)]
    return ", ".join(parts + ([f"**{argument(node.args.kwarg, None)}"] if node.args.kwarg else []))


def argument(arg: ast.arg, default: ast.expr | None) -> str:
    text = bare(ast.unparse(arg))
    return f"{text} = {ast.unparse(default)}" if default else text


def bare(text: str) -> str:
    """Annotations without the quotes of forward references."""
    return re.sub(r"'([A-Z][\w.]*(?: \| None)?|typer\.Typer)'", r"\1", text)


def code(text: str) -> str:
    """A block that is shown and not run; long signatures have a line for each argument."""
    lines = [line if len(line) <= 100 else split_arguments(line) for line in text.split("\n")]
    return "```py\n" + "\n".join(lines) + "\n```"


def split_arguments(line: str) -> str:
    name, rest = line.split("(", 1)
    inside, result = rest.rsplit(")", 1)
    return f"{name}(\n" + "".join(f"    {argument},\n" for argument in top_level(inside)) + f"){result}"


def top_level(text: str) -> list[str]:
    """``text`` cut at the commas outside brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def node_of(value: Any) -> Any:
    """The definition of a function or class in its module."""
    nodes = tree(value.__module__).body
    return next(n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == value.__name__)


def body(cls: type[Any]) -> list[ast.stmt]:
    """The statements of the class, and of those bases that the package does not export."""
    statements: list[ast.stmt] = list(node_of(cls).body)
    return [*statements, *(statement for base in unlisted(cls) for statement in body(base))]


def unlisted(cls: type[Any]) -> list[type[Any]]:
    """The bases that the reference does not have."""
    ours = [base for base in cls.__bases__ if base.__module__.startswith("dreamclean")]
    return [base for base in ours if base.__name__ not in dreamclean.__all__ and not base.__name__.startswith("_")]


def markdown(value: Any) -> str:
    """An object's docstring."""
    return render(inspect.cleandoc(value.__doc__ or ""))


def render(doc: str) -> str:
    """A docstring as Markdown: sections such as ``Args:`` become lists."""
    return "\n\n".join(paragraph(p) for p in inline(doc).split("\n\n"))


def paragraph(text: str) -> str:
    title, _, rest = text.partition("\n")
    if not re.fullmatch(r"[A-Z][a-z]+:", title) or not rest.startswith("    "):
        return text
    items = re.split(r"\n(?=\S)", textwrap.dedent(rest))
    return f"{title}\n\n" + "\n".join("- " + re.sub(r"\s*\n\s*", " ", item) for item in items)


def inline(text: str) -> str:
    return text.replace("``", "`")


PAGES = {"hooks.md": hook_page, "components.md": component_page, "python.md": python_page}


def stale(folder: Path = FOLDER) -> list[Path]:
    """The pages that are not as the code says."""
    return [folder / name for name in PAGES if read(folder / name) != text_of(name)]


@cache
def text_of(name: str) -> str:
    return HEAD + PAGES[name]()


def read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    for path in stale():
        print(f"{path} {'is stale; run docs/build_reference.py' if check else 'written'}")
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text_of(path.name))
    return int(check and bool(stale()))


if __name__ == "__main__":
    sys.exit(main())
