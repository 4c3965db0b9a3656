"""The server: the page with everything around it, on one port of this machine."""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from dreamclean_app.limits import Limits
from dreamclean_app.scratch import Scratch
from dreamclean_app.work.pool import Pool

_SESSIONS = 300
"""Pages whose values are kept in memory; the ones that were used longest ago are forgotten first."""


def serve(
    host: str,
    port: int,
    priors: Sequence[str],
    devices: Sequence[str],
    limits: Limits,
    trusting: bool,
    names: Sequence[str],
) -> None:
    """Serve until stopped; then end the workers and remove the temporary files.

    ``names``: further names under which browsers reach this machine, if ``host`` is not one.
    """
    scratch = Scratch(limits.minutes)
    _keep_to_ourselves(scratch)
    pool = Pool(devices, limits, priors[0] if priors else None)
    try:
        scratch.keep_swept()
        app = application(priors, limits, pool, scratch, trusting, host, port, names)
        print(
            f"DreamClean is at http://{host if ':' not in host else f'[{host}]'}:{port} (stop with Ctrl-C)", flush=True
        )
        _run(app, host, port)
    finally:
        pool.close()
        scratch.close()


def _run(app: Any, host: str, port: int) -> None:
    """Until Ctrl-C. Pages that are open hold connections; that these are cut then is no news."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=1))
    ended = server.handle_exit

    def end(*signal: Any) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        ended(*signal)

    server.handle_exit = end
    with suppress(KeyboardInterrupt):
        server.run()


def _keep_to_ourselves(scratch: Scratch) -> None:
    """Before Gradio is imported: its files go to ``scratch``, and it asks no other machine."""
    os.environ.update(
        GRADIO_TEMP_DIR=str(scratch.served),
        GRADIO_ANALYTICS_ENABLED="False",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
    )


def application(
    priors: Sequence[str],
    limits: Limits,
    pool: Pool,
    scratch: Scratch,
    trusting: bool,
    host: str,
    port: int,
    names: Sequence[str] = (),
) -> Any:
    """The ASGI application."""
    import gradio as gr
    from fastapi import FastAPI
    from PIL import Image

    from dreamclean_app.page.layout import page
    from dreamclean_app.page.studio import Studio
    from dreamclean_app.page.theme import CSS, theme
    from dreamclean_app.pictures import SHOWN
    from dreamclean_app.web.bodies import Bodies
    from dreamclean_app.web.fields import keep_fields_small
    from dreamclean_app.web.headers import Headers
    from dreamclean_app.web.hosts import Hosts

    Image.MAX_IMAGE_PIXELS = 2 * SHOWN**2  # of what Gradio itself opens: painted layers of small pictures
    keep_fields_small()
    blocks = page(Studio(priors, limits, pool, scratch, trusting))
    blocks.has_launched = True  # else Gradio reads any file of this machine for whoever names its path
    blocks.state_session_capacity = _SESSIONS
    blocks.queue(max_size=limits.waiting, default_concurrency_limit=4, api_open=False)  # or who calls does not wait
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Bodies, limits=limits, folder=scratch.served)
    app.add_middleware(Hosts, allowed_hosts=_hosts(host, names), everywhere=host in ("0.0.0.0", "::"))
    app.add_middleware(Headers)
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=limits.bytes_a_file,
        theme=theme(),
        css=CSS,
    )


def _hosts(host: str, names: Sequence[str]) -> list[str]:
    """The names that a request may be for: others are those of pages that try to reach this machine by its address."""
    return ["*"] if "*" in names else [*dict.fromkeys(["127.0.0.1", "localhost", "[::1]", host, *names])]
