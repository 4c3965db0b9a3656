"""Errors inside a component are reported with the component's name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import TracebackType
from typing import ParamSpec, TypeVar

from dreamclean.contracts.component import Component
from dreamclean.contracts.errors import ComponentError, DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory

P = ParamSpec("P")
T = TypeVar("T")


def within(self: Component, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """``call(...)`` as if it were a method of the component ``self``, by whose name ``blame`` tells its errors."""
    return call(*args, **kwargs)


@contextmanager
def blame() -> Iterator[None]:
    """Turn an error of a component into a ``ComponentError`` that names the component, with the error as its cause.

    These errors are not changed: errors outside components, DreamCleanErrors, which say what to do, and a lack of
    memory, which a smaller request may avoid.
    """
    try:
        yield
    except DreamCleanError:
        raise
    except Exception as error:
        components = _components(error.__traceback__)
        if not components or lacks_memory(error):
            raise
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        raise ComponentError(f"{_named(components)}: {type(error).__name__}: {reason}") from error


def _components(trace: TracebackType | None) -> "list[Component]":
    """The components whose methods were running, the outermost first.

    Of several of one kind (a prior in a prior) only the innermost.
    """
    callers = [frame.f_locals.get("self") for frame, _ in walk_tb(trace)]
    return list({caller.kind: caller for caller in callers if isinstance(caller, Component)}.values())


def _named(components: "list[Component]") -> str:
    *callers, last = (f"{component.kind} {component.name or type(component).__name__}" for component in components)
    asked = f", asked by {', '.join(reversed(callers))}" if callers else ""
    return f"{last} ({type(components[-1]).__module__}{asked})"
