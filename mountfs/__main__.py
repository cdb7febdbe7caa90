"""``python -m mountfs`` is ``mountfs``."""

from mountfs.cli import main

main()
