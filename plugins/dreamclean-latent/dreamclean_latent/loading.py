"""Weights into diffusers' models, none of them left unset, and what goes wrong on the way in one line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory


@contextmanager
def one_line(what: str) -> Iterator[None]:
    """Whatever loading raises, as a DreamCleanError of one line that begins with ``what``."""
    try:
        yield
    except DreamCleanError as error:
        raise DreamCleanError(f"{what}: {error}") from error
    except Exception as error:
        if lacks_memory(error):
            raise
        reason = " ".join(str(error).split())[:200]
        raise DreamCleanError(f"{what} could not be loaded ({type(error).__name__}: {reason})") from error


def fast_loading() -> bool:
    """Whether weights go straight into place, which takes accelerate; otherwise the model is made first."""
    from diffusers.utils import is_accelerate_available

    return bool(is_accelerate_available())


def pretrained(cls: str, path: str, dtype: torch.dtype, **options: Any) -> Any:
    """A model of class ``cls`` in diffusers from a folder or hub id; a ValueError if weights are missing."""
    import diffusers

    options |= dict(dtype=dtype, low_cpu_mem_usage=fast_loading(), output_loading_info=True)
    module, report = getattr(diffusers, cls).from_pretrained(path, **options)
    _refuse(report["missing_keys"], cls)
    return torch.nn.Module.to(module, dtype)  # without accelerate diffusers leaves some models as they were saved


class Absent(Exception):
    """A single file has nothing of a model."""


def reads_single_files(cls: str) -> bool:
    """Whether diffusers reads a model of class ``cls`` from a single file."""
    import diffusers
    from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES

    names = {base.__name__ for base in getattr(diffusers, cls).__mro__}
    return hasattr(getattr(diffusers, cls), "from_single_file") and not names.isdisjoint(SINGLE_FILE_LOADABLE_CLASSES)


def from_single_file(cls: str, path: str, dtype: torch.dtype, **options: Any) -> Any:
    """A model of class ``cls`` in diffusers from a single file; ``Absent``, or a ValueError if some weights are missing."""
    import diffusers
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    owner = getattr(diffusers, cls)

    def load_state_dict(self: Any, state: Mapping[str, Any], **how: Any) -> Any:
        report = owner.load_state_dict(self, state, **how)
        if len(report.missing_keys) == len(self.state_dict()):
            raise Absent
        _refuse(report.missing_keys, cls)
        return report

    checked: Any = type(cls, (owner,), {"load_state_dict": load_state_dict})
    try:
        # With low_cpu_mem_usage it would not go through load_state_dict.
        return checked.from_single_file(path, dtype=dtype, low_cpu_mem_usage=False, **options)
    except SingleFileComponentError as error:
        raise Absent from error


def _refuse(missing: list[str], cls: str) -> None:
    if missing:
        raise ValueError(f"{len(missing)} weights of its {cls} are missing, {missing[0]} among them")
