"""The method: the loop and what wraps it."""
