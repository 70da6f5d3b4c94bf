"""PBS Professional and OpenPBS, asked through their own programs."""

from .system import PBSSystem

__all__ = ["PBSSystem"]
