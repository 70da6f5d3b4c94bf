"""Which plugins to load, where a path leads, and which batch system there is: all without I/O."""

from __future__ import annotations

from typing import Any

import pytest

from orbit_jupyter.host import DEFAULTS, Batch, detect, select
from orbit_jupyter.host.router import Router
from orbit_jupyter.plugin import Request, Route
from orbit_jupyter.protocol import MethodNotAllowedError, RouteNotFoundError

INSTALLED = ["sysinfo", "psij", "rhapsody", "queue_info", "staging", "iri", "iri_facility", "psij_extra"]

# -- select -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "role", "chosen"),
    [
        (["sysinfo"], "login", ["sysinfo"]),
        (["psij"], "login", ["psij"]),  # exact, though a prefix of another
        (["sys"], "login", ["sysinfo"]),
        ([" rhap "], "login", ["rhapsody"]),
        (["psij*"], "login", ["psij", "psij_extra"]),
        (["*_info", "sysinfo"], "login", ["queue_info", "sysinfo"]),
        (["[rs]*"], "login", ["rhapsody", "staging", "sysinfo"]),
        (["all"], "login", sorted(INSTALLED)),
        (["default"], "login", ["psij", "staging", "sysinfo", "queue_info"]),
        (["default"], "compute", ["rhapsody", "staging", "sysinfo", "queue_info"]),
        (["default"], "standalone", ["psij", "staging", "sysinfo", "rhapsody", "queue_info"]),
        (["default"], "bridge", ["iri", "iri_facility", "staging", "sysinfo"]),
        (["my_lab.plugin:Mine"], "login", ["my_lab.plugin:Mine"]),
        (
            ["sysinfo", "default", "sys", "m:P", "m:P"],
            "compute",
            ["sysinfo", "rhapsody", "staging", "queue_info", "m:P"],
        ),
        (["", "  "], "login", []),
        ([], "login", []),
    ],
)
def test_tokens_choose_plugins_each_once_and_in_order(tokens: list[str], role: str, chosen: list[str]) -> None:
    assert select(tokens, INSTALLED, role) == chosen


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["nope"], "no plugin 'nope' is installed; there is iri, iri_facility, psij, "),
        (["nope*"], "no plugin 'nope\\*' is installed"),
        (["SYSINFO"], "no plugin 'SYSINFO' is installed"),
        (["s"], "plugin 's' could be staging or sysinfo; say which"),
        (["sysinfo", "iri_x"], "no plugin 'iri_x'"),
    ],
)
def test_token_that_fits_nothing_or_several_is_refused_with_what_there_is(tokens: list[str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        select(tokens, INSTALLED, "login")


@pytest.mark.parametrize("role", DEFAULTS)
def test_default_is_empty_where_nothing_of_it_is_installed(role: str) -> None:
    assert select(["default"], [], role) == []
    with pytest.raises(ValueError, match="there is none"):
        select(["all"], [], role)


# -- the router ---------------------------------------------------------------------------------------------------


def answer(name: str) -> Any:
    def handler(_request: Request) -> str:
        return name

    handler.__name__ = name
    return handler


def router(*routes: str) -> Router:
    """Make a router of routes ``METHOD path name``; what it finds is known by its name."""
    parts = [route.split() for route in routes]
    return Router([Route(method, path, answer(name)) for method, path, name in parts])


ROUTES = router(
    "GET version old",
    "GET version version",
    "POST submit/{sid} submit",
    "GET job/{sid}/{id} job",
    "DELETE job/{sid}/{id} delete",
    "GET job/{sid}/all all",
    "GET job/newest/{id} newest",
    "PUT file/{path} put",
    "POST list/{sid} make",
    "GET list/all list-all",
    "GET task/{uid} task",
    "POST task/{id} change",
)


@pytest.mark.parametrize(
    ("method", "path", "name", "values"),
    [
        ("GET", "version", "version", {}),  # the later one, so that a plugin can override
        ("GET", "/version/", "version", {}),
        ("HEAD", "version", "version", {}),
        ("POST", "submit/s1", "submit", {"sid": "s1"}),
        ("GET", "job/s1/7", "job", {"sid": "s1", "id": "7"}),
        ("DELETE", "job/s1/7", "delete", {"sid": "s1", "id": "7"}),
        ("GET", "job/s1/all", "all", {"sid": "s1"}),
        ("GET", "job/newest/7", "newest", {"id": "7"}),
        ("PUT", "file/a%2Fb%20c%3F", "put", {"path": "a/b c?"}),
        ("PUT", "file/%7Bpath%7D", "put", {"path": "{path}"}),
        ("PUT", "file/gr%C3%B6%C3%9Fe", "put", {"path": "größe"}),
        ("GET", "v%65rsion", "version", {}),
        # A fixed segment that has no such method leaves the placeholder's route its turn.
        ("POST", "list/all", "make", {"sid": "all"}),
        ("DELETE", "job/s1/all", "delete", {"sid": "s1", "id": "all"}),
        # So do two names for one placeholder.
        ("GET", "task/7", "task", {"uid": "7"}),
        ("POST", "task/7", "change", {"id": "7"}),
    ],
)
def test_path_leads_to_its_handler_and_values(method: str, path: str, name: str, values: dict[str, str]) -> None:
    route, found = ROUTES.find(method, path)
    assert (route.handler.__name__, found) == (name, values)


@pytest.mark.parametrize(
    "path",
    ["", "/", "nope", "versio", "version/x", "submit", "submit/", "submit//", "job/s1", "job//7", "version%2Fx"],
)
def test_path_that_leads_nowhere_is_not_found_and_the_routes_are_named(path: str) -> None:
    with pytest.raises(RouteNotFoundError, match="there is no route GET") as caught:
        ROUTES.find("GET", path)
    assert caught.value.data["available"] == sorted(ROUTES.names())
    assert "POST submit/{sid}" in ROUTES.names()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "version", ["GET"]),
        ("get", "version", ["GET"]),
        ("HEAD", "submit/s1", ["POST"]),
        ("POST", "job/s1/7", ["DELETE", "GET"]),
        ("PUT", "job/s1/all", ["DELETE", "GET"]),
        ("DELETE", "task/7", ["GET", "POST"]),
    ],
)
def test_method_that_a_route_does_not_answer_is_refused_with_those_that_it_does(
    method: str, path: str, allow: list[str]
) -> None:
    with pytest.raises(MethodNotAllowedError, match=" and ".join(allow)) as caught:
        ROUTES.find(method, path)
    assert (caught.value.data, caught.value.status) == ({"allow": allow}, 405)


