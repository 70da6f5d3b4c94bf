"""Endpoints of radical.orbit 0.2.0, as they are: their messages, and a link that the hub takes for any other."""

from .joining import Refusal, join, spoken_in
from .link import OtherReleaseLink
from .socket import Socket

__all__ = ["OtherReleaseLink", "Refusal", "Socket", "join", "spoken_in"]
