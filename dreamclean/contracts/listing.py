"""Lists of names for messages."""

from collections.abc import Iterable


def there_are(names: Iterable[str]) -> str:
    """``there is paper`` or ``there are a, b``."""
    found = list(names)
    return f"there {'is' if len(found) == 1 else 'are'} {', '.join(found) or 'none'}"
