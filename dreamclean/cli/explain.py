"""``dreamclean explain``. Heavy imports wait inside, so that ``--help`` is quick."""

from typing import Any

import typer

from dreamclean.cli.options import AsJson, Inputs, restorer_of, with_settings


@with_settings
def explain(sources: Inputs, *, as_json: AsJson = False, **settings: Any) -> None:
    """Print every setting of a restoration and where it comes from; nothing is restored.

    The settings are those of restore.
    """
    from dreamclean.cli.looks import look_at, pictures_of

    paths = pictures_of(sources, as_json)
    restorer = restorer_of(settings)
    _, well = look_at(
        paths, restorer.explain, as_json, lambda path, found: f"{path}\n{found}\n", lambda found: found.spec()
    )
    raise typer.Exit(0 if well else 2)
