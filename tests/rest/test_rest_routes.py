"""The routes of radical.orbit 0.2.0, one by one: what is served under each, with which status and which keys.

Keys are those of `rest_answers`. Where that release has a quirk that isn't to be copied (NC), the row asserts what
is done instead.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import UNSET
from rest_answers import (
    Allocations,
    Backend,
    BatchJobs,
    Cancelled,
    Document,
    Done,
    Endpoints,
    Error,
    Health,
    Home,
    JobAllocation,
    Jobs,
    JobStatus,
    Metrics,
    NodeList,
    Page,
    Queues,
    Registered,
    Role,
    Sessions,
    Submitted,
    SubmittedEndpoint,
    Topology,
    TopologyData,
    Tunnel,
    Version,
)
from stage import wait_until

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True)
class Row:
    """A request, and what comes of it. In a path ``{…}`` stands for what `Known` knows."""

    method: str
    path: str
    answer: Any = Error
    status: int = 200
    code: str = ""
    request: dict[str, Any] = field(default_factory=dict)


def refused(status: int, code: str, method: str, path: str, **request: Any) -> Row:
    """Return the row of an error."""
    return Row(method, path, Error, status, code, request)


def job(**spec: Any) -> dict[str, Any]:
    """Return the body of a submit."""
    return {"job_spec": {"executable": "/bin/true", **spec}}


BRIDGE = [
    Row("POST", "/endpoint/list", Topology),
    Row("GET", "/endpoints", Endpoints),
    Row("GET", "/openapi.json", Document),
    refused(400, "bad-request", "POST", "/endpoint/disconnect/bridge"),
    refused(404, "endpoint-not-found", "POST", "/endpoint/disconnect/nope"),
    refused(501, "unsupported", "POST", "/endpoint/submit", json={}),
    refused(501, "unsupported", "GET", "/endpoint/jobs"),
    refused(501, "unsupported", "GET", "/endpoint/job/{any}"),
    refused(501, "unsupported", "POST", "/endpoint/job/{any}/cancel"),
    # It ends a bridge that is a server of its own; this one is part of somebody's Jupyter.
    refused(409, "conflict", "POST", "/bridge/terminate"),
    refused(404, "resource-not-found", "GET", "/plugins/nope.js"),
    refused(404, "resource-not-found", "GET", "/plugins/Nope.js"),
    # NC: a module that an endpoint has would be a foreign machine's script in the page.
    refused(404, "resource-not-found", "GET", "/plugins/sample.js"),
    # Left out: FastAPI's pages load their scripts from elsewhere; the document is at /openapi.json.
    refused(404, "endpoint-not-found", "GET", "/docs"),
    refused(404, "endpoint-not-found", "GET", "/redoc"),
]

EVERY_PLUGIN = [
    row
    for plugin in ("sysinfo", "queue_info", "psij", "sample")
    for row in (
        Row("POST", f"/hpc1/{plugin}/register_session", Registered),
        Row("POST", f"/hpc1/{plugin}/unregister_session/{{{plugin}}}", Done),
        Row("GET", f"/hpc1/{plugin}/version", Version),
        Row("GET", f"/hpc1/{plugin}/list_sessions", Sessions),
        Row("GET", f"/hpc1/{plugin}/health", Health),
        Row("GET", f"/hpc1/{plugin}/ui_config", Page),
        refused(404, "session-not-found", "POST", f"/hpc1/{plugin}/unregister_session/nope"),
    )
]

SYSINFO = [
    Row("GET", "/hpc1/sysinfo/homedir", Home),
    Row("GET", "/hpc1/sysinfo/host_role", Role),
    Row("GET", "/hpc1/sysinfo/metrics/{sysinfo}", Metrics),
    refused(404, "session-not-found", "GET", "/hpc1/sysinfo/metrics/nope"),
]

QUEUES = "/hpc1/queue_info"

QUEUE_INFO = [
    Row("GET", f"{QUEUES}/backend", Backend),
    Row("GET", f"{QUEUES}/nodelist", NodeList),
    Row("GET", f"{QUEUES}/job_allocation", JobAllocation),
    *(
        Row("GET", f"{QUEUES}/{path}", answer, request={"params": params})
        for path, answer in (
            ("get_info/{queue_info}", Queues),
            ("list_jobs/{queue_info}/batch", BatchJobs),
            ("list_all_jobs/{queue_info}", BatchJobs),
            ("list_allocations/{queue_info}", Allocations),
        )
        for params in ({}, {"user": "*"}, {"user": "somebody", "force": "true"}, {"force": "false", "user": ""})
    ),
    refused(404, "session-not-found", "GET", f"{QUEUES}/get_info/nope"),
    refused(422, "invalid-field", "GET", f"{QUEUES}/get_info/{{queue_info}}", params={"force": "perhaps"}),
    refused(422, "invalid-field", "GET", f"{QUEUES}/list_all_jobs/{{queue_info}}", params={"user": "-x"}),
    # NC: no jobs there.
    refused(404, "resource-not-found", "GET", f"{QUEUES}/list_jobs/{{queue_info}}/nope"),
    Row("POST", f"{QUEUES}/cancel/{{queue_info}}/17", Cancelled),
    # NC: "canceled" there.
    refused(404, "resource-not-found", "POST", f"{QUEUES}/cancel/{{queue_info}}/nope"),
    refused(404, "resource-not-found", "POST", f"{QUEUES}/cancel/{{queue_info}}/4711"),
]

SUBMIT, TUNNELED, STATUS = (
    "/hpc1/psij/submit/{psij}",
    "/hpc1/psij/submit_tunneled/{psij}",
    "/hpc1/psij/status/{psij}",
)
CHILD = {"arguments": ["-n", "child"]}

PSIJ = [
    Row("POST", SUBMIT, Submitted, request={"json": job()}),
    Row("POST", SUBMIT, Submitted, request={"json": {**job(attributes={"duration": "60"}), "executor": "local"}}),
    # NC: 500 there.
    Row("POST", SUBMIT, Submitted, request={"json": job(attributes={"duration": "00:01:00"})}),
    Row("POST", SUBMIT, Submitted, request={"json": job(resources={"node_count": 1, "process_count": 1})}),
    Row("POST", SUBMIT, Submitted, request={"json": job(custom_attributes={"slurm.constraint": "x"})}),
    # NC: what is wrong in a spec is 422 with the field's name, not 500, and nothing in it is dropped in silence.
    refused(422, "invalid-field", "POST", SUBMIT, json=job(resources={"cores": 1})),
    refused(422, "invalid-field", "POST", SUBMIT, json=job(attributes={"duration": "soon"})),
    refused(422, "invalid-field", "POST", SUBMIT, json=job(priority="high")),
    refused(422, "invalid-field", "POST", SUBMIT, json={"job_spec": {}}),
    refused(422, "invalid-field", "POST", SUBMIT, json={}),
    refused(422, "invalid-field", "POST", SUBMIT, json={**job(), "executor": "nope"}),
    refused(404, "session-not-found", "POST", "/hpc1/psij/submit/nope", json=job()),
    Row("POST", TUNNELED, SubmittedEndpoint, request={"json": job(**CHILD)}),
    Row(
        "POST",
        TUNNELED,
        SubmittedEndpoint,
        request={"json": {**job(arguments=["--name", "two"]), "tunnel": "none"}},
    ),
    refused(422, "invalid-field", "POST", TUNNELED, json=job()),
    refused(422, "invalid-field", "POST", TUNNELED, json=job(arguments=["-n"])),
    refused(400, "bad-request", "POST", TUNNELED, json={**job(**CHILD), "tunnel": True}),
    refused(400, "bad-request", "POST", TUNNELED, json={**job(**CHILD), "tunnel": "sideways"}),
    Row("GET", "/hpc1/psij/tunnel_status/{any}", Tunnel),
    Row("GET", f"{STATUS}/{{ended}}", JobStatus),
    Row("GET", f"{STATUS}/{{ended}}", JobStatus, request={"params": {"stdout_offset": 1, "stderr_offset": 0}}),
    refused(404, "resource-not-found", "GET", f"{STATUS}/nope"),
    refused(404, "session-not-found", "GET", "/hpc1/psij/status/nope/{ended}"),
    # NC: 500 there.
    refused(422, "invalid-field", "GET", f"{STATUS}/{{ended}}", params={"stdout_offset": "first"}),
    refused(422, "invalid-field", "GET", f"{STATUS}/{{ended}}", params={"stderr_offset": -1}),
    Row("GET", "/hpc1/psij/list_jobs/{psij}", Jobs),
    Row("POST", "/hpc1/psij/cancel/{psij}/{sleeping}", Cancelled),
    refused(404, "resource-not-found", "POST", "/hpc1/psij/cancel/{psij}/nope"),
    # NC: "canceled" there, whatever the job's state is.
    refused(409, "conflict", "POST", "/hpc1/psij/cancel/{psij}/{ended}"),
]

CONVENTIONS = [
    refused(404, "endpoint-not-found", "GET", "/nope/sysinfo/version"),
    refused(404, "plugin-not-found", "GET", "/hpc1/nope/version"),
    refused(404, "route-not-found", "GET", "/hpc1/sysinfo/nope"),
    refused(404, "route-not-found", "GET", "/hpc1/sysinfo/version/more"),
    refused(410, "session-expired", "GET", "/hpc1/hasty/work/{hasty}"),
    refused(500, "plugin-error", "GET", "/hpc1/frail/work/{frail}"),
    refused(500, "plugin-error", "GET", "/hpc1/sample/raise"),
    refused(418, "plugin-error", "GET", "/hpc1/sample/refuse/418"),
    refused(504, "deadline", "GET", "/hpc1/sample/wait", headers={"X-Orbit-Timeout": "0.1"}),
    # NC: a method that a route hasn't got is 404 there, and HEAD too; a body that can't be read is 500.
    refused(405, "method-not-allowed", "PUT", "/hpc1/sysinfo/version"),
    refused(405, "method-not-allowed", "OPTIONS", "/hpc1/sysinfo/version"),
    refused(405, "method-not-allowed", "GET", "/endpoint/list"),
    refused(400, "bad-request", "POST", "/hpc1/sample/echo", content=b"{nope"),
    # NC: an encoded slash or question mark stays in its segment.
    refused(404, "session-not-found", "GET", "/hpc1/sysinfo/metrics/a%2Fb%3Fc"),
]


class Known:
    """What the paths of the table stand for, made when it is asked for."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._ended = ""

    def __getitem__(self, name: str) -> str:
        if name == "any":
            return "any"
        if name == "sleeping":
            return self.submit(executable="/bin/sleep", arguments=["60"])
        if name == "ended":
            self._ended = self._ended or self._run()
            return self._ended
        return str(self._http.post(f"/hpc1/{name}/register_session").json()["sid"])

    def submit(self, **spec: Any) -> str:
        """Start a job and return its id."""
        return str(self._http.post(SUBMIT.format_map(self), json=job(**spec)).json()["job_id"])

    def status(self, job_id: str, **params: int) -> dict[str, Any]:
        """Return a job's status."""
        answer: dict[str, Any] = self._http.get(f"{STATUS.format_map(self)}/{job_id}", params=params).json()
        return answer

    def _run(self) -> str:
        job_id = self.submit(executable="/bin/sh", arguments=["-c", "echo out; echo error >&2; exit 3"])
        wait_until(lambda: self.status(job_id)["state"] == "FAILED", "the job has ended")
        return job_id


