"""``make bench``: Orbit beside a bare relay, an empty Jupyter handler and other releases, all in one run."""
