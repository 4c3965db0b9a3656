"""Strengths as people write them: a timestep such as 300, or a noise-to-signal ratio, ``nsr:0.4``."""

from dreamclean.contracts.warn import warn


def as_nsr(strength: str) -> str:
    """``nsr:R`` for ``snr:R``, with a DreamCleanWarning: earlier versions used the inverse's name for this ratio."""
    if not strength.startswith("snr:"):
        return strength
    today = "nsr:" + strength.removeprefix("snr:")
    warn(f"strength {strength} is a noise-to-signal ratio; write {today}")
    return today
