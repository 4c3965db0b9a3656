"""A form for each kind of component, made from the schemas of those that are installed."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from dreamclean import DreamCleanError
from dreamclean.contracts.component import string_form
from dreamclean.recipe.settings import entries
from dreamclean_app.catalog import components, current_host
from dreamclean_app.schema import Field, fields_of

DEFAULT = "as recommended"


def choices(kind: str) -> list[str]:
    """The names of a kind, and the word for none of them."""
    names = [entry.name for entry in components(kind)]
    twice = {name for name in names if names.count(name) > 1}
    return [DEFAULT, *(f"{e.package}/{e.name}" if e.name in twice else e.name for e in components(kind))]


def form(kind: str, trusting: bool) -> tuple[gr.Dropdown, gr.Textbox]:
    """The choice of a component, a field for each of its settings, and the text that they make, which is what counts."""
    about = entries()[kind].setting.description
    with gr.Accordion(kind.capitalize(), open=False, elem_id=f"dc-kind-{kind}"):
        chosen = gr.Dropdown(choices(kind), value=DEFAULT, label=kind.capitalize(), info=about)
        text = gr.Textbox(
            label="As text",
            info="Made from the fields; you may also write it.",
            max_length=100_000,
            lines=1,
            render=False,
        )

        gr.render(inputs=[chosen], show_progress="hidden")(lambda name: _fields(kind, name, text, trusting))
        text.render()
    chosen.input(lambda name: "" if name == DEFAULT else name, chosen, text, api_visibility="private", queue=False)
    return chosen, text


def _fields(kind: str, name: str, text: gr.Textbox, trusting: bool) -> None:
    if name == DEFAULT:
        return
    try:
        entry = current_host().find(kind, name)
    except DreamCleanError as error:
        gr.Markdown(str(error))
        return
    gr.Markdown(entry.component.summary())
    fields = [field for field in fields_of(entry.component) if trusting or field.kind != "file"]
    drawn = [_drawn(field) for field in fields]
    for one in drawn:
        one.change(_writer(name, fields), drawn, text, api_visibility="private", queue=False, show_progress="hidden")


def _writer(name: str, fields: Sequence[Field]) -> Callable[..., str]:
    def write(*values: Any) -> str:
        return spec_of(name, fields, values)

    return write


def spec_of(name: str, fields: Sequence[Field], values: Sequence[Any]) -> str:
    """The string form with the values that are not as by default."""
    said = {}
    for field, value in zip(fields, values, strict=True):
        if value not in (None, "") and value != field.default and str(value) != str(_listed(field.default)):
            said[field.name] = int(value) if field.kind == "integer" and isinstance(value, float) else value
    return string_form(name, said)


def _listed(default: Any) -> Any:
    """A list as a text field shows it."""
    return "/".join(map(str, default)) if isinstance(default, list | tuple) else default


def _drawn(field: Field) -> Any:
    """Numbers between bounds are sliders; others are text, which may be empty and takes 25/255 too."""
    default = _listed(field.default)
    common: dict[str, Any] = {"label": field.name, "info": field.description, "value": default, "interactive": True}
    if field.kind == "flag":
        return gr.Checkbox(**{**common, "value": bool(default)})
    if field.kind == "choice":
        return gr.Dropdown([("none" if one is None else str(one), one) for one in field.choices], **common)
    if field.kind in ("integer", "number") and None not in (field.low, field.high, default):
        assert field.low is not None and field.high is not None
        step = 1 if field.kind == "integer" else (field.high - field.low) / 100
        return gr.Slider(field.low, field.high, step=step, **common)
    text = "" if default is None else str(default)
    return gr.Textbox(**{**common, "value": text}, max_length=10_000, placeholder="needed" if field.needed else "")
