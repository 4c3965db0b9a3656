"""The right side: before and after, the blend, downloads, the brush, and what was found."""

from typing import Any

import gradio as gr

from dreamclean_app.page import paint, status
from dreamclean_app.page.actions import Actions
from dreamclean_app.page.errors import said
from dreamclean_app.page.session import Item
from dreamclean_app.page.studio import as_text

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class View:
    """The components of the right side, and what is shown in them."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self.status = gr.HTML(elem_id="dc-status")
        with gr.Tabs():
            with gr.Tab("Before and after"):
                self.slider = gr.ImageSlider(
                    label="Before | after",
                    type="filepath",
                    format="png",
                    interactive=False,
                    max_height=520,
                    elem_id="dc-view",
                    buttons=["fullscreen"],
                )
                with gr.Row(visible=False) as self.results:
                    self.share = gr.Slider(
                        0,
                        100,
                        100,
                        step=1,
                        label="Strength of the restoration (%)",
                        info="0 is the picture you gave. What you see is what you download.",
                        elem_id="dc-blend",
                        scale=3,
                    )
                    self.one = gr.DownloadButton(
                        "Download PNG", elem_id="dc-download", variant="primary", min_width=150
                    )
                    self.all = gr.Button("All as ZIP", elem_id="dc-zip", min_width=150, visible=False)
                    self.archive = gr.DownloadButton(elem_id="dc-archive", elem_classes="dc-unseen")
                self.strip = gr.Gallery(
                    label="All pictures",
                    columns=6,
                    fit_columns=False,
                    height="auto",
                    allow_preview=False,
                    visible=False,
                    interactive=False,
                    elem_id="dc-strip",
                    object_fit="contain",
                    buttons=[],
                )
            with gr.Tab("Repair or protect") as self.painting:
                gr.Markdown(
                    "Paint over scratches, dust or missing parts in **red**: they are filled in. "
                    "Paint in **blue** what must stay exactly as it is. Then press Restore."
                )
                self.canvas = paint.editor()
                self.under = gr.State("")
            with gr.Tab("What was found"):
                self.figure = gr.Image(show_label=False, interactive=False, type="filepath", format="png", buttons=[])
                self.recipe = gr.Code(
                    language="json", label="The recipe of the restoration", max_lines=18, visible=False
                )

    @property
    def outputs(self) -> list[Any]:
        """What ``show`` sets."""
        return [self.slider, self.results, self.one, self.all, self.strip, self.recipe]

    def show(self, items: list[Item], current: int, share: float, request: gr.Request) -> list[Any]:
        """Everything about the picture that is chosen."""
        item = items[current] if current < len(items) else None
        restored = [one for one in items if one.restored]
        user = str(request.session_hash)
        strip = [(str(one.shown), one.name + (" ✓" if one.restored else "")) for one in items]
        single = None
        if item and item.restored:
            with said():
                single = str(self._actions.studio.download(user, item, share / 100))
        return [
            (str(item.before), single) if item and single else self.preview(items, current, None, anew=True),
            gr.Row(visible=bool(restored)),
            gr.DownloadButton(value=single, interactive=single is not None),
            gr.Button(visible=len(restored) > 1),
            gr.Gallery(value=strip, visible=len(items) > 1, selected_index=current if len(items) > 1 else None),
            gr.Code(as_text(item.recipe) if item and item.recipe else "", visible=bool(item and item.recipe)),
        ]

    def preview(self, items: list[Item], current: int, estimate: str | None, anew: bool = False) -> Any:
        """The slider while nothing is done yet: the picture, and the current ``estimate`` of it."""
        if current >= len(items):
            return None
        if estimate is None and not anew:
            return gr.skip()
        shown = str(items[current].shown)
        return shown, estimate or shown

    def said(self, items: list[Item], current: int, refused: str) -> list[Any]:
        """What was found, in words and drawn, after the lines about files that are no pictures."""
        texts = [
            (f"{one.name}: {one.found}" if len(items) > 1 else f"Found: {one.found}", "calm")
            for one in items
            if one.found
        ]
        figure = items[current].figure if current < len(items) else None
        return [refused + status.lines(texts), str(figure) if figure else None]

    def wire(self, items: gr.State, current: gr.State) -> None:
        """What the parts of the right side start."""
        show: dict[str, Any] = {"fn": self.show, "inputs": [items, current, self.share], "outputs": self.outputs}
        self.share.input(**show, **QUIET, trigger_mode="always_last")
        packed = self.all.click(self._packed, [items, self.share], self.archive, api_visibility="private")
        packed.then(
            None, None, None, js="() => document.querySelector('#dc-archive').click()", api_visibility="private"
        )
        chosen = self.strip.select(_number, None, current, **QUIET, queue=False)
        chosen.then(lambda: (None, ""), None, [self.canvas, self.under], **QUIET, queue=False).then(
            **show, **QUIET, trigger_mode="always_last"
        )
        emptied = self.canvas.clear(lambda: "", None, self.under, **QUIET, queue=False)
        emptied.then(_canvas, [items, current, self.under], [self.canvas, self.under], **QUIET)
        self.painting.select(_canvas, [items, current, self.under], [self.canvas, self.under], js=paint.READY, **QUIET)

    def _packed(self, items: list[Item], share: float, request: gr.Request) -> str:
        """A ZIP of all that are restored, when it is asked for."""
        with said():
            return str(self._actions.studio.archive(str(request.session_hash), items, share / 100))


def _number(event: gr.SelectData) -> int:
    return int(event.index)


def _canvas(items: list[Item], current: int, under: str) -> tuple[Any, Any]:
    """The picture under the brush, where it is not there yet, and its file."""
    shown = str(items[current].shown) if current < len(items) else ""
    if shown == under:
        return gr.skip(), under
    return ({"background": shown, "layers": [], "composite": shown} if shown else None), shown
