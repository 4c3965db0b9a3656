"""Loads plugins and calls their hooks.

Each plugin is loaded, checked and called inside one ``try`` that rolls it back, so a broken plugin is reported and
left out, and everything else works.
"""

import configparser
import importlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from dreamclean.contracts.brief import brief
from dreamclean.host import hookspecs
from dreamclean.host.debug import show
from dreamclean.host.discovery import Plugin, discover
from dreamclean.version import __version__

if TYPE_CHECKING:
    import typer

    from dreamclean.contracts.step import Step

_log = logging.getLogger(__name__)

BUILT_IN = "dreamclean.builtin.plugin"
"""The module of the built-in components, a plugin like any other; nothing else names it."""


class Kind(NamedTuple):
    """A kind of component: its contract, as ``module:Class``, and the plugin that declares it."""

    base: str
    plugin: str


class Loader:
    """The plugins that could be loaded, the kinds that they declare, and their hooks other than components'."""

    def __init__(self, plugins: Iterable[Plugin] | None = None) -> None:
        self.manager = pluggy.PluginManager("dreamclean")
        self.manager.add_hookspecs(hookspecs)
        self.failures: dict[str, str] = {}
        self._silent: set[str] = set()
        self.kinds: dict[str, Kind] = {}
        self._plugins: dict[str, Plugin] = {}
        built_in = Plugin("dreamclean", __version__, "builtin", lambda: importlib.import_module(BUILT_IN))
        modules: dict[str, Any] = {}
        for plugin in (built_in, *(self._found() if plugins is None else plugins)):
            self._load(plugin, modules)
        for step in (self._declare_kinds, self._register):  # every kind is known before its hook is used
            for key, module in modules.items():
                self._attempt(key, step, key, module)

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
        self.failures[key] = _line(error)

    def _call_one(self, key: str, hook: str, **arguments: Any) -> None:
        others = [p for name, p in self.manager.list_name_plugin() if name != key and p is not None]
        self.manager.subset_hook_caller(hook, others)(**arguments)

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
            if key in self._silent:
                continue
            try:
                self._call_one(key, "on_step", step=step)
            except (Exception, SystemExit) as error:
                self._silent.add(key)
                show(error)
                _log.warning("plugin %s gets no more steps: its on_step raised %s", key, _line(error))

    def _offers(self) -> list[tuple[str, dict[str, str]]]:
        """What each plugin offers as defaults."""
        offers = []
        for caller in self.manager.hook.defaults.get_hookimpls():
            offer = self._attempt(caller.plugin_name, caller.function)
            if offer:
                offers.append((caller.plugin_name, offer))
        return offers


def _line(error: BaseException) -> str:
    """An error and its kind in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
