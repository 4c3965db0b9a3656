"""A share of the noise."""


def checked_share(share: float | None) -> float | None:
    """``share`` itself, or None; ValueError unless it is from 0 to below 0.5."""
    if share is not None and not 0 <= share < 0.5:
        raise ValueError("has to be from 0 to below 0.5")
    return share
