"""The endpoint service: a small parent process that holds the link, with plugins beside it."""

from .service import EndpointService

__all__ = ["EndpointService"]
