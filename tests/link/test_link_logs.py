"""At which level a process logs, and to which call a line belongs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from orbit_jupyter.bridge.logs import TracedHandler
from orbit_jupyter.link import working_for
from orbit_jupyter.link.logs import FORMAT, TraceFilter, begin_logging, follow_environment, log_level


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RADICAL_ORBIT_LOG_LVL", "RADICAL_LOG_LVL", "RADICAL_ORBIT_LOG_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def orbit_logger() -> Iterator[logging.Logger]:
    logger, root = logging.getLogger("orbit"), logging.getLogger()
    before = logger.level, list(logger.handlers), list(root.handlers), root.level
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
    monkeypatch.setenv("RADICAL_LOG_LVL", "LOUD")
    with pytest.raises(ValueError, match=r"\$RADICAL_LOG_LVL is 'LOUD'; it must be one of DEBUG, INFO"):
        log_level()


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