@pytest.fixture(scope="module")
def known(http: httpx.Client) -> Known:
    return Known(http)


def name_of(row: Row) -> str:
    return f"{row.method} {row.path} {row.status}"


@pytest.mark.parametrize("row", [*BRIDGE, *EVERY_PLUGIN, *SYSINFO, *QUEUE_INFO, *PSIJ, *CONVENTIONS], ids=name_of)
def test_route_answers_as_written(http: httpx.Client, known: Known, row: Row) -> None:
    # format_map asks for a name where it meets it: no row makes what it doesn't need.
    path = row.path.format_map(known)
    answer = http.request(row.method, path, **row.request)
    assert (answer.status_code, answer.headers["content-type"]) == (row.status, "application/json"), answer.text
    body = msgspec.json.decode(answer.content, type=row.answer)
    if isinstance(body, Error):
        assert (body.status_code, body.code) == (row.status, row.code), body.detail
        assert body.field is not UNSET or row.status != 422
        assert body.allow is not UNSET or row.status != 405


def test_the_document_lists_every_route(http: httpx.Client) -> None:
    paths = msgspec.json.decode(http.get("/openapi.json").content, type=Document).paths
    listed = {(method, _shape(path)) for path, operations in paths.items() for method in operations}
    asked = {(row.method.lower(), _shape(row.path)) for row in [*EVERY_PLUGIN, *SYSINFO, *QUEUE_INFO, *PSIJ]}
    asked |= {("post", "/endpoint/list"), ("get", "/endpoints"), ("post", "/endpoint/disconnect/{}")}
    asked |= {("post", "/bridge/terminate"), ("get", "/plugins/{}"), ("get", "/events")}
    assert asked - listed == set()


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}|\b(nope|batch|17|4711)\b", "{}", path)


