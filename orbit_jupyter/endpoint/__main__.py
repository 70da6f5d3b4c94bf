"""``python -m orbit_jupyter.endpoint``."""

from .command import main

main()
