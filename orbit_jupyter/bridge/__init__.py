"""The bridge: a Jupyter server extension that routes and remembers, and runs no user work."""
