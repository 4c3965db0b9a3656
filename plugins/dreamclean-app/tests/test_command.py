"""``dreamclean app``, as far as it comes without a server."""

import socket
from importlib.util import find_spec

import pytest
from dreamclean_app import cli

from dreamclean import DreamCleanError


def test_app_says_what_to_install_where_gradio_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "gradio" else find_spec("dreamclean"))
    with pytest.raises(DreamCleanError, match="gradio is not there; install it with pip install dreamclean-app"):
        cli.app()


def test_app_refuses_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(DreamCleanError, match="choose another --port"):
            cli._port("127.0.0.1", taken.getsockname()[1])
    assert cli._port("127.0.0.1", 0) > 0


def test_app_refuses_a_host_that_is_not_this_machine() -> None:
    with pytest.raises(DreamCleanError, match="cannot be had"):
        cli._port("192.0.2.1", 0)


def test_app_refuses_a_prior_that_there_is_not() -> None:
    with pytest.raises(DreamCleanError, match="no prior 'nothing'"):
        cli._offered(["nothing"])
    assert cli._offered(["diffusers:path=x"]) == ["diffusers:path=x"]
