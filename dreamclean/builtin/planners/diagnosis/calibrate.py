"""A prior's calibration, from photographs to the file."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dreamclean.builtin.planners.diagnosis import sample_file
from dreamclean.builtin.planners.diagnosis.calibration import Calibration, calibration_file
from dreamclean.builtin.planners.diagnosis.fit import Sample, fit
from dreamclean.builtin.planners.diagnosis.samples import CYCLE, Sampler
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.prior import Prior
from dreamclean.pictures.picture import write_atomically

FEWEST = 2 * len(CYCLE)
"""Samples without which nothing is fitted."""
CHECKED = 4 * len(CYCLE)
"""Samples from which on a quarter of them tells how good the rules are."""
_SAVED_EVERY = 60
"""Seconds."""
_END = 1 << 20
"""Bytes."""


def check_output(output: Path | None, prior: Prior, overwrite: bool) -> Path:
    """Where the calibration goes; DreamCleanError where there is no place, or it is taken."""
    target = output or calibration_file(prior)
    if target is None:
        raise DreamCleanError(
            "this prior has no folder to keep a calibration in; name a model in a local folder, or give -o FILE, "
            "which counts once it lies as calibration.json in the folder that the prior's source names"
        )
    if target.is_dir() or not target.parent.is_dir():
        raise DreamCleanError(f"{target} cannot be written; give -o a file in a folder that is there")
    if target.exists() and not overwrite:
        raise DreamCleanError(f"{target} is there already; choose another -o or say --overwrite")
    return target


def _weights_of(prior: Prior) -> str:
    """A hash of the prior's files by their sizes and their ends, which tells weights apart without reading gigabytes; "": no files."""
    source = prior.source
    if source is None:
        return ""
    found = hashlib.sha256()
    files = sorted(source.rglob("*")) if source.is_dir() else [source]
    for path in files:
        if path.is_file() and not path.name.startswith("calibration.json"):
            size = path.stat().st_size
            found.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                found.update(file.read(_END))
                file.seek(max(0, size - _END))
                found.update(file.read(_END))
    return found.hexdigest()[:16]


def run(
    sampler: Sampler,
    target: Path,
    count: int,
    minutes: float | None,
    track: Callable[[int], object] = lambda made: None,
) -> str:
    """Make ``count`` samples, or as many as ``minutes`` allow; fit, and write ``target``. Returns a summary in one line."""
    kept = sample_file.path_for(target)
    made_of = {
        "prior": str(sampler.prior.spec()),
        "weights": _weights_of(sampler.prior),
        "photos": [f"{path.name}, {path.stat().st_size}" for path in sampler.photos],
        "side": sampler.side,
        "metric": sampler.metric_name,
    }
    samples = sample_file.read(kept, made_of)[:count]
    stop = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    try:
        _collect(sampler, samples, count, stop, lambda: sample_file.write(kept, made_of, samples), track)
    finally:
        if samples:
            sample_file.write(kept, made_of, samples)
    if len(samples) < FEWEST:
        raise DreamCleanError(
            f"only {len(samples)} samples in {minutes:g} minutes, and {FEWEST} are needed; "
            "allow more, and run the same command again to continue"
        )
    ratios = [level.ratio for level in sampler.levels]
    rules = fit(samples, ratios)
    write_atomically(target, rules.model_dump_json().encode())
    kept.unlink(missing_ok=True)
    notes = [f"{target}: from {len(samples)} samples, levels by {sampler.metric_name}", _how_good(samples, ratios)]
    if sampler.unusable:
        notes.append(f"{len(sampler.unusable)} files were too small or no pictures")
    return "; ".join(filter(None, notes))


def _collect(
    sampler: Sampler,
    samples: list[Sample],
    count: int,
    stop: float,
    save: Callable[[], None],
    track: Callable[[int], object],
) -> None:
    """Add to ``samples`` until there are ``count`` or the clock says ``stop``; ``track`` is told how many there are."""
    saved = time.monotonic()
    while len(samples) < count and time.monotonic() < stop:
        samples.append(sampler.sample(len(samples)))
        track(len(samples))
        if time.monotonic() - saved > _SAVED_EVERY:
            save()
            saved = time.monotonic()


def _how_good(samples: Sequence[Sample], ratios: Sequence[float]) -> str:
    """What rules fitted to three quarters of the samples say of the last quarter."""
    if len(samples) < CHECKED:
        return f"too few to check it (from {CHECKED} on it is)"
    cut = len(samples) * 3 // 4
    rules, rest = fit(samples[:cut], ratios), samples[cut:]
    right = sum(_named(rules, sample) == sample.family for sample in rest) / len(rest)
    white = [sample for sample in rest if sample.family == "white noise" and sample.std]
    errors = sorted(abs(rules.noise_std(sample.features) / sample.std - 1) for sample in white)
    return (
        f"of the last {len(rest)}, not fitted, {right:.0%} are named right, "
        f"and half of the white noise is within {errors[len(errors) // 2]:.0%}"
    )


def _named(rules: Calibration, sample: Sample) -> str:
    found = rules.probabilities(sample.features)
    return max(found, key=found.__getitem__)
