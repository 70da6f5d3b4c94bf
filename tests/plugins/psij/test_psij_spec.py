from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import psij
import pytest

from orbit_jupyter.plugin import InvalidFieldError
from orbit_plugins.psij.durations import LONGEST
from orbit_plugins.psij.here import check_here
from orbit_plugins.psij.offers import load_psij
from orbit_plugins.psij.spec import parse_spec
from orbit_plugins.psij.translate import custom_attributes, to_psij

OUT, ERR = Path("/tmp/o"), Path("/tmp/e")


def built(executor: str = "slurm", **fields: Any) -> psij.JobSpec:
    load_psij()
    return to_psij(parse_spec({"executable": "/bin/true", **fields}), OUT, ERR, executor)


def attributes(executor: str = "slurm", **fields: Any) -> psij.JobAttributes:
    made = built(executor, **fields).attributes
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "executable"),
        ({"executable": ""}, "executable"),
        ({"executable": None}, "executable"),
        ({"executable": 7}, "executable"),
        ({"executable": "/bin/a\0b"}, "executable"),
        ({"executable": "x", "arguments": "-l"}, "arguments"),
        ({"executable": "x", "arguments": ["-l", 3]}, "arguments[1]"),
        ({"executable": "x", "arguments": ["a\0"]}, "arguments[0]"),
        ({"executable": "x", "environment": {"A": [1]}}, "environment[...]"),
        ({"executable": "x", "environment": {"A=B": "1"}}, "environment"),
        ({"executable": "x", "environment": {"": "1"}}, "environment"),
        ({"executable": "x", "inherit_environment": "no"}, "inherit_environment"),
        ({"executable": "x", "colour": "red"}, "colour"),
        ({"executable": "x", "attributes": []}, "attributes"),
        ({"executable": "x", "attributes": {"walltime": 3}}, "attributes.walltime"),
        ({"executable": "x", "attributes": {"duration": "soon"}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": "1:75:00"}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": 0}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": -1}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": True}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": "30x"}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": ""}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": "9" * 30}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"duration": "9" * 5000}}, "attributes.duration"),
        ({"executable": "x", "attributes": {"node_count": 0}}, "attributes.node_count"),
        ({"executable": "x", "attributes": {"queue_name": 5}}, "attributes.queue_name"),
        ({"executable": "x", "attributes": {"slurm.x": {}}}, "attributes.custom_attributes[...]"),
        ({"executable": "x", "resources": {"nodes": 2}}, "resources.nodes"),
        ({"executable": "x", "resources": {"node_count": "2"}}, "resources.node_count"),
        ({"executable": "x", "custom_attributes": {"slurm.x": []}}, "custom_attributes[...]"),
        ({"executable": "x", "stdout_path": "/tmp/my file"}, "stdout_path"),
        ({"executable": "x", "directory": "/my work", "stdin_path": "in"}, "stdin_path"),
        ({"executable": "x", "stdin": "a", "stdin_path": "b"}, "stdin"),
        ({"executable": "x", "stdout": 3}, "stdout_path"),
        ({"executable": "x", "name": ""}, "name"),
        ({"executable": "x", "name": "two\nlines"}, "name"),
    ],
)
def test_wrong_field_is_refused_by_its_name(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        parse_spec(spec)
    assert refused.value.status == 422
    assert refused.value.field == f"job_spec.{field}"
    assert str(refused.value).startswith(f"job_spec.{field}: ")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"resources": {"node_count": 2, "process_count": 3}}, "resources"),
        ({"attributes": {"node_count": 2}, "resources": {"process_count": 3}}, "resources"),
        ({"launcher": "rocket"}, "launcher"),
    ],
)
def test_what_psij_would_refuse_is_refused_by_its_name(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        built(**spec)
    assert refused.value.field == f"job_spec.{field}"


@pytest.mark.parametrize(
    "field", ["directory", "stdin_path", "pre_launch", "post_launch", "stdout_path", "stderr_path"]
)
def test_paths_of_a_local_job_must_exist(field: str, tmp_path: Path) -> None:
    spec = parse_spec({"executable": "x", field: str(tmp_path / "no" / "such")})
    with pytest.raises(InvalidFieldError, match=r"no") as refused:
        check_here(spec)
    assert refused.value.field == f"job_spec.{field}"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        *[(90, 90), ("90", 90), (" 90 ", 90), ("00:01:30", 90), ("2:00:00", 7200), ("100:00:01", 360001)],
        *[("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1-00:00:00", 86400), ("1d", 86400), ("90s", 90)],
        (None, 600),
    ],
)
def test_duration_is_seconds_or_a_clock(given: Any, seconds: int) -> None:
    assert attributes(attributes={"duration": given}).duration == timedelta(seconds=seconds)


