"""Out-of-memory errors, distinguished from others: a smaller tile may help."""

_TYPES = {"MemoryError", "OutOfMemoryError"}
"""Python's and torch's, by name, because torch may not be loaded."""
_WORDS = "allocate memory", "out of memory"
"""Words in errors that have no type of their own, such as torch's on the CPU."""


def lacks_memory(error: BaseException) -> bool:
    """Whether the error says that there is no memory left."""
    typed = any(cls.__name__ in _TYPES for cls in type(error).__mro__)
    return typed or any(words in str(error) for words in _WORDS)
