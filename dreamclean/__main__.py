"""``python -m dreamclean``."""

from dreamclean.cli.main import main

main()
