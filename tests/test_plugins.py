"""The plugin host: what is found, what fails and is reported, what clashes."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from dreamclean import Blur, DreamCleanError, Mixture, Restorer
from dreamclean.host.config import config_file
from dreamclean.host.discovery import discover
from dreamclean.host.host import Host
from dreamclean.testing import pictures

HEAD = """
from dreamclean import NoCorrector, hookimpl

def corrector(name):
    return type("Corrector", (NoCorrector,), {"__doc__": "A fake.", "__module__": __name__, "name": name})
"""
GOOD = """
@hookimpl
def register_correctors(register):
    register(corrector("{name}"))
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install(package, module=code, ...)``: an installed package with an entry point for each module."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("DREAMCLEAN_PLUGINS", raising=False)
    before = set(sys.modules)

    def install(package: str, /, version: str = "1.0", entries: str = "", **modules: str) -> None:
        info = tmp_path / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        for module, code in modules.items():
            (tmp_path / f"{module}.py").write_text(HEAD + code)
        lines = entries or "\n".join(f"{module} = {module}" for module in modules)
        (info / "entry_points.txt").write_text(f"[dreamclean]\n{lines}\n")

    yield install
    for module in set(sys.modules) - before:
        if Path(getattr(sys.modules[module], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[module]


def correctors(host: Host) -> dict[str, str]:
    """The packages of the correctors, by name."""
    return {e.name: e.package for e in host.collect() if e.kind == "corrector"}


def test_default_planner_is_not_asked_for_where_one_is_said(install: Install) -> None:
    """Where packages disagree, the error says to choose, and choosing helps."""
    for name in ("one", "two"):
        install(f"fake-{name}", **{f"fake_{name}": f'@hookimpl\ndef defaults():\n    return {{"planner": "{name}"}}\n'})
    prior = Mixture.around(pictures((16, 16)), std=0.1)
    with pytest.raises(DreamCleanError, match=r"several packages offer one .* choose with planner=NAME"):
        Restorer(prior, plugins=Host())
    for settings in ({"planner": "dreamclean/auto"}, {"strength": 100}, {"operator": "dreamclean/identity:noise=0.1"}):
        Restorer(prior, plugins=Host(), **settings)


def test_discovery_finds_an_installed_plugin(install: Install) -> None:
    install("Fake_One", version="2.3", fake_one=GOOD.format(name="calm"))
    entry = Host().find("corrector", "calm")
    assert (entry.package, entry.version, entry.component.name) == ("fake-one", "2.3", "calm")
    assert Host().make("corrector", "calm").summary() == "A fake."


def test_discovery_imports_nothing(install: Install) -> None:
    install("fake-one", fake_one="raise RuntimeError('imported')")
    assert ("fake-one", "1.0", "fake_one") in [p[:3] for p in discover()]
    assert "fake_one" not in sys.modules


def test_host_order_does_not_depend_on_the_path(install: Install) -> None:
    for package in ("fake-b", "fake-c", "fake-a"):
        module = package.replace("-", "_")
        install(package, **{module: GOOD.format(name=package)})
    assert [p.package for p in discover() if p.package.startswith("fake-")] == ["fake-a", "fake-b", "fake-c"]


BROKEN = {
    "does not import": (
        "import no_such_module_anywhere",
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    ),
    "exits on import": ("raise SystemExit('no licence')", "SystemExit: no licence"),
    "wrong signature": (
        "@hookimpl\ndef register_correctors(register, colour): pass",
        "PluginValidationError: .*'register_correctors'.*colour",
    ),
    "misspelt hook": (
        "@hookimpl\ndef register_corectors(register): pass",
        "PluginValidationError: .*register_corectors",
    ),
    "no hooks": ("def register_correctors(register): pass", "TypeError: .*@dreamclean.hookimpl"),
    "raises": ("@hookimpl\ndef register_correctors(register): 1 / 0", "ZeroDivisionError: division by zero"),
    "raises half-way": (
        "@hookimpl\ndef register_correctors(register):\n    register(corrector('half'))\n    1 / 0",
        "ZeroDivisionError: division by zero",
    ),
    "no component": (
        "@hookimpl\ndef register_correctors(register): register(dict)",
        "TypeError: .*dict.*not a subclass of Corrector",
    ),
    "an object": (
        "@hookimpl\ndef register_correctors(register): register(corrector('x')())",
        "TypeError: .*cannot be a corrector",
    ),
    "wrong kind": (
        "@hookimpl\ndef register_samplers(register): register(corrector('x'))",
        "TypeError: .*cannot be a sampler",
    ),
    "no name": (
        "@hookimpl\ndef register_correctors(register): register(corrector(None))",
        "TypeError: .*set the class attribute 'name'",
    ),
    "unfinished": (
        "from dreamclean import Corrector\n@hookimpl\ndef register_correctors(register):\n"
        "    register(type('Unfinished', (Corrector,), {'name': 'unfinished', '__module__': __name__}))",
        "TypeError: Unfinished lacks __call__",
    ),
    "twice": (
        "@hookimpl\ndef register_correctors(register):\n    register(corrector('same'))\n    register(corrector('same'))",
        "ValueError: fake-broken has two correctors called 'same'",
    ),
}


@pytest.mark.parametrize(("code", "error"), BROKEN.values(), ids=BROKEN)
def test_host_reports_a_broken_plugin_and_the_rest_works(install: Install, code: str, error: str) -> None:
    install("fake-broken", fake_broken=code)
    install("fake-a", fake_a=GOOD.format(name="before"))
    install("fake-z", fake_z=GOOD.format(name="after"))
    host = Host()
    found = correctors(host)
    assert (found["before"], found["after"], found["vps"]) == ("fake-a", "fake-z", "dreamclean")
    assert "fake-broken" not in found.values()
    assert not host.manager.has_plugin("fake-broken:fake_broken")
    assert list(host.failures) == ["fake-broken:fake_broken"]
    assert re.match(error, host.failures["fake-broken:fake_broken"])
    assert "\n" not in host.failures["fake-broken:fake_broken"]


def test_host_adds_no_commands_of_a_plugin_that_breaks_on_them(install: Install) -> None:
    hook = "@hookimpl\ndef register_commands(app):\n    app.command({!r})(print)\n    {}"
    install("fake-broken", fake_broken=hook.format("half", "1 / 0"))
    install("fake-z", fake_z=hook.format("polish", "pass"))
    host = Host()
    commands = host.commands(typer.Typer)
    assert "polish" in commands and "half" not in commands
    assert host.failures == {"fake-broken:fake_broken": "ZeroDivisionError: division by zero"}


@pytest.mark.parametrize("entries", ["a = x\na = y", "no equals sign"])
def test_host_keeps_the_built_ins_where_metadata_is_unreadable(install: Install, entries: str) -> None:
    install("fake-broken", entries=entries)
    host = Host()
    assert host.make("corrector", "vps").name == "vps"
    assert "fake_broken" in host.failures["installed packages"]


def test_host_names_both_packages_of_a_clash_and_either_can_be_chosen(install: Install) -> None:
    install("fake-a", fake_a=GOOD.format(name="calm"))
    install("fake-b", fake_b=GOOD.format(name="calm"))
    host = Host()
    with pytest.raises(
        DreamCleanError, match="several packages have a corrector 'calm'; choose fake-a/calm or fake-b/calm"
    ):
        host.find("corrector", "calm")
    for package in ("fake-a", "fake-b"):
        made = host.make("corrector", f"{package}/calm")
        assert host.provider(made) == (package, "1.0")
    assert host.find("corrector", "Fake_B/calm").package == "fake-b"
    assert not host.failures


def test_host_names_a_clash_with_a_built_in(install: Install) -> None:
    install("fake-a", fake_a=GOOD.format(name="vps"))
    with pytest.raises(DreamCleanError, match="choose dreamclean/vps or fake-a/vps"):
        Host().find("corrector", "vps")
    assert Host().make("corrector", "dreamclean/vps:gamma=0.2").gamma == 0.2


def test_host_allows_one_name_for_different_kinds(install: Install) -> None:
    install("fake-a", fake_a=GOOD.format(name="blur"))
    host = Host()
    assert host.find("corrector", "blur").package == "fake-a"
    assert host.find("operator", "blur").package == "dreamclean"


def test_host_keeps_one_entry_point_name_of_two_packages_apart(install: Install) -> None:
    install("fake-a", entries="plugin = fake_a", fake_a=GOOD.format(name="calm"))
    install("fake-b", entries="plugin = fake_b", fake_b=GOOD.format(name="wild"))
    host = Host()
    assert correctors(host)["calm"] == "fake-a"
    assert correctors(host)["wild"] == "fake-b"
    assert not host.failures


def test_host_lets_two_entry_points_of_one_package_fail_apart(install: Install) -> None:
    install("fake-a", fake_good=GOOD.format(name="calm"), fake_bad="1 / 0")
    host = Host()
    assert correctors(host)["calm"] == "fake-a"
    assert list(host.failures) == ["fake-a:fake_bad"]


@pytest.mark.parametrize(
    ("chosen", "packages"),
    [("fake-a", {"fake-a"}), ("fake_a, Fake-B", {"fake-a", "fake-b"}), ("", set()), ("fake-none", set())],
)
def test_host_limits_what_is_loaded_by_the_environment_variable(
    install: Install, monkeypatch: pytest.MonkeyPatch, chosen: str, packages: set[str]
) -> None:
    for package in ("fake_a", "fake_b", "fake_c"):
        install(package, **{package: GOOD.format(name=package)})
    monkeypatch.setenv("DREAMCLEAN_PLUGINS", chosen)
    assert {e.package for e in Host().collect()} == {"dreamclean", *packages}
    assert {name for name in sys.modules if re.fullmatch("fake_[abc]", name)} == {p.replace("-", "_") for p in packages}


def test_host_suggests_the_nearest_name_for_an_unknown_component(install: Install) -> None:
    install("fake-a", fake_a=GOOD.format(name="serenity"))
    with pytest.raises(DreamCleanError, match=r"did you mean 'serenity'\?$"):
        Host().find("corrector", "sernity")


def test_host_lists_all_names_for_a_component_far_from_them() -> None:
    with pytest.raises(DreamCleanError, match=r"there is no sampler 'xyz'; there are .*ddim"):
        Host([]).find("sampler", "xyz")


def test_host_shows_what_failed_to_load_for_an_unknown_component(install: Install) -> None:
    install("fake-broken", fake_broken="import no_such_module_anywhere")
    with pytest.raises(
        DreamCleanError, match=r"failed to load: fake-broken:fake_broken .*no_such_module_anywhere"
    ) as error:
        Host().find("corrector", "calm")
    assert "\n" not in str(error.value)


def test_host_does_not_mention_a_failure_where_nothing_is_missing(install: Install) -> None:
    install("fake-broken", fake_broken="1 / 0")
    assert Host().make("operator", "blur:size=5") == Blur(size=5)


def test_host_is_apart_from_another_host(install: Install) -> None:
    install("fake-a", fake_a=GOOD.format(name="calm"))
    assert "calm" in correctors(Host())
    assert "calm" not in correctors(Host([]))


LISTENER = """
steps = []
@hookimpl
def defaults():
    return {{"planner": "fixed"}}

@hookimpl
def on_step(step):
    steps.append(step.index)
    assert len(steps) < {limit}, "enough"
"""


def test_on_step_tells_of_every_step_and_a_listener_that_fails_of_no_more(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    """It alone: what else its package offers stays."""
    install("fake-a", fake_a=LISTENER.format(limit=2))
    install("fake-b", fake_b=LISTENER.format(limit=9))
    host, picture = Host(), pictures((8, 8))
    Restorer(Mixture.around(picture), steps=3, device="cpu", plugins=host)(picture)
    assert sys.modules["fake_a"].steps == [0, 1]
    assert sys.modules["fake_b"].steps == [0, 1, 2, 3]
    assert "plugin fake-a:fake_a gets no more steps: its on_step raised AssertionError: enough" in caplog.text
    assert (host.failures, host.default("planner")) == ({}, "fixed")
    assert len(host._offers()) == len(Host()._offers())


def test_default_is_no_plugins_that_cannot_register(install: Install) -> None:
    offer = '@hookimpl\ndef defaults():\n    return {{"planner": "{0}"}}\n@hookimpl\ndef register_priors(register):\n    {1}\n'
    install("bad", bad=offer.format("flat", "register(3)"))
    install("good", good=offer.format("fine", "pass"))
    assert Host().default("planner") == "fine"


KIND = """
from dreamclean import Component

class Gadget(Component):
    kind = "gadget"

@hookimpl
def register_kinds(declare):
    declare("gadget", "{base}")
"""
GADGET = """
@hookimpl
def register_gadgets(register):
    from zkind import Gadget
    register(type("Own", (Gadget,), {"__doc__": "A gadget.", "__module__": __name__, "name": "own"}))
"""


def test_register_kinds_lets_another_plugin_register_components_of_the_kind(install: Install) -> None:
    install("a-user", auser=GADGET)  # found before the plugin that declares the kind
    install("z-kind", zkind=KIND.format(base="zkind:Gadget"))
    host = Host()
    assert host.failures == {}
    assert (host.find("gadget", "own").package, host.make("gadget", "own").name) == ("a-user", "own")


def test_register_kinds_reports_a_kind_that_no_hook_can_be_named_for(install: Install) -> None:
    install("z-kind", zkind=KIND.format(base="zkind:Gadget").replace('declare("gadget"', 'declare("my gadget"'))
    assert "'my gadget' cannot name a kind" in Host().failures["z-kind:zkind"]


def test_host_reports_a_component_of_a_kind_that_nobody_declares(install: Install) -> None:
    install("a-user", auser=GADGET)
    assert "register_gadgets" in Host().failures["a-user:auser"]


def test_register_kinds_reports_a_kind_declared_twice_and_keeps_the_first(install: Install) -> None:
    install("y-kind", ykind=KIND.format(base="ykind:Gadget"))
    install("z-kind", zkind=KIND.format(base="zkind:Gadget"))
    host = Host()
    assert "'gadget' is declared by y-kind:ykind already" in host.failures["z-kind:zkind"]
    assert host.kinds["gadget"].plugin == "y-kind:ykind"


def test_register_kinds_drops_only_the_plugin_whose_base_class_is_not_there(install: Install) -> None:
    install("fake-one", fake_one=GOOD.format(name="calm"))
    install("z-kind", zkind=KIND.format(base="zkind:Missing"))
    host = Host()
    assert correctors(host)["calm"] == "fake-one"
    assert "Missing" in host.failures["z-kind:zkind"]
    with pytest.raises(DreamCleanError, match="there is no kind 'gadget'"):
        host.find("gadget", "own")


def test_host_reports_a_component_of_the_wrong_base_class(install: Install) -> None:
    install("a-user", auser=GOOD.format(name="calm").replace("correctors", "gadgets"))
    install("z-kind", zkind=KIND.format(base="zkind:Gadget"))
    host = Host()
    host.collect()
    assert "not a subclass of Gadget" in host.failures["a-user:auser"]


def test_default_is_the_users_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    monkeypatch.setenv("DREAMCLEAN_CONFIG", str(file))
    file.write_text('prior = "mixture"\nplanner = "fixed"')
    assert (Host([]).default("prior"), Host([]).default("planner")) == ("mixture", "fixed")
    for text, said in (("prior = ", "cannot be read"), ("prior = 3", "prior is not a string; write prior")):
        file.write_text(text)
        with pytest.raises(DreamCleanError, match=said):
            Host([]).default("prior")


def test_settings_of_the_user_are_where_others_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DREAMCLEAN_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "dreamclean" / "config.toml"
