"""``python -m dreamclean``."""

from dreamclean.cli import main

main()
