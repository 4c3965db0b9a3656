"""The expert side: components, levels, and a recipe that is run again."""

from pathlib import Path
from typing import Any

import gradio as gr

from dreamclean import DreamCleanError, read_recipe
from dreamclean.recipe.settings import KINDS, entries
from dreamclean_app.names import plain
from dreamclean_app.page.errors import said
from dreamclean_app.page.forms import choices, form
from dreamclean_app.page.studio import Studio
from dreamclean_app.pictures import opened

ORDER = ("operator", "guidance", "prior", "corrector", "sampler", "initializer")
"""The kinds that come first."""
_RECIPE_BYTES = {".json": 4_000_000, ".toml": 100_000}
"""TOML takes longer than its length."""


class Expert:
    """The fields of the expert side, and what they say."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Accordion("Expert settings", open=False, elem_id="dc-expert"):
            gr.Markdown("What you do not set is chosen for each picture.")
            self.fields: dict[str, Any] = {}
            with gr.Row():
                self.fields["noise"] = _text("noise", "25/255")
                self.fields["strength"] = _text("strength", "nsr:0.2")
            with gr.Row():
                self.fields["steps"] = _text("steps", "20")
                self.fields["seed"] = _text("seed", "0")
            with gr.Row():
                self.fields["understate"] = _text("understate", "0.05")
                self.fields["samples"] = _text("samples", "4")
            kinds = [*ORDER, *(kind for kind in KINDS if kind not in ORDER)]
            self.chosen: dict[str, gr.Dropdown] = {}
            for kind in kinds:
                self.chosen[kind], self.fields[kind] = form(kind, studio.trusting)
            self.file = gr.File(
                label="Run a recipe again: PNG, .toml, .json",
                file_count="single",
                height=140,
                elem_id="dc-recipe",
            )
            self.recipe = gr.State(None)
            self.said = gr.Code(language="json", label="This recipe is run", visible=False, max_lines=12)

    @property
    def inputs(self) -> list[Any]:
        """The components whose values ``settings`` takes, in order."""
        return [*self.fields.values(), self.recipe]

    def settings(self, *values: Any) -> dict[str, Any]:
        """The settings that the fields say."""
        said = dict(zip([*self.fields, "recipe"], values, strict=True))
        return {name: value for name, value in said.items() if value not in (None, "")}

    def refreshed(self) -> list[Any]:
        """The choices as packages are installed now."""
        return [gr.Dropdown(choices=choices(kind)) for kind in self.chosen]

    def read(self, path: str | None) -> tuple[dict[str, Any] | None, Any]:
        """The recipe of an uploaded file, and it shown."""
        if path is None:
            return None, gr.Code(visible=False)
        with said():
            recipe = recipe_in(Path(path), self._studio)
        from dreamclean_app.page.studio import as_text

        return recipe, gr.Code(value=as_text(recipe), visible=True)


def recipe_in(path: Path, studio: Studio) -> dict[str, Any]:
    """The recipe of an uploaded file, checked. DreamCleanError if there is none, or it asks for what is not offered."""
    name = plain(path.name) + path.suffix[:8]
    if (ending := path.suffix.lower()) in _RECIPE_BYTES:
        if path.stat().st_size > _RECIPE_BYTES[ending]:
            raise DreamCleanError(f"{name} is too long for a recipe")
    else:
        opened(path, name, studio.limits)
    try:
        recipe = read_recipe(path).model_dump(mode="json", exclude_none=True)
    except DreamCleanError as error:
        raise DreamCleanError(str(error).replace(str(path), name)) from None
    recipe.pop("versions", None)
    studio.settings({"recipe": recipe})
    return recipe


def _text(name: str, example: str) -> gr.Textbox:
    about = entries()[name].setting.description
    return gr.Textbox(label=name.capitalize(), info=about, placeholder=example, max_length=100)
