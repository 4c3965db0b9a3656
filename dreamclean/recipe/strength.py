"""A strength as people write it, checked."""

from dreamclean.contracts.strength import as_nsr


def checked_strength(value: float | str | None) -> float | str | None:
    """A timestep as a number, or ``nsr:R`` with R > 0. ValueError for anything else."""
    if not isinstance(value, str):
        return value
    value = as_nsr(value)
    number = value.removeprefix("nsr:")
    try:
        return value if value.startswith("nsr:") and float(number) > 0 else float(number)
    except ValueError:
        raise ValueError("a strength is a timestep such as 300, or nsr:R with the noise-to-signal ratio R") from None
