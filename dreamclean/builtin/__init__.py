"""The built-in components, a plugin like any other."""
