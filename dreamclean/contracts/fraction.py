"""Numbers as people write them, such as ``25/255``."""


def number(text: str) -> float:
    """The value of ``"0.1"`` or ``"25/255"``. ValueError for anything else."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except ZeroDivisionError:
        raise ValueError(f"'{text}' divides by zero") from None
