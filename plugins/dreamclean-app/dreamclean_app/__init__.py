"""A page and an HTTP interface for DreamClean, served from this machine alone: ``dreamclean app``."""
