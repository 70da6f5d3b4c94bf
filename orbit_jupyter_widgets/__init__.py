"""What Orbit's objects look like in a cell."""
