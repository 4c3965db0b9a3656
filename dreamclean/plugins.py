"""The plugin host: finds plugins by their entry points and keeps what they register.

Entry points are read as metadata first. Each plugin is loaded, checked and collected inside one ``try``
that rolls it back, so a broken one is reported and left out while everything else works.
"""

import configparser
import difflib
import importlib
import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import entrypoints
import pluggy

from dreamclean import builtins, hookspecs
from dreamclean.errors import DreamCleanError
from dreamclean.version import __version__

if TYPE_CHECKING:
    import typer

    from dreamclean.component import Component, Spec
    from dreamclean.loop import Step

GROUP = "dreamclean"
BASES = {  # the contract of each kind; imported when components are first asked for
    "prior": "dreamclean.priors.base:Prior",
    "initializer": "dreamclean.initializers.base:Initializer",
    "corrector": "dreamclean.correctors.base:Corrector",
    "sampler": "dreamclean.samplers.base:Sampler",
    "operator": "dreamclean.operators.base:Operator",
}


class Entry(NamedTuple):
    """A registered component and where it comes from."""

    kind: str
    name: str
    component: type[Any]
    package: str
    version: str


class Plugin(NamedTuple):
    """A plugin as its metadata describes it."""

    package: str
    version: str
    name: str
    load: Callable[[], Any]


def discover() -> list[Plugin]:
    """The installed plugins, in a fixed order, without importing them.

    ``DREAMCLEAN_PLUGINS``, a comma-separated list of packages, limits what is found; empty: none.
    """
    chosen = os.environ.get("DREAMCLEAN_PLUGINS")
    wanted = None if chosen is None else {_canonical(part.strip()) for part in chosen.split(",")}
    found = [
        Plugin(
            _canonical(e.distro.name if e.distro else e.module_name),
            e.distro.version if e.distro else "",
            e.name,
            e.load,
        )
        for e in entrypoints.get_group_all(GROUP)
    ]
    return sorted((p for p in found if wanted is None or p.package in wanted), key=lambda p: p[:3])


