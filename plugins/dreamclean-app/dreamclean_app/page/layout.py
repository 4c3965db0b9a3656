"""The page: what is where, and which action each part starts."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from dreamclean_app.page import status
from dreamclean_app.page.actions import DECIDING, GUIDE, Actions, Painted, Wishes, decides
from dreamclean_app.page.api import add_endpoints
from dreamclean_app.page.expert import Expert
from dreamclean_app.page.paint import TELL
from dreamclean_app.page.session import Item
from dreamclean_app.page.studio import Studio
from dreamclean_app.page.theme import TITLE
from dreamclean_app.page.view import View

HEAD = f"# {TITLE}\nDrop a photograph that has suffered: noise, grain, JPEG. It comes back clean, and faithful to the one you have."
DETAIL = "0: most faithful, smoother. 1: crispest. Until you move it, as the model recommends."
TONE = "Whether a print has faded or the air was hazy, no picture says: you do."
TONES = [("as it is", ""), ("faded", "faded"), ("haze", "haze")]
UNEXPECTED = status.line("Something went wrong, or too many are waiting; press Restore again.", "bad")
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def page(studio: Studio) -> gr.Blocks:
    """The whole page and its HTTP interface."""
    actions = Actions(studio)
    keep = round(studio.limits.minutes * 60)
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=(min(keep, 600), keep), fill_width=True
    ) as blocks:
        gr.Markdown(HEAD, elem_id="dc-head")
        items, current = gr.State([]), gr.State(0)
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=340):
                files = gr.File(label="Photographs", file_count="multiple", height=150, elem_id="dc-files")
                found = gr.HTML(GUIDE, elem_id="dc-found")
                detail = gr.Slider(
                    0,
                    1,
                    1,
                    step=0.05,
                    label="Detail",
                    info=DETAIL,
                    elem_id="dc-detail",
                )
                said = gr.State(None)
                detail.input(lambda value: value, detail, said, **QUIET, queue=False)
                tone = gr.Radio(TONES, value="", label="Tone", info=TONE, elem_id="dc-tone")
                with gr.Row():
                    go = gr.Button("Restore", variant="primary", size="lg", elem_id="dc-go")
                    stop = gr.Button("Stop", variant="stop", size="lg", elem_id="dc-stop", interactive=False)
                expert = Expert(studio)
            with gr.Column(scale=2, min_width=480):
                view = View(actions)
        wire_wishes(detail, tone, expert)
        wire(blocks, actions, view, expert, (files, found, said, tone, go, stop), (items, current))
        add_endpoints(studio)
    return blocks


def wire_wishes(detail: gr.Slider, tone: gr.Radio, expert: Expert) -> None:
    """Both can be changed where they have an effect; where they have none, they say why."""

    def told(*values: Any) -> tuple[gr.Slider, gr.Radio]:
        reason = decides(expert.settings(*values))
        off = f"No effect: {reason}." if reason else ""
        return gr.Slider(interactive=not off, info=off or DETAIL), gr.Radio(interactive=not off, info=off or TONE)

    deciding = [expert.recipe, *(field for name, field in expert.fields.items() if name in DECIDING)]
    changes = [one.change for one in deciding]
    gr.on(changes, told, expert.inputs, [detail, tone], **QUIET, queue=False, trigger_mode="always_last")


def wire(
    blocks: gr.Blocks, actions: Actions, view: View, expert: Expert, left: tuple[Any, ...], states: tuple[Any, ...]
) -> None:
    """Which part of the page starts what."""
    files, found, detail, tone, go, stop = left
    items, current = states
    queue = {"concurrency_id": "device", "concurrency_limit": len(actions.studio.pool.workers)}
    refused = gr.State("")
    shown = view.outputs

    taken = files.change(actions.take, [files, items], [items, current, refused], **QUIET, trigger_mode="always_last")
    taken = taken.then(
        lambda text: (text, None, "", "", 100),
        refused,
        [found, view.canvas, view.under, view.status, view.share],
        **QUIET,
        queue=False,
    )
    taken = taken.then(view.show, [items, current, view.share], shown, **QUIET)
    looked = taken.then(
        actions.look,
        [items, refused, expert.fields["prior"]],
        [items, found],
        **QUIET,
        **queue,
        trigger_mode="always_last",
    )
    looked.then(view.said, [items, current, refused], [found, view.figure], **QUIET, queue=False)

    def restore_shown(
        request: gr.Request,
        items: list[Item],
        current: int,
        detail: float | None,
        tone: str,
        painted: Any,
        under: str,
        *rest: Any,
    ) -> Iterator[tuple[Any, ...]]:
        settings = expert.settings(*rest)
        for state in actions.restore(
            items, current, Wishes(detail, tone), Painted(painted, under), settings, str(request.session_hash)
        ):
            yield (*state[:3], view.preview(state[0], state[1], state[3]))

    def begin(request: gr.Request, items: list[Item], current: int) -> list[Any]:
        return [gr.Button(interactive=False), gr.Button(interactive=True), actions.begin(items, current, request)]

    ready = [gr.Button(interactive=True), gr.Button(interactive=False)]
    # TELL gives no values: Gradio's page fills in those of states, and of nothing else.
    running = go.click(begin, [items, current], [go, stop, view.status], js=TELL, **QUIET, queue=False)
    done = running.then(
        restore_shown,
        [items, current, detail, tone, view.canvas, view.under, *expert.inputs],
        [items, current, view.status, view.slider],
        **QUIET,
        **queue,
    )
    done.failure(lambda: [*ready, UNEXPECTED], None, [go, stop, view.status], **QUIET, queue=False)
    done.then(lambda: ready, None, [go, stop], **QUIET, queue=False).then(
        view.show, [items, current, view.share], shown, **QUIET
    ).then(view.said, [items, current, refused], [found, view.figure], **QUIET, queue=False)
    stop.click(actions.stop, None, None, **QUIET, queue=False)
    view.wire(items, current)
    expert.file.change(expert.read, expert.file, [expert.recipe, expert.said], **QUIET)
    blocks.load(expert.refreshed, None, list(expert.chosen.values()), **QUIET, queue=False)
    gr.Timer(60).tick(actions.stay, None, None, **QUIET, queue=False)
    blocks.unload(actions.leave)
