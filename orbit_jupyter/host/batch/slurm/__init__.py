"""Slurm, asked through its own programs."""

from .system import SlurmSystem

__all__ = ["SlurmSystem"]
