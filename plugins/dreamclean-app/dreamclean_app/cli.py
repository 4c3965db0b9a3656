"""``dreamclean app``. Heavy imports wait inside, so that ``--help`` is quick."""

import socket
from importlib.util import find_spec
from typing import Annotated

import typer

from dreamclean import DreamCleanError
from dreamclean.cli.options import option
from dreamclean_app.limits import Limits

_L = Limits()


def app(
    host: Annotated[
        str, typer.Option(help="Address to serve at; 0.0.0.0: to all who reach this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 7860,
    prior: Annotated[
        list[str] | None, typer.Option(help="A prior that may be chosen, name:key=value,...; the first is the default.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda:0, ...; several: a worker for each.")] = None,
    max_megapixels: Annotated[float | None, option("max_megapixels")] = None,
    max_megabytes: Annotated[float, typer.Option(help="Refuse larger files.")] = _L.megabytes,
    max_pictures: Annotated[int, typer.Option(min=1, help="Pictures in one go.")] = _L.pictures,
    max_seconds: Annotated[float, typer.Option(min=1, help="Time that one picture may take.")] = _L.seconds,
    max_waiting: Annotated[int, typer.Option(min=1, help="Requests that may wait.")] = _L.waiting,
    keep_minutes: Annotated[
        float, typer.Option(min=1, help="How long files are kept after their last use.")
    ] = _L.minutes,
    name: Annotated[
        list[str] | None, typer.Option(help="A name under which browsers reach this machine; '*': any.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Who reaches the page may name files and models of this machine.")
    ] = False,
) -> None:
    """Serve a page in the browser: drop photographs, compare, paint, download. Nothing leaves this machine."""
    for package in ("gradio", "uvicorn"):
        if find_spec(package) is None:
            raise DreamCleanError(f"{package} is not there; install it with pip install dreamclean-app")
    from dreamclean.pictures.decoding import check_limit
    from dreamclean_app.web.server import serve

    check_limit(max_megapixels)
    limits = Limits(max_megapixels, max_megabytes, max_pictures, max_seconds, max_waiting, keep_minutes)
    serve(host, _port(host, port), _offered(prior), device or ["auto"], limits, trust, name or [])


def _port(host: str, port: int) -> int:
    """``port``, or a free one for 0. DreamCleanError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DreamCleanError(f"{host}:{port} cannot be had ({error.strerror}); choose another --port") from None
        return int(probe.getsockname()[1])


def _offered(priors: list[str] | None) -> list[str]:
    """The priors that may be chosen; DreamCleanError for one that there is not."""
    from dreamclean.host.host import host

    offered = priors or [host().default("prior")]
    for spec in offered:
        host().make("prior", spec)
    return offered
