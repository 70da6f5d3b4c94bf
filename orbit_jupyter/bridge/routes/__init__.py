"""The bridge's own routes, by what they are about. Each class has methods marked with `route`, as a plugin has."""

from .endpoints import EndpointRoutes
from .server import ServerRoutes
from .tokens import TokenRoutes

__all__ = ["EndpointRoutes", "ServerRoutes", "TokenRoutes"]
