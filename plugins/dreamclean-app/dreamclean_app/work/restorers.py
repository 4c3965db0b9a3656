"""Restorers for the settings of tasks; the models that they need are kept."""

import json
from collections import OrderedDict
from typing import Any

from dreamclean import Model, Restorer
from dreamclean.cli.planners import with_shortcuts
from dreamclean_app.catalog import current_host
from dreamclean_app.work.watch import Watched

_KEPT = 2
"""Models that stay in memory, the last ones used."""
_OF_MODEL = ("prior", "dtype", "exact", "recipe")


class Restorers:
    """Makes the restorer of a task on one device."""

    def __init__(self, device: str, max_megapixels: float | None) -> None:
        self._fixed: dict[str, Any] = {"device": device, "max_megapixels": max_megapixels}
        self._models: OrderedDict[str, Model] = OrderedDict()

    def make(self, settings: dict[str, Any], watched: Watched) -> Restorer:
        """The restorer of these settings, whose evaluations are ``watched``."""
        given = {**_said(settings), **self._fixed, "plugins": current_host()}
        return Restorer(**given, model=watched.model(self.model(settings)))

    def model(self, settings: dict[str, Any]) -> Model:
        """The model of these settings' prior, loaded if it is not in memory."""
        given = {**_said(settings), **self._fixed, "plugins": current_host()}
        key = json.dumps({name: given.get(name) for name in _OF_MODEL}, default=str, sort_keys=True)
        if key not in self._models:
            while len(self._models) >= _KEPT:
                self._models.popitem(last=False)
            self._models[key] = Restorer(**given).model
        self._models.move_to_end(key)
        return self._models[key]


def _said(settings: dict[str, Any]) -> dict[str, Any]:
    """Those of ``settings`` that are said, as the command line's options of these names."""
    return with_shortcuts({name: value for name, value in settings.items() if value is not None})
