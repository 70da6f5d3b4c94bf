"""A bridge with two endpoints, and a face that keeps what it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from stage import Server, endpoint, server

from orbit_jupyter.verbs import Context, Outcome, Stream, Tell, grammar, run, split

PLUGINS = ("--plugins", "sysinfo,psij")


class KeptFace:
    """Keeps what the verbs say, write and show."""

    prog = "%orbit"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.written: list[tuple[Stream, str]] = []
        self.shown: list[str] = []
        self.on_tell: Callable[[str], None] = lambda _: None

    def say(self, text: str) -> None:
        self.said.append(text)

    def write(self, text: str, stream: Stream = "stdout") -> None:
        self.written.append((stream, text))

    @contextlib.contextmanager
    def progress(self) -> Iterator[Tell]:
        def tell(text: str) -> None:
            self.shown.append(text)
            self.on_tell(text)

        yield tell


class InMemory:
    """The endpoint in use, as a kernel keeps it."""

    def __init__(self) -> None:
        self.name: str | None = None

    def get(self) -> str | None:
        return self.name

    def set(self, name: str) -> None:
        self.name = name


class Orbit:
    """Runs verbs as a user types them."""

    def __init__(self, lab: Server) -> None:
        self.face, self.choice = KeptFace(), InMemory()
        self.context = Context(lab.client, self.face, self.choice)
        self._parser = grammar("%orbit")

    def __call__(self, line: str, cell: str | None = None) -> Outcome:
        return run(self._parser, split(line), self.context, cell)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A bridge with the endpoints hpc1 and hpc2."""
    with contextlib.ExitStack() as stack:
        home = tmp_path_factory.mktemp("home")
        running = stack.enter_context(server(home, command=("orbit_jupyter.terminal",)))
        for name in ("hpc1", "hpc2"):
            folder = tmp_path_factory.mktemp(name)
            stack.enter_context(endpoint(running.url, name, running.endpoint_token(name), folder, *PLUGINS))
        with running.client() as client:
            client.wait_for_endpoint("hpc1", 30)
            client.wait_for_endpoint("hpc2", 30)
        yield running


@pytest.fixture
def orbit(lab: Server) -> Iterator[Orbit]:
    """Verbs on that bridge."""
    orbit = Orbit(lab)
    yield orbit
    orbit.context.close()
