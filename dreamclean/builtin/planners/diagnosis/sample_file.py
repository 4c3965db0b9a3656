"""The samples that a stopped calibration left, so that the same command continues where it stopped."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dreamclean.builtin.planners.diagnosis.fit import Sample
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.pictures.picture import write_atomically


def path_for(output: Path) -> Path:
    """Beside the calibration that they are for."""
    return output.with_name(f"{output.name}.samples")


def write(path: Path, made_of: dict[str, Any], samples: Sequence[Sample]) -> None:
    """Keep ``samples``, and what they were made of."""
    file = io.BytesIO()
    torch.save({"made_of": made_of, "samples": [tuple(sample) for sample in samples]}, file)
    write_atomically(path, file.getvalue())


def read(path: Path, made_of: dict[str, Any]) -> list[Sample]:
    """What was kept; nothing where no file is. DreamCleanError for samples that were made of something else."""
    if not path.exists():
        return []
    try:
        kept = torch.load(path, weights_only=True)
        samples = [Sample(*sample) for sample in kept["samples"]]
        same = kept["made_of"] == made_of
    except Exception as error:  # of a file that is none, torch may raise anything
        if lacks_memory(error):
            raise
        raise DreamCleanError(f"{path} holds no samples of a calibration; delete it, and start anew") from error
    if not same:
        raise DreamCleanError(
            f"{path} holds samples of another prior, other photographs or settings; delete it, or choose another -o"
        )
    return samples
