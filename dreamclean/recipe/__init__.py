"""Recipes: settings, presets, files."""
