"""Commands that plugins add: of one name in two packages, of a built-in's name, and faulty ones."""

import sys
from collections.abc import Callable

import pytest
import typer

from dreamclean import hookimpl
from dreamclean.cli.main import main
from dreamclean.host.host import Host, Plugin

Run = Callable[..., tuple[int, str, str]]


def plugin(package: str, *names: str, entry: str = "main", **more: object) -> Plugin:
    """A plugin whose commands say ``PACKAGE: NAME``."""

    def register_commands(app: typer.Typer) -> None:
        for name in names:
            app.command(name)(lambda name=name: print(f"{package}: {name}"))

    hooks = {"register_commands": staticmethod(hookimpl(register_commands)), **more}
    return Plugin(package, "1", entry, lambda: type("Hooks", (), hooks))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with these plugins: status, standard output, standard error."""

    def command(line: str, *plugins: Plugin) -> tuple[int, str, str]:
        host = Host(plugins)
        monkeypatch.setattr("dreamclean.host.host.host", lambda: host)
        monkeypatch.setattr("dreamclean.host.debug._wanted", False)
        monkeypatch.setattr(sys, "argv", ["dreamclean", *line.split()])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    return command


def test_commands_of_one_name_are_named_with_both_packages_and_either_can_be_chosen(run: Run) -> None:
    both = plugin("fake-a", "polish", "wax"), plugin("fake-b", "polish")
    several = "error: several packages have a command 'polish'; choose fake-a/polish or fake-b/polish\n"
    assert run("polish", *both) == (2, "", several)
    for package in ("fake-a", "fake-b"):
        assert run(f"{package}/polish", *both) == (0, f"{package}: polish\n", "")
    assert run("wax", *both) == (0, "fake-a: wax\n", "")
    status, said, _ = run("--help", *both)
    assert status == 0
    assert {"fake-a/polish", "fake-b/polish", "wax"} <= set(said.split())
    assert "polish" not in said.split()


def test_commands_of_a_plugin_do_not_shadow_a_built_in_one_and_are_not_lost(run: Run) -> None:
    shadow = plugin("fake-a", "plugins")
    assert "KIND" in run("plugins", shadow)[1]
    assert run("fake-a/plugins", shadow) == (0, "fake-a: plugins\n", "")
    assert {"plugins", "fake-a/plugins"} <= set(run("--help", shadow)[1].split())


def test_commands_of_one_name_from_two_entry_points_of_one_package(run: Run) -> None:
    twice = plugin("fake-a", "polish", entry="a"), plugin("fake-a", "polish", entry="b")
    assert run("polish", *twice) == (0, "fake-a: polish\n", "")
    assert "failed: fake-a:b: ValueError: fake-a has two commands called 'polish'" in run("plugins", *twice)[1]


def test_commands_that_fail_list_their_plugin_with_the_error(run: Run) -> None:
    broken = plugin("fake-a", register_commands=staticmethod(hookimpl(lambda app: 1 // 0)))
    assert "failed: fake-a:main: ZeroDivisionError" in run("plugins", broken, plugin("fake-b", "polish"))[1]
    assert run("polish", broken, plugin("fake-b", "polish")) == (0, "fake-b: polish\n", "")