def test_a_failed_job_has_its_exit_code_and_its_output_from_any_byte_on(known: Known) -> None:
    ended = known["ended"]
    status = known.status(ended)
    assert (status["state"], status["exit_code"], status["executor"]) == ("FAILED", 3, "local")
    assert (status["stdout"], status["stdout_offset"]) == ("out\n", 4)
    assert (status["stderr"], status["stderr_offset"]) == ("error\n", 6)
    later = known.status(ended, stdout_offset=2, stderr_offset=6)
    assert (later["stdout"], later["stderr"]) == ("t\n", "")


def test_the_sessions_that_are_listed_are_those_that_are_counted(http: httpx.Client, known: Known) -> None:
    sid = known["sample"]
    listed = http.get("/hpc1/sample/list_sessions").json()["sessions"]
    assert sid in listed
    assert http.get("/hpc1/sample/health").json()["active_sessions"] == len(listed)
    http.post(f"/hpc1/sample/unregister_session/{sid}")
    assert sid not in http.get("/hpc1/sample/list_sessions").json()["sessions"]


def test_the_page_is_html_that_no_cache_keeps(http: httpx.Client) -> None:
    page = http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].lower().startswith("text/html")
    assert "no-cache" in page.headers["cache-control"]


def test_events_are_a_stream_that_begins_with_the_topology(http: httpx.Client) -> None:
    with http.stream("GET", "/events") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        first = next(line for line in answer.iter_lines() if line.startswith("data: "))
    message = msgspec.json.decode(first.removeprefix("data: "))
    assert message["topic"] == "topology"
    assert list(msgspec.convert(message["data"], TopologyData).endpoints)[-1] == "hpc1"


