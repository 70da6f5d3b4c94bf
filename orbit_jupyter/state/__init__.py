"""What outlives a process: files written whole, and who may write them."""

from .database import open_database
from .files import write_whole
from .holder import Holder
from .lease import RENEW, HeldError, Lease, claim, claim_first_free

__all__ = ["RENEW", "HeldError", "Holder", "Lease", "claim", "claim_first_free", "open_database", "write_whole"]
