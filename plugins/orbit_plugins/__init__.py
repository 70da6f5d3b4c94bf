"""Orbit's own plugins, found through the same entry points as a stranger's."""
