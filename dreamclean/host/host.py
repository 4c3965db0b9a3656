"""The plugin host: knows the components that the installed plugins register, and makes them."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from dreamclean.contracts.brief import brief
from dreamclean.contracts.component import FROM_PYTHON, Component, Spec, marked, parse_spec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.listing import there_are
from dreamclean.host.config import config_file, configured
from dreamclean.host.discovery import Plugin, canonical
from dreamclean.host.loader import Loader


class Entry(NamedTuple):
    """A registered component and where it comes from."""

    kind: str
    name: str
    component: type[Any]
    package: str
    version: str


class Host(Loader):
    """Loads plugins and knows their components. Make one for a test; ``host()`` is shared."""

    def __init__(self, plugins: Iterable[Plugin] | None = None) -> None:
        self._entries: list[Entry] | None = None
        super().__init__(plugins)

    def __reduce__(self) -> Any:
        """In another process it is the one that is shared there."""
        return host, ()

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
                    raise TypeError(f"{cls!r} is not a subclass of {base.__name__}, so it cannot be a {kind}")
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

    def make(self, kind: str, spec: Spec) -> Any:
        """The component that a string, a config or the component itself stands for."""
        base = self.base(kind)
        if isinstance(spec, base):
            return spec
        if isinstance(spec, list | tuple) and len(spec) == 1:
            return self.make(kind, spec[0])
        if not isinstance(spec, str | dict | list | tuple):
            raise DreamCleanError(f"{brief(spec)} is no {kind}; give a {base.__name__}, a string or a dict")
        name, settings = parse_spec(spec)
        if given := settings.get(FROM_PYTHON):
            raise DreamCleanError(
                f"the recipe's {kind} was an object given from Python ({brief(given)}), which no recipe can make again; "
                f"give a {kind} as well"
            )
        component = self.find(kind, name).component
        return component(**(settings | self._held(component, settings)))

    def _held(self, component: type[Component], settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ``settings`` that hold components, with every one of them made."""
        found = {name: settings.get(name) for name in component.holds}
        return {
            name: tuple(self.make(component.holds[name], one) for one in several)
            for name, several in found.items()
            if isinstance(several, list | tuple)
        }

    def default(self, kind: str) -> str:
        """The name of the component of ``kind`` that runs by default: the user's choice, or a plugin's.

        DreamCleanError if no package offers one, or several do.
        """
        if chosen := configured().get(kind):
            return chosen
        self.collect()  # or a plugin that cannot register offers something all the same
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

    def default_prior(self) -> Any:
        """The prior that runs by default."""
        return self.make("prior", self.default("prior"))

    def spec(self, component: Component) -> dict[str, Any]:
        """The config form of ``component``, with the package in its name if the name alone is not enough.

        If no plugin registers the object's class, the form says that it was given from Python.
        """
        alike = [e for e in self.collect() if e.kind == component.kind and e.name == component.name]
        provider = self.provider(component)
        name = f"{provider[0]}/{component.name}" if provider and len(alike) > 1 else component.name
        held = {name: [self.spec(one) for one in getattr(component, name)] for name in component.holds}
        form = {**component.spec(), **held, "name": name}
        return form if provider else form | marked(component)

    def provider(self, component: Any) -> tuple[str, str] | None:
        """Package and version of the registered class of ``component``, or None."""
        return next(((e.package, e.version) for e in self.collect() if e.component is type(component).listed()), None)


@cache
def host() -> Host:
    """The host that the command line and ``Restorer`` share, made when first asked for."""
    return Host()
