"""An endpoint that is killed in the midst of a submit: ``killed_endpoint.py LINE``, then as `orbit-endpoint`."""

from __future__ import annotations

import sys
import threading

from killed_submit import Trace

from orbit_jupyter.endpoint.command import main

if __name__ == "__main__":
    threading.settrace(Trace(int(sys.argv.pop(1))))
    main()