def _canonical(package: str) -> str:
    """A package's name as people write it: ``my_plugin`` and ``My-Plugin`` are ``my-plugin`` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()


class Host:
    """Loads plugins and answers which components there are. Make one for a test; ``host()`` is shared."""

    def __init__(self, plugins: Iterable[Plugin] | None = None) -> None:
        self.manager = pluggy.PluginManager("dreamclean")
        self.manager.add_hookspecs(hookspecs)
        self.failures: dict[str, str] = {}
        self._plugins: dict[str, Plugin] = {}
        self._entries: list[Entry] | None = None
        built_in = Plugin("dreamclean", __version__, "builtins", lambda: builtins)
        for plugin in (built_in, *(self._found() if plugins is None else plugins)):
            self._load(plugin)

    def _found(self) -> list[Plugin]:
        """The installed plugins; none if a package's metadata cannot be read, which is reported."""
        try:
            return discover()
        except (configparser.Error, UnicodeDecodeError) as error:
            self._drop("installed packages", error)
            return []

    def _load(self, plugin: Plugin) -> None:
        key = f"{plugin.package}:{plugin.name}"
        try:
            module = plugin.load()
            self.manager.register(module, name=key)
            self.manager.check_pending()
            if not self.manager.get_hookcallers(module):
                raise TypeError("it has no hooks; mark its hook functions with @dreamclean.hookimpl")
            self._plugins[key] = plugin
        except (Exception, SystemExit) as error:
            self._drop(key, error)

    def _drop(self, key: str, error: BaseException) -> None:
        if self.manager.has_plugin(key):
            self.manager.unregister(name=key)
        self._plugins.pop(key, None)
        self.failures[key] = f"{type(error).__name__}: {' '.join(str(error).split())}"

    def _call_one(self, key: str, hook: str, **arguments: Any) -> None:
        others = [p for name, p in self.manager.list_name_plugin() if name != key and p is not None]
        self.manager.subset_hook_caller(hook, others)(**arguments)

    def collect(self) -> list[Entry]:
        """Every component of every plugin; those of a plugin that fails on the way are left out."""
        if self._entries is None:
            self._entries = []
            for key, plugin in list(self._plugins.items()):
                try:
                    self._entries += self._collect_one(key, plugin)
                except (Exception, SystemExit) as error:
                    self._drop(key, error)
        return self._entries

    def _collect_one(self, key: str, plugin: Plugin) -> list[Entry]:
        entries: list[Entry] = []
        for kind in BASES:
            base = base_class(kind)

            def register(cls: type[Any], kind: str = kind, base: type[Any] = base) -> None:
                if not (isinstance(cls, type) and issubclass(cls, base)):
                    raise TypeError(f"{cls!r} is no subclass of {base.__name__}, so it cannot be a {kind}")
                if not (isinstance(cls.name, str) and cls.name):
                    raise TypeError(f"{cls.__name__} has no name; set the class attribute 'name'")
                if abstract := sorted(getattr(cls, "__abstractmethods__", ())):
                    raise TypeError(f"{cls.__name__} lacks {', '.join(abstract)}")
                named = [e for e in (*(self._entries or ()), *entries) if (e.kind, e.name) == (kind, cls.name)]
                if plugin.package in (e.package for e in named):
                    raise ValueError(f"{plugin.package} has two {kind}s called '{cls.name}'")
                entries.append(Entry(kind, cls.name, cls, plugin.package, plugin.version))

            self._call_one(key, f"register_{kind}s", register=register)
        return entries

    def add_commands(self, app: "typer.Typer") -> None:
        """Let every plugin add its commands to ``app``; one that fails on the way adds none."""
        for key in list(self._plugins):
            own = type(app)()
            try:
                self._call_one(key, "register_commands", app=own)
            except (Exception, SystemExit) as error:
                self._drop(key, error)
            else:
                app.registered_commands += own.registered_commands
                app.registered_groups += own.registered_groups

    def tell(self, step: "Step") -> None:
        """Tell every plugin of a step; one that raises is told no more, and the run goes on."""
        for listener in self.manager.hook.on_step.get_hookimpls():
            try:
                self._call_one(listener.plugin_name, "on_step", step=step)
            except (Exception, SystemExit) as error:
                self._drop(listener.plugin_name, error)

    def find(self, kind: str, name: str) -> Entry:
        """The component called ``name`` or ``package/name``; DreamCleanError if there is none, or two."""
        base_class(kind)  # an error for an unknown kind
        package, _, short = name.rpartition("/")
        named = [e for e in self.collect() if e.kind == kind and e.name == short]
        matches = [e for e in named if not package or e.package == _canonical(package)]
        if len(matches) > 1:
            choices = " or ".join(f"{e.package}/{e.name}" for e in matches)
            raise DreamCleanError(f"several packages have a {kind} '{name}'; choose {choices}")
        if not matches:
            raise DreamCleanError(f"there is no {kind} '{name}'{self._hint(kind, short)}")
        return matches[0]

    def _hint(self, kind: str, name: str) -> str:
        known = sorted({e.name for e in self.collect() if e.kind == kind})
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else f"; there are {', '.join(known)}"
        return hint + self._failed()

    def _failed(self) -> str:
        """What to add to a message when something is not there: the plugins that might have had it."""
        failed = "; ".join(f"{key} ({error})" for key, error in self.failures.items())
        return f" These plugins failed to load: {failed}" if failed else ""

    def make(self, kind: str, spec: "Spec") -> Any:
        """The component that a string, a config or the component itself stands for."""
        from dreamclean.component import parse_spec, validated

        base = base_class(kind)
        if isinstance(spec, base):
            return spec
        if not isinstance(spec, str | dict):
            raise DreamCleanError(f"{spec!r} is no {kind}; give a {base.__name__}, a string or a dict")
        name, settings = parse_spec(spec)
        return validated(self.find(kind, name).component, f"{kind} {name}", settings)

    def default_prior(self) -> Any:
        """The prior that an installed package offers for when nothing is chosen."""
        defaults = [e for e in self.collect() if e.kind == "prior" and e.component.is_default]
        if len(defaults) == 1:
            return defaults[0].component()
        names = ", ".join(f"{e.package}/{e.name}" for e in defaults)
        found = f"several packages offer one ({names})" if defaults else "no installed package offers one"
        raise DreamCleanError(
            f"no prior was chosen and {found}; choose with prior=NAME, see 'dreamclean plugins'{self._failed()}"
        )

    def spec(self, component: "Component") -> dict[str, Any]:
        """The config form of ``component``, with the package in its name where the name alone is not enough."""
        alike = [e for e in self.collect() if e.kind == component.kind and e.name == component.name]
        provider = self.provider(component)
        name = f"{provider[0]}/{component.name}" if provider and len(alike) > 1 else component.name
        return {**component.spec(), "name": name}

    def provider(self, component: Any) -> tuple[str, str] | None:
        """Package and version of the registered class of ``component``, or None."""
        return next(((e.package, e.version) for e in self.collect() if e.component is type(component)), None)


@cache
def base_class(kind: str) -> Any:
    """The base class of a kind of component."""
    if kind not in BASES:
        raise DreamCleanError(f"there is no kind '{kind}'; there are {', '.join(BASES)}")
    module, _, name = BASES[kind].partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def host() -> Host:
    """The host that the command line and ``Restorer`` share, made when first asked for."""
    return Host()