@pytest.mark.parametrize(("given", "seconds"), [(None, LONGEST), (60, 60), ("0:02:00", 120)])
def test_job_on_this_machine_has_no_limit_but_its_own(given: Any, seconds: int) -> None:
    assert attributes("local", attributes={"duration": given}).duration == timedelta(seconds=seconds)


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_stream_has_a_short_spelling(stream: str) -> None:
    for spec in ({stream: "/tmp/x"}, {f"{stream}_path": "/tmp/x"}, {stream: "/tmp/x", f"{stream}_path": "/tmp/x"}):
        assert getattr(parse_spec({"executable": "x", **spec}), f"{stream}_path") == "/tmp/x"


@pytest.mark.parametrize(
    ("executor", "given", "made"),
    [
        ("slurm", {"name": "sim"}, {"slurm.job-name": "sim"}),
        ("slurm", {"name": "my sim, 2"}, {"slurm.job-name": "my_sim_2"}),
        ("pbs", {"name": "sim"}, {"pbs.N": "sim"}),
        ("pbs_classic", {"name": "sim"}, {"pbs.N": "sim"}),
        ("lsf", {"name": "sim"}, {"lsf.J": "sim"}),
        ("cobalt", {"name": "sim"}, {"cobalt.jobname": "sim"}),
        ("local", {"name": "sim"}, {}),
        ("flux", {"name": "sim"}, {}),
        ("slurm", {}, {}),
        ("slurm", {"name": "sim", "attributes": {"slurm.job-name": "mine"}}, {"slurm.job-name": "mine"}),
        ("slurm", {"name": "sim", "custom_attributes": {"SLURM.job-name": "mine"}}, {"SLURM.job-name": "mine"}),
        ("pbs", {"name": "sim", "custom_attributes": {"pbs.n": "5"}}, {"pbs.n": "5", "pbs.N": "sim"}),
    ],
)
def test_scheduler_is_told_the_name_unless_the_caller_has_done_so(
    executor: str, given: dict[str, Any], made: dict[str, str]
) -> None:
    spec = parse_spec({"executable": "x", **given})
    assert custom_attributes(spec, executor, "login1") == made


@pytest.mark.parametrize(
    ("executor", "hostname", "given", "made"),
    [
        ("pbs", "aurora-uan-0010", {}, {"pbs.l": "filesystems=home:flare"}),
        ("pbs", "aurora-uan-0010", {"pbs.l": "filesystems=home"}, {"pbs.l": "filesystems=home"}),
        ("pbs", "polaris-login-01", {}, {}),
        ("local", "aurora-uan-0010", {}, {}),
    ],
)
def test_aurora_gets_the_file_systems_that_it_insists_on(
    executor: str, hostname: str, given: dict[str, Any], made: dict[str, str]
) -> None:
    spec = parse_spec({"executable": "x", "custom_attributes": given})
    assert custom_attributes(spec, executor, hostname) == made


