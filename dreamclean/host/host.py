"""The plugin host: loads the installed plugins and keeps what they register.

Each plugin is loaded, checked and collected inside one ``try`` that rolls it back, so a broken plugin is reported
and left out, and everything else works.
"""

import configparser
import difflib
import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.listing import there_are
from dreamclean.host import hookspecs
from dreamclean.host.config import config_file, configured
from dreamclean.host.debug import show
from dreamclean.host.discovery import Plugin, canonical, discover
from dreamclean.version import __version__

if TYPE_CHECKING:
    import typer

    from dreamclean.contracts.component import Component, Spec
    from dreamclean.contracts.step import Step

_log = logging.getLogger(__name__)

BUILT_IN = "dreamclean.builtin.plugin"
"""The module of the built-in components, a plugin like any other; nothing else names it."""


class Kind(NamedTuple):
    """A kind of component: its contract, as ``module:Class``, and the plugin that declares it."""

    base: str
    plugin: str


class Entry(NamedTuple):
    """A registered component and where it comes from."""

    kind: str
    name: str
    component: type[Any]
    package: str
    version: str


class Host:
    """Loads plugins and knows their components. Make one for a test; ``host()`` is shared."""

    def __init__(self, plugins: Iterable[Plugin] | None = None) -> None:
        self.manager = pluggy.PluginManager("dreamclean")
        self.manager.add_hookspecs(hookspecs)
        self.failures: dict[str, str] = {}
        self.kinds: dict[str, Kind] = {}
        self._plugins: dict[str, Plugin] = {}
        self._entries: list[Entry] | None = None
        built_in = Plugin("dreamclean", __version__, "builtin", lambda: importlib.import_module(BUILT_IN))
        modules: dict[str, Any] = {}
        for plugin in (built_in, *(self._found() if plugins is None else plugins)):
            self._load(plugin, modules)
        for step in (self._declare_kinds, self._register):  # every kind is known before its hook is used
            for key, module in modules.items():
                self._attempt(key, step, key, module)

    def __reduce__(self) -> Any:
        """In another process it is the one that is shared there."""
        return host, ()

    def _found(self) -> list[Plugin]:
        """The installed plugins; none if a package's metadata cannot be read, which is reported."""
        try:
            return discover()
        except (configparser.Error, UnicodeDecodeError) as error:
            self._drop("installed packages", error)
            return []

    def _attempt(self, key: str, action: Callable[..., Any], *arguments: Any) -> Any:
        """The result of ``action``; if it raises an error, the plugin ``key`` is dropped and the result is None."""
        if key in self.failures:
            return None
        try:
            return action(*arguments)
        except (Exception, SystemExit) as error:
            return self._drop(key, error)

    def _load(self, plugin: Plugin, modules: dict[str, Any]) -> None:
        key = f"{plugin.package}:{plugin.name}"
        module = self._attempt(key, plugin.load)
        if key not in self.failures:
            self._plugins[key], modules[key] = plugin, module

    def _declare_kinds(self, key: str, module: Any) -> None:
        alone = pluggy.PluginManager("dreamclean")
        alone.add_hookspecs(hookspecs)
        alone.register(module)

        def declare(kind: str, base: str, spec: Callable[[hookspecs.Register], None] | None = None) -> None:
            if not (kind.isidentifier() and kind == kind.lower()):
                raise ValueError(f"{brief(kind)} cannot name a kind and its hook; use small letters, digits and _")
            if kind in self.kinds:
                raise ValueError(f"the kind '{kind}' is declared by {self.kinds[kind].plugin} already")
            self.manager.add_hookspecs(
                type("Hooks", (), {f"register_{kind}s": staticmethod(spec or hookspecs.components_hook())})
            )
            self.kinds[kind] = Kind(base, key)

        alone.hook.register_kinds(declare=declare)

    def _register(self, key: str, module: Any) -> None:
        self.manager.register(module, name=key)
        self.manager.check_pending()
        if not self.manager.get_hookcallers(module):
            raise TypeError("it has no hooks; mark its hook functions with @dreamclean.hookimpl")

    def _drop(self, key: str, error: BaseException) -> None:
        if self.manager.has_plugin(key):
            self.manager.unregister(name=key)
        self._plugins.pop(key, None)
        show(error)
        self.failures[key] = f"{type(error).__name__}: {' '.join(str(error).split())}"

    def _call_one(self, key: str, hook: str, **arguments: Any) -> None:
        others = [p for name, p in self.manager.list_name_plugin() if name != key and p is not None]
        self.manager.subset_hook_caller(hook, others)(**arguments)

    def collect(self) -> list[Entry]:
        """Every component of every plugin; a plugin that fails meanwhile is left out."""
        if self._entries is None:
            self._entries = []
            for name, kind in self.kinds.items():
                self._attempt(kind.plugin, self.base, name)
            self.kinds = {name: kind for name, kind in self.kinds.items() if kind.plugin not in self.failures}
            for key, plugin in list(self._plugins.items()):
                self._entries += self._attempt(key, self._collect_one, key, plugin) or []
        return self._entries

    def _collect_one(self, key: str, plugin: Plugin) -> list[Entry]:
        entries: list[Entry] = []
        for kind in self.kinds:
            base = self.base(kind)

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

    def commands(self, new: "Callable[[], typer.Typer]") -> dict[str, list[tuple[str, Any]]]:
        """The plugins' commands by name, each with its package, as click has them; a plugin that fails has none.

        ``new`` makes an empty application, one for each plugin to add its commands to.
        """
        found: dict[str, list[tuple[str, Any]]] = {}
        for key, plugin in list(self._plugins.items()):
            taken = [name for name, commands in found.items() if plugin.package in dict(commands)]
            for name, command in (self._attempt(key, self._commands_of, key, new(), taken) or {}).items():
                found.setdefault(name, []).append((plugin.package, command))
        return found

    def _commands_of(self, key: str, own: "typer.Typer", taken: list[str]) -> Mapping[str, Any]:
        """The plugin's commands; ValueError for one of a name that its package has ``taken`` already."""
        from typer.main import get_group

        self._call_one(key, "register_commands", app=own)
        commands = get_group(own).commands if own.registered_commands or own.registered_groups else {}
        if twice := commands.keys() & set(taken):
            raise ValueError(f"{self._plugins[key].package} has two commands called '{min(twice)}'")
        return commands

    def tell(self, step: "Step") -> None:
        """Call every plugin's on_step; one that raises an error is logged and not called again, and the run continues."""
        for listener in self.manager.hook.on_step.get_hookimpls():
            key = listener.plugin_name
            self._attempt(key, lambda key=key: self._call_one(key, "on_step", step=step))
            if key in self.failures:
                _log.warning("plugin %s gets no more steps: its on_step raised %s", key, self.failures[key])

    def base(self, kind: str) -> Any:
        """The base class of a kind of component; DreamCleanError for an unknown kind."""
        if kind not in self.kinds:
            raise DreamCleanError(f"there is no kind '{kind}'; {there_are(self.kinds)}")
        module, _, name = self.kinds[kind].base.partition(":")
        return getattr(importlib.import_module(module), name)

    def find(self, kind: str, name: str) -> Entry:
        """The component called ``name`` or ``package/name``; DreamCleanError if there is none, or two."""
        self.base(kind)  # an error for an unknown kind
        package, _, short = name.rpartition("/")
        named = [e for e in self.collect() if e.kind == kind and e.name == short]
        matches = [e for e in named if not package or e.package == canonical(package)]
        if len(matches) > 1:
            choices = " or ".join(f"{e.package}/{e.name}" for e in matches)
            raise DreamCleanError(f"several packages have a {kind} '{name}'; choose {choices}")
        if not matches:
            raise DreamCleanError(f"there is no {kind} {brief(name)}{self._hint(kind, short)}")
        return matches[0]

    def _hint(self, kind: str, name: str) -> str:
        known = sorted({e.name for e in self.collect() if e.kind == kind})
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else f"; {there_are(known)}"
        return hint + self._failed()

    def _failed(self) -> str:
        """What to add to the message if something is not found: the plugins that failed and might have had it."""
        failed = "; ".join(f"{key} ({error})" for key, error in self.failures.items())
        return f" These plugins failed to load: {failed}" if failed else ""

    def make(self, kind: str, spec: "Spec") -> Any:
        """The component that a string, a config or the component itself stands for."""
        from dreamclean.contracts.component import FROM_PYTHON, parse_spec, validated

        base = self.base(kind)
        if isinstance(spec, base):
            return spec
        if not isinstance(spec, str | dict):
            raise DreamCleanError(f"{brief(spec)} is no {kind}; give a {base.__name__}, a string or a dict")
        name, settings = parse_spec(spec)
        if given := settings.get(FROM_PYTHON):
            raise DreamCleanError(
                f"the recipe's {kind} was an object given from Python ({brief(given)}), which no recipe can make again; "
                f"give a {kind} as well"
            )
        return validated(self.find(kind, name).component, f"{kind} {name}", settings)

    def default(self, kind: str) -> str:
        """The name of the component of ``kind`` that runs by default: the user's choice, or a plugin's.

        DreamCleanError if no package offers one, or several do.
        """
        if chosen := configured().get(kind):
            return chosen
        offers = [(key, offer[kind]) for key, offer in self._offers() if kind in offer]
        foreign = [(key, name) for key, name in offers if self._plugins[key].package != "dreamclean"] or offers
        if len({name for _, name in foreign}) == 1:
            return foreign[0][1]
        names = ", ".join(f"{name} of {self._plugins[key].package}" for key, name in foreign)
        found = f"several packages offer one ({names})" if foreign else "no installed package offers one"
        raise DreamCleanError(
            f'no {kind} was chosen and {found}; choose with {kind}=NAME, or for good with a line {kind} = "NAME" '
            f"in {config_file()}; see 'dreamclean plugins'{self._failed()}"
        )

    def _offers(self) -> list[tuple[str, dict[str, str]]]:
        """What each plugin offers as defaults."""
        offers = []
        for caller in self.manager.hook.defaults.get_hookimpls():
            offer = self._attempt(caller.plugin_name, caller.function)
            if offer:
                offers.append((caller.plugin_name, offer))
        return offers

    def default_prior(self) -> Any:
        """The prior that runs by default."""
        return self.make("prior", self.default("prior"))

    def spec(self, component: "Component") -> dict[str, Any]:
        """The config form of ``component``, with the package in its name if the name alone is not enough.

        If no plugin registers the object's class, the form says that it was given from Python.
        """
        from dreamclean.contracts.component import marked

        alike = [e for e in self.collect() if e.kind == component.kind and e.name == component.name]
        provider = self.provider(component)
        name = f"{provider[0]}/{component.name}" if provider and len(alike) > 1 else component.name
        form = {**component.spec(), "name": name}
        return form if provider else form | marked(component)

    def provider(self, component: Any) -> tuple[str, str] | None:
        """Package and version of the registered class of ``component``, or None."""
        return next(((e.package, e.version) for e in self.collect() if e.component is type(component)), None)


@cache
def host() -> Host:
    """The host that the command line and ``Restorer`` share, made when first asked for."""
    return Host()
