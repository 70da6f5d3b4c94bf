"""When a transfer is tried again, and what its end is called. For the client's side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from orbit_jupyter.plugin import (
    BadRequestError,
    ConflictError,
    OrbitError,
    PluginNotFoundError,
    ResourceNotFoundError,
)
from orbit_jupyter.protocol import EndpointNotFoundError


class Patience:
    """Tries again while that can help, until nothing has moved for some time.

    Parameters
    ----------
    seconds
        So long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, time.monotonic()
        self._moved = False

    def moved(self) -> None:
        """Note that it gets on."""
        self._last, self._moved = time.monotonic(), True

    def tries(self) -> AsyncRetrying:
        """Return the tries, as tenacity has them."""
        return AsyncRetrying(
            retry=retry_if_exception(self._can_help),
            wait=wait_random_exponential(multiplier=0.5, max=15),
            stop=self._is_over,
            reraise=True,
        )

    def _can_help(self, error: BaseException) -> bool:
        # An endpoint that was there a moment ago, and whose process is being started again.
        back = self._moved and isinstance(error, EndpointNotFoundError | PluginNotFoundError)
        return back or (isinstance(error, OrbitError) and error.transient)

    def _is_over(self, _: RetryCallState) -> bool:
        return time.monotonic() - self._last > self._seconds


@contextmanager
def as_file_errors() -> Iterator[None]:
    """Raise Python's own errors about files for those that the endpoint answers with."""
    try:
        yield
    except ConflictError as error:
        raise FileExistsError(error.message) from error
    except ResourceNotFoundError as error:
        raise FileNotFoundError(error.message) from error
    except BadRequestError as error:
        if "Not a directory" in error.message:
            raise NotADirectoryError(error.message) from error
        raise ValueError(error.message) from error
