"""Help in one style, short options, completion, components by name alone."""

import os
import subprocess
import sys

import pytest
import typer

from dreamclean import DreamCleanError, Identity, hookimpl
from dreamclean.contracts.listing import there_are
from dreamclean.host import host as plugins
from dreamclean.host.describe import find
from dreamclean.host.host import Host, Plugin


class Talkative:
    """A plugin with a group of commands and a command, that asks for no style of help."""

    @staticmethod
    @hookimpl
    def register_commands(app: typer.Typer) -> None:
        group = typer.Typer(help="A group.")

        @group.callback()
        def everything() -> None:
            """A group."""

        @group.command()
        def inner(size: int = 3) -> None:
            """Inside."""

        @app.command()
        def outer(size: int = 3) -> None:
            """Outside."""

        app.add_typer(group, name="group")


@pytest.mark.parametrize("path", [[], ["restore"], ["group"], ["group", "inner"], ["outer"]])
def test_help_has_a_short_form_and_looks_alike_everywhere(
    path: list[str], cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "host", lambda: Host([Plugin("talkative", "1", "talkative", lambda: Talkative)]))
    status, out, err = cli(*path, "-h")
    assert (status, err) == (0, "")
    assert out == cli(*path, "--help").out
    assert out.startswith(f"Usage: {' '.join(['dreamclean', *path])} ") and "\nOptions:\n" in out
    assert "-h, --help" in out and not any(mark in out for mark in "╭│╰")


def test_help_lists_the_built_in_commands_first(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "host", lambda: Host([Plugin("talkative", "1", "talkative", lambda: Talkative)]))
    names = [line.split()[0] for line in cli("-h").out.partition("Commands:\n")[2].splitlines()]
    assert names.index("restore") < names.index("describe") < names.index("group")


@pytest.mark.parametrize(("typed", "offered"), [("re", "restore"), ("restore --pre", "--preset")])
def test_completion_works_in_the_shell(typed: str, offered: str) -> None:
    words = f"dreamclean {typed}"
    asked = {"_DREAMCLEAN_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    command = [sys.executable, "-m", "dreamclean"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [offered], done.stderr


def test_describe_finds_a_component_by_its_name_alone(cli) -> None:
    assert cli("describe", "vps") == cli("describe", "corrector/vps")
    assert cli("describe", "vps").status == 0


def test_describe_asks_which_kind_where_two_have_the_name() -> None:
    from dreamclean import Corrector

    class Twin(Corrector):
        """A corrector that is called as an operator is."""

        name = "identity"

        def __call__(self, x, level, estimate, noise):
            return x

    class Package:
        @staticmethod
        @hookimpl
        def register_correctors(register) -> None:
            register(Twin)

    host = Host([Plugin("twins", "1", "twins", lambda: Package)])
    with pytest.raises(DreamCleanError, match="'identity'; choose corrector/identity or operator/identity"):
        find(host, "identity")
    assert find(host, "operator/identity").component is Identity


def test_there_are_is_singular_or_plural() -> None:
    assert there_are(["paper"]) == "there is paper"
    assert there_are(["a", "b"]) == "there are a, b"
