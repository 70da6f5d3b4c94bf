"""What a handler raises to answer with an error."""

from __future__ import annotations


class HTTPException(Exception):
    """Answer with this status and text.

    Parameters
    ----------
    status_code
        HTTP status.
    detail
        What happened, and what to do.
    """

    def __init__(self, status_code: int, detail: str = "") -> None:
        super().__init__(f"{status_code}: {detail}")
        self.status_code = status_code
        self.detail = detail
