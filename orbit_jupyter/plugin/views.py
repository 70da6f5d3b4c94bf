"""How something shows itself in a cell: by whoever offers a view of it under ``orbit_jupyter.views``."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points
from typing import Any

log = logging.getLogger("orbit.client")

GROUP = "orbit_jupyter.views"


def render(shown: object) -> dict[str, Any] | None:
    """Return a MIME bundle for `shown`, or None where no view offers one.

    A view is a function that takes the object and returns a MIME bundle or None. One that fails is left out:
    a cell must not lose its result because it can't be drawn.
    """
    bundle: dict[str, Any] = {}
    for point in entry_points(group=GROUP):
        try:
            bundle.update(point.load()(shown) or {})
        except Exception:
            log.exception("the view %s failed", point.name)
    return {"text/plain": repr(shown), **bundle} if bundle else None
