"""``make bench``: Orbit beside a bare relay and an empty Jupyter handler, all in one run."""