def test_launcher_that_is_not_on_this_machine_is_refused_unless_a_script_may_bring_it(tmp_path: Path) -> None:
    spec = {"executable": "x", "launcher": "mpirun", "environment": {"PATH": str(tmp_path)}}
    with pytest.raises(InvalidFieldError, match=r"launcher: mpirun .* not on the PATH") as refused:
        check_here(parse_spec(spec))
    assert refused.value.field == "job_spec.launcher"
    (tmp_path / "modules.sh").touch()
    check_here(parse_spec({**spec, "pre_launch": str(tmp_path / "modules.sh")}))
    (tmp_path / "mpirun").touch(mode=0o755)
    check_here(parse_spec(spec))


def test_everything_reaches_psij(tmp_path: Path) -> None:
    spec = built(
        arguments=["-a", ""],
        directory=str(tmp_path),
        environment={"N": 3, "S": "x=y"},
        inherit_environment=False,
        stdin_path="in.txt",
        name="sim",
        launcher="multiple",
        pre_launch="pre.sh",
        post_launch="/etc/post.sh",
        attributes={"duration": 60, "queue_name": "q", "account": "a", "reservation_id": "r"},
        resources={"node_count": 2, "processes_per_node": 3, "memory": 4096, "exclusive_node_use": True},
    )
    assert (spec.executable, spec.arguments, spec.directory) == ("/bin/true", ["-a", ""], tmp_path)
    assert (spec.environment, spec.inherit_environment) == ({"N": "3", "S": "x=y"}, False)
    assert (spec.stdin_path, spec.stdout_path, spec.stderr_path) == (tmp_path / "in.txt", OUT, ERR)
    assert (spec.name, spec.launcher) == ("sim", "multiple")
    assert (spec.pre_launch, spec.post_launch) == (tmp_path / "pre.sh", Path("/etc/post.sh"))
    made = spec.attributes
    assert made is not None
    assert (made.queue_name, made.account, made.reservation_id) == ("q", "a", "r")
    assert isinstance(spec.resources, psij.ResourceSpecV1)
    assert (spec.resources.node_count, spec.resources.computed_process_count) == (2, 6)
    assert (spec.resources.memory, spec.resources.exclusive_node_use) == (4096, True)


def test_home_is_expanded_and_a_stranger_s_is_left_alone() -> None:
    spec = parse_spec({"executable": "x", "directory": "~", "stdout_path": "~/o", "stderr_path": "~nobody-here/e"})
    assert (spec.directory, spec.stdout_path) == (str(Path.home()), str(Path.home() / "o"))
    assert spec.stderr_path == str(Path.home() / "~nobody-here" / "e")


def test_project_name_is_the_account_of_old() -> None:
    assert attributes(attributes={"project_name": "p"}).account == "p"


def test_nulls_count_as_not_given() -> None:
    assert attributes(attributes={"queue_name": None}, directory=None, resources=None).queue_name is None


@pytest.mark.parametrize(
    ("fields", "nodes"),
    [
        ({"attributes": {"node_count": 3}}, 3),
        ({"resources": {"node_count": 4}}, 4),
        ({"attributes": {"node_count": 3}, "resources": {"node_count": 4}}, 4),
        ({"attributes": {"node_count": 3}, "resources": {"processes_per_node": 2}}, 3),
        ({}, None),
    ],
)
def test_node_count_of_the_attributes_is_applied_unless_resources_say_it(
    fields: dict[str, Any], nodes: int | None
) -> None:
    resources = built(**fields).resources
    assert isinstance(resources, psij.ResourceSpecV1)
    assert resources.node_count == nodes


def test_custom_attributes_come_from_three_places_and_the_top_level_wins() -> None:
    made = attributes(
        attributes={"slurm.constraint": "V100", "slurm.qos": "low", "custom_attributes": {"pbs.l": "x"}},
        custom_attributes={"slurm.qos": "high"},
    )
    assert made.custom_attributes == {"slurm.constraint": "V100", "slurm.qos": "high", "pbs.l": "x"}


def test_empty_environment_is_not_the_endpoint_s() -> None:
    # PSI/J takes None for "inherit", whatever inherit_environment says.
    assert built(inherit_environment=False).environment == {}
