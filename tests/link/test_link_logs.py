"""At which level a process logs, and to which call a line belongs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orbit_jupyter.bridge.logs import TracedHandler, join_server_log
from orbit_jupyter.link import logs, working_for
from orbit_jupyter.link.logs import FORMAT, TraceFilter, begin_logging, follow_environment, log_level


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RADICAL_ORBIT_LOG_LVL", "RADICAL_LOG_LVL", "RADICAL_ORBIT_LOG_FILE"):
        monkeypatch.delenv(name, raising=False)
    logs._warn_once.cache_clear()


@pytest.fixture
def orbit_logger() -> Iterator[logging.Logger]:
    logger, root = logging.getLogger("orbit"), logging.getLogger()
    before = logger.level, list(logger.handlers), list(root.handlers), root.level
    logger.setLevel(logging.NOTSET)  # a bridge in the same process has set it
    yield logger
    for handler in {*logger.handlers, *root.handlers} - {*before[1], *before[2]}:
        handler.close()
    logger.level, logger.handlers[:], root.handlers[:], root.level = before
    logging.Logger.manager._clear_cache()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "own", "general", "level"),
    [
        (None, None, None, "INFO"),
        ("error", "DEBUG", None, "ERROR"),
        (None, "debug", "ERROR", "DEBUG"),
        (None, None, "warning", "WARNING"),
        (None, "", "warning", "WARNING"),
        (None, None, "critical", "CRITICAL"),
        (None, "DEBUG", "DEBUG_5", "DEBUG"),
    ],
)
def test_level_comes_from_option_then_own_variable_then_the_general_one(
    given: str | None, own: str | None, general: str | None, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RADICAL_ORBIT_LOG_LVL", own), ("RADICAL_LOG_LVL", general)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert log_level(given) == level


def test_wrong_level_is_refused_with_the_place_that_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_LOG_LVL", "LOUD")
    with pytest.raises(ValueError, match=r"\$RADICAL_ORBIT_LOG_LVL is 'LOUD'; it must be one of DEBUG, INFO"):
        log_level()
    with pytest.raises(ValueError, match="the log level is 'LOUDER'"):
        log_level("LOUDER")


def warnings(records: Sequence[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("level", ["DEBUG_5", "20", "off", "LOUD"])
def test_level_that_is_for_other_tools_is_ignored_with_one_warning(
    level: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RADICAL_LOG_LVL", level)
    assert [log_level(), log_level(default="ERROR")] == ["INFO", "ERROR"]
    (warning,) = warnings(caplog.records)
    assert f"ignores $RADICAL_LOG_LVL: {level!r}" in warning


@pytest.mark.parametrize("name", ["RADICAL_ORBIT_LOG_LVL", "RADICAL_LOG_LVL"])
def test_wrong_level_never_keeps_a_client_from_being_made(
    name: str,
    orbit_logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(name, "LOUD")
    before = orbit_logger.level, list(orbit_logger.handlers)
    follow_environment()
    follow_environment()
    assert (orbit_logger.level, orbit_logger.handlers) == before
    (warning,) = warnings(caplog.records)
    assert name in warning
    assert "'LOUD'" in warning


@pytest.fixture
def server_lines() -> Iterator[tuple[logging.Logger, list[str]]]:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    server, kept = logging.getLogger("server-of-test"), Kept()
    server.addHandler(kept)
    yield server, lines
    server.removeHandler(kept)
    server.setLevel(logging.NOTSET)


@pytest.mark.usefixtures("orbit_logger")
@pytest.mark.parametrize("level", [15, logging.NOTSET, logging.INFO])
def test_bridge_takes_any_level_of_its_server_as_it_is(
    level: int, server_lines: tuple[logging.Logger, list[str]]
) -> None:
    server, lines = server_lines
    server.setLevel(level)
    assert join_server_log(server) == level
    assert lines == []


@pytest.mark.usefixtures("orbit_logger")
@pytest.mark.parametrize(
    ("name", "value", "level", "warned"),
    [
        ("RADICAL_ORBIT_LOG_LVL", "DEBUG", logging.DEBUG, 0),
        ("RADICAL_ORBIT_LOG_LVL", "LOUD", 15, 1),
        ("RADICAL_LOG_LVL", "OFF", 15, 1),
    ],
)
def test_bridge_follows_a_variable_and_warns_of_a_wrong_one_in_the_servers_log(
    name: str,
    value: str,
    level: int,
    warned: int,
    server_lines: tuple[logging.Logger, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, lines = server_lines
    server.setLevel(15)
    monkeypatch.setenv(name, value)
    assert join_server_log(server) == level
    assert [name in line for line in lines] == [True] * warned


def test_every_line_of_a_program_names_its_call(
    orbit_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_LOG_FILE", str(tmp_path / "endpoint.log"))
    logging.getLogger().handlers.clear()
    begin_logging("DEBUG")
    with working_for("t-1", "ann"):
        orbit_logger.debug("inside")
    orbit_logger.info("outside")
    first, second = (tmp_path / "endpoint.log").read_text().splitlines()
    assert first.endswith("DEBUG t-1 inside")
    assert second.endswith("INFO - outside")


def test_client_logs_by_itself_only_where_a_variable_says_so(
    orbit_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger().handlers.clear()
    before = orbit_logger.level, list(orbit_logger.handlers)
    follow_environment()
    assert (orbit_logger.level, list(orbit_logger.handlers)) == before
    monkeypatch.setenv("RADICAL_ORBIT_LOG_LVL", "DEBUG")
    orbit_logger.handlers.clear()
    follow_environment()
    follow_environment()
    assert (orbit_logger.level, len(orbit_logger.handlers)) == (logging.DEBUG, 1)
    assert any(isinstance(one, TraceFilter) for one in orbit_logger.handlers[0].filters)


def test_bridge_adds_the_call_to_what_goes_through_the_servers_handlers() -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    quiet = Kept(logging.ERROR)
    traced = TracedHandler([Kept(), quiet])
    record = logging.LogRecord("orbit.bridge", logging.INFO, __file__, 1, "%d endpoints", (3,), None)
    traced.handle(record)
    with working_for("t-2", ""):
        traced.handle(record)
    assert lines == ["3 endpoints", "3 endpoints [call t-2]"]
    assert record.getMessage() == "3 endpoints"  # others get it as it was
    assert "%(trace)s" in FORMAT
