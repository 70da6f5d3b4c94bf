"""Whatever a batch system's programs print is a result or a `PluginError`, and soon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from replay import TOKEN, recording

from orbit_jupyter.host.batch.asking import Asker
from orbit_jupyter.host.batch.hostlist import expand
from orbit_jupyter.host.batch.pbs.answers import branch, from_json, from_text
from orbit_jupyter.host.batch.pbs.jobs import own, parse_ended, parse_jobs
from orbit_jupyter.host.batch.pbs.queues import parse_hosts, parse_queues
from orbit_jupyter.host.batch.pbs.sbank import parse_allocations
from orbit_jupyter.host.batch.slurm import accounting, accounts, jobs, partitions, qos, recent
from orbit_jupyter.protocol import PluginError

SEPARATORS = jobs.Separators(lambda: TOKEN)
ASKER = Asker("Batch", {}, environ={})


def pbs_nodes(text: str) -> Any:
    return parse_queues(
        {"q": {"default_chunk": {"Qlist": "a"}}}, parse_hosts(branch(from_json(text), "nodes")), None
    )


def pbs_allocation(text: str) -> Any:
    return [own(job_id, record) for job_id, record in branch(from_json(text), "Jobs").items()]


Parser = Callable[[str], Any]

SLURM_22 = "slurm-22.05"
PARSERS: dict[str, tuple[Parser, str]] = {
    "squeue": (lambda text: jobs.parse_jobs(text, SEPARATORS), f"{SLURM_22}/squeue"),
    "sinfo": (lambda text: partitions.parse_nodes(text, SEPARATORS), f"{SLURM_22}/sinfo"),
    "scontrol": (partitions.parse_settings, f"{SLURM_22}/scontrol-partition"),
    "qos": (qos.parse_qos, f"{SLURM_22}/sacctmgr-qos"),
    "sacct": (accounting.parse_ended, f"{SLURM_22}/sacct"),
    "squeue-json": (recent.parse_recent, f"{SLURM_22}/squeue-json"),
    "associations": (lambda text: accounts.parse_accounts(text, {}, {}, {}), f"{SLURM_22}/sacctmgr-assoc"),
    "sshare": (accounts.parse_shares, f"{SLURM_22}/sshare"),
    "assoc_mgr": (accounts.parse_qos_budgets, f"{SLURM_22}/scontrol-assoc-mgr"),
    "sreport": (accounts.parse_used, f"{SLURM_22}/sacctmgr-qos"),
    "qstat-json": (lambda text: parse_jobs(branch(from_json(text), "Jobs")), "pbs/qstat-array-json"),
    "qstat-own": (pbs_allocation, "pbs/qstat-f-json-x-final"),
    "qstat-text": (lambda text: parse_ended(from_text(text)), "pbs/qstat-f-text"),
    "qstat-queues": (lambda text: parse_queues(branch(from_json(text), "Queue"), [], None), "pbs/qstat-Qf-json"),
    "pbsnodes": (pbs_nodes, "pbs/pbsnodes-a-json"),
    "sbank": (lambda text: parse_allocations(text, "ann"), "pbs/qstat"),
    "nodes": (expand, "pbs/qstat-t"),
}

SOON = settings(deadline=5000, max_examples=75)

# Text that comes close: signs that the formats are made of.
NEAR = (
    'Job Id: 1.s|    a.b = c|"Jobs":\t{|"array_id":\t[|1-999999999|9999-99-99T00:00:00|99999999-00:00:00|+0|.batch'
)
SIGNS = [
    "\x1e0a1b2c3d\x1e",
    "\x1f0a1b2c3d\x1f",
    "9" * 40,
    "1e999",
    "null",
    "\\u0000",
    "\ud800",
    "\udcff",
    "٣",
    "²",
]
PIECES = st.sampled_from([*'|\n\t"{}[]:=,-%_', *SIGNS, *NEAR.split("|")])


def read(name: str, text: str) -> None:
    try:
        ASKER.read(name, text, PARSERS[name][0])
    except PluginError as error:
        said, kind = str(error), (error.status, error.transient)
    else:
        return
    assert kind == (500, False)
    assert len(said) < 1000


@pytest.mark.parametrize("name", PARSERS)
def test_recording_itself_is_read(name: str) -> None:
    parse, recorded = PARSERS[name]
    if name not in {"sbank", "nodes"}:
        assert parse(recording(recorded)["stdout"]) is not None


@pytest.mark.parametrize("name", PARSERS)
@SOON
@given(data=st.binary(max_size=400))
@example(b"")
@example(b"\x00" * 1000)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"timestamp":1,"Jobs":{"1":{"Resource_List":[],"estimated":3,"resources_used":"x"}}}')
@example(b'{"jobs":[{"job_id":{"set":true,"number":1e400}}]}')
@example(b'{"jobs":[{"job_id":1,"exit_code":{"signal":[]},"job_state":[1,null]}]}')
def test_any_bytes_are_a_result_or_a_plugin_error(name: str, data: bytes) -> None:
    read(name, data.decode(errors="replace"))


@pytest.mark.parametrize("name", PARSERS)
@SOON
@given(pieces=st.lists(PIECES | st.text(max_size=5), max_size=40))
def test_text_that_comes_close_is_a_result_or_a_plugin_error(name: str, pieces: list[str]) -> None:
    read(name, "".join(pieces))


@pytest.mark.parametrize("name", PARSERS)
@SOON
@given(data=st.data())
def test_damaged_recording_is_a_result_or_a_plugin_error(name: str, data: st.DataObject) -> None:
    text: str = recording(PARSERS[name][1])["stdout"]
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = begin + data.draw(st.integers(0, 30))
        text = text[:begin] + data.draw(PIECES | st.text(max_size=5)) + text[end:]
    read(name, text)