def test_without_a_token_nobody_is_let_in(http: httpx.Client) -> None:
    """There is no login at all in that release."""
    for method, path in (("POST", "/endpoint/list"), ("GET", "/hpc1/sysinfo/homedir"), ("GET", "/events")):
        answer = httpx.request(method, f"{http.base_url}{path.lstrip('/')}", trust_env=False)
        assert (answer.status_code, answer.json()["error"]) == (403, True)


@pytest.mark.parametrize("kind", ["list", "dict", "zero", "false", "null"])
def test_what_is_false_is_json(http: httpx.Client, kind: str) -> None:
    """NC: an empty body without a content type there."""
    answer = http.get(f"/hpc1/sample/empty/{kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.text == {"list": "[]", "dict": "{}", "zero": "0", "false": "false", "null": "null"}[kind]


def test_no_body_is_an_empty_object_and_msgpack_is_read(http: httpx.Client) -> None:
    assert http.post("/hpc1/sample/echo").json()["body"] == {}
    packed = msgspec.msgpack.encode({"a": [1]})
    answer = http.post("/hpc1/sample/echo", content=packed, headers={"content-type": "application/msgpack"})
    assert answer.json()["body"] == {"a": [1]}


def test_path_is_decoded_and_the_query_passes(http: httpx.Client) -> None:
    echo = http.get("/hpc1/sample/echo/a%20b%2Fc%3Fd", params={"x": "1 2", "y": ""}).json()
    assert (echo["params"], echo["query"]) == ({"word": "a b/c?d"}, {"x": "1 2", "y": ""})


def test_an_error_within_a_session_names_plugin_session_and_method(http: httpx.Client, known: Known) -> None:
    sid = known["frail"]
    assert http.get(f"/hpc1/frail/work/{sid}").json()["detail"] == f"[frail/{sid}] work: nothing to share"


def test_equal_request_ids_get_each_its_own_answer(http: httpx.Client) -> None:
    """NC: X-Request-ID is the bridge's own key there; two callers get each other's answers, or none."""
    same, late = {"X-Request-ID": "req.000000"}, {"X-Orbit-Timeout": "1"}
    answers: list[httpx.Response] = []

    def wait() -> None:
        answers.append(http.get("/hpc1/sample/wait", headers={**same, **late}))

    with http.stream("GET", "/events", params={"topic": "waiting"}) as events:
        lines = events.iter_lines()
        next(line for line in lines if line.startswith("data: "))
        waiting = threading.Thread(target=wait)
        waiting.start()
        next(line for line in lines if '"waiting"' in line)
        echo = http.post("/hpc1/sample/echo", json={"number": 7}, headers=same)
        waiting.join(20)
    assert (echo.status_code, echo.json()["body"]) == (200, {"number": 7})
    assert [answer.status_code for answer in answers] == [504]
