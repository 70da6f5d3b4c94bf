"""IPython in this process, on a real bridge with a real local endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from stage import Server, bridge_with_local
from traitlets.config import Config


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A bridge with the endpoint local."""
    with bridge_with_local(tmp_path_factory.mktemp("home")) as running:
        yield running


class Cells:
    """A notebook's cells: run, with what they printed and what they came to."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell, self._capsys = shell, capsys
        self.out = self.err = ""

    def run(self, code: str) -> Any:
        """Run a cell that has to succeed and return its value."""
        result: Any = self.shell.run_cell(code)  # type: ignore[no-untyped-call]
        self.out, self.err = self._capsys.readouterr()
        assert result.success, self.out + self.err
        return result.result

    def fail(self, code: str) -> BaseException | None:
        """Run a cell that has to fail and return what it raised."""
        result: Any = self.shell.run_cell(code)  # type: ignore[no-untyped-call]
        self.out, self.err = self._capsys.readouterr()
        assert not result.success
        raised: BaseException | None = result.error_in_exec
        return raised

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def completions(self, line: str) -> list[str]:
        """Return what Tab offers at the end of a line."""
        # As ipykernel asks: the old way is on its way out, this one isn't declared stable.
        with provisionalcompleter():
            return [one.text for one in self.shell.Completer.completions(line, len(line))]


@pytest.fixture
def cells(
    lab: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Iterator[Cells]:
    """Cells with the extension loaded, in an environment that names the bridge."""
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_URL", lab.url)
    monkeypatch.setenv("RADICAL_ORBIT_CLIENT_TOKEN", lab.info["token"])
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    config = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "orbit_jupyter")
    yield Cells(shell, capsys)
    shell.run_line_magic("unload_ext", "orbit_jupyter")
    InteractiveShell.clear_instance()
