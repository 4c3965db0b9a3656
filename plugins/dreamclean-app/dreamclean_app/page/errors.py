"""Errors of the user's, for the page and its interface."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from dreamclean import DreamCleanError


@contextmanager
def said() -> Iterator[None]:
    """Errors of the user's as errors of the interface, in one line."""
    try:
        yield
    except DreamCleanError as error:
        raise gr.Error(str(error), print_exception=False) from None
