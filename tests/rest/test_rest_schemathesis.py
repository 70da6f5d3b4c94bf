"""Requests made from the document of a bridge, right ones and wrong ones: each answer is as the document says."""

from __future__ import annotations

from typing import Any, TypeAlias

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from stage import Server

Case: TypeAlias = "schemathesis.Case[Any]"

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

LEFT_OUT = {
    "they end what is under test": r"^/bridge/terminate$|^/endpoint/disconnect/|^/\w+/sample/exit$",
    "they stream, or wait": r"^/events$|^/\w+/sample/(wait|block|stuck)$",
    "they fail on purpose": r"^/endpoint/(submit|job)|^/\w+/(frail|hasty|sample/(raise|refuse|empty|notify))",
    "it starts an endpoint, which dials whatever URL it is given": r"^/\w+/psij/launch/",
}

PATHS_IN_A_SPEC = {"stdin_path", "stdout_path", "stderr_path", "stdin", "stdout", "stderr", "directory"}
SCRIPTS_IN_A_SPEC = {"pre_launch", "post_launch"}

# What isn't there yet may say so, where the document has that status.
STATUSES = {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "501"]}}

# The same requests each time, and no more than the tests have time for.
REQUESTS = settings(
    derandomize=True, database=None, deadline=None, max_examples=15, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def api(site: Server, http: httpx.Client) -> schemathesis.BaseSchema:
    """Return the document of the bridge with all that is connected to it."""
    headers = {"Authorization": http.headers["Authorization"]}
    config = schemathesis.Config.from_dict({"base-url": site.url, "headers": headers, "checks": STATUSES})
    document: dict[str, Any] = http.get("/openapi.json").raise_for_status().json()
    return schemathesis.openapi.from_dict(document, config=config)


@pytest.fixture(scope="module")
def sids(http: httpx.Client) -> dict[str, str]:
    """Return a session of each plugin, by the first two segments of its paths."""
    plugins = http.post("/endpoint/list").json()["data"]["endpoints"]["hpc1"]["plugins"].values()
    spaces = [plugin["namespace"] for plugin in plugins]
    return {space: http.post(f"{space}/register_session").json()["sid"] for space in spaces}


@pytest.fixture(scope="module")
def job_id(http: httpx.Client, sids: dict[str, str]) -> str:
    """Return a job."""
    body = {"job_spec": {"executable": "/bin/true"}}
    return str(http.post(f"/hpc1/psij/submit/{sids['/hpc1/psij']}", json=body).json()["job_id"])


def test_the_document_is_one_of_openapi(api: schemathesis.BaseSchema) -> None:
    api.validate()
    assert not api.raw_schema.get("x-orbit-missing")


# Not Schemathesis' own parametrize(): 4.32 needs, for a document from a fixture, what pytest 9.2 no longer has.
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.timeout(180)
def test_every_answer_is_as_the_document_says(
    api: schemathesis.BaseSchema, sids: dict[str, str], job_id: str, mode: GenerationMode
) -> None:
    for paths in LEFT_OUT.values():
        api = api.exclude(path_regex=paths)
    asked, failed = 0, []
    for found in api.get_all_operations():
        assert isinstance(found, Ok), found.err()
        operation = found.ok()
        if not mode.is_positive and not _can_be_wrong(operation.definition.raw):
            continue

        @REQUESTS
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case) -> None:
            _make_harmless(case)
            _give_what_there_is(case, sids, job_id)
            case.call_and_validate(checks=CHECKS)

        asked += 1
        try:
            ask()
        except (FailureGroup, Exception) as error:
            failed.append(f"{operation.label}\n{error}")
    assert asked
    assert not failed, "\n\n".join(failed)


def _can_be_wrong(operation: dict[str, Any]) -> bool:
    """Return whether there is a request that the description of an operation excludes."""
    bodies = operation.get("requestBody", {}).get("content", {}).values()
    given = operation.get("parameters", ())
    # Any text will do for most of a path.
    in_url = any(one["in"] == "query" or one["schema"].get("type") != "string" for one in given)
    return in_url or any(body.get("schema") for body in bodies)


def _give_what_there_is(case: Case, sids: dict[str, str], job_id: str) -> None:
    """Have a request use a session and a job that there are: what is made up never comes past them."""
    if "sid" in case.path_parameters and "/unregister_session/" not in case.path:
        case.path_parameters["sid"] = sids["/".join(case.path.split("/")[:3])]
    if "job_id" in case.path_parameters:
        case.path_parameters["job_id"] = job_id


def _make_harmless(case: Case) -> None:
    """Keep a job from writing where it says, and from starting what it says: it runs here."""
    spec = case.body.get("job_spec") if isinstance(case.body, dict) else None
    if isinstance(spec, dict):
        for name in (PATHS_IN_A_SPEC | SCRIPTS_IN_A_SPEC) & spec.keys():
            del spec[name]
        if isinstance(spec.get("executable"), str):
            spec["executable"] = "/bin/true"