# -- the batch system ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("programs", "environ", "batch", "role"),
    [
        ([], {}, Batch("none", "local"), "standalone"),
        (["squeue"], {}, Batch("slurm", "slurm"), "login"),
        (["squeue"], {"SLURM_JOB_ID": "77"}, Batch("slurm", "slurm", "77"), "compute"),
        (["qstat"], {}, Batch("pbs", "pbs"), "login"),
        (["qstat"], {"PBS_JOBID": "5.pbs"}, Batch("pbs", "pbs", "5.pbs"), "compute"),
        (["squeue", "qstat"], {"PBS_JOBID": "5.pbs"}, Batch("slurm", "slurm"), "login"),
        (["sbatch"], {}, Batch("none", "local"), "standalone"),
        ([], {"SLURM_JOB_ID": "77"}, Batch("none", "local"), "standalone"),
    ],
)
def test_batch_system_is_known_by_its_tools_and_the_role_by_the_job(
    programs: list[str], environ: dict[str, str], batch: Batch, role: str
) -> None:
    found = detect(environ, lambda name: f"/usr/bin/{name}" if name in programs else None)
    assert (found, found.role) == (batch, role)


def test_environment_of_this_process_is_looked_at_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "78")
    monkeypatch.delenv("RADICAL_ORBIT_BATCH")
    assert detect(which=lambda name: name if name == "squeue" else None).job_id == "78"
