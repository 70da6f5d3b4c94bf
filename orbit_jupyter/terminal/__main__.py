"""``python -m orbit_jupyter.terminal``: the same as ``jupyter orbit``."""

import sys

from . import main

sys.exit(main())
