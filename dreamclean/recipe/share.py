"""A share of the noise."""


def checked_share(share: float) -> float:
    """``share`` itself; ValueError unless it is from 0 to below 0.5."""
    if not 0 <= share < 0.5:
        raise ValueError(f"has to be from 0 to below 0.5 (got {share:g})")
    return share
