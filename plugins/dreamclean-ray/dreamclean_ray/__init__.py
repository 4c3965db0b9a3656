"""Restoring folders of pictures on a Ray cluster: ``dreamclean ray restore``."""
