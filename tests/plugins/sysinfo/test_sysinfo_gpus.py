"""GPUs through fake tools: programs on PATH that print what the vendors document."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import psutil
import pytest
from called import through

from orbit_jupyter.plugin import App, AppState, Request
from orbit_jupyter.plugin.program import Program
from orbit_jupyter.protocol import Call
from orbit_plugins.sysinfo import SysInfoPlugin
from orbit_plugins.sysinfo.answers import Gpu
from orbit_plugins.sysinfo.gpu_nvidia import NVIDIA
from orbit_plugins.sysinfo.gpu_rocm import ROCM_SMI
from orbit_plugins.sysinfo.gpu_text import gpu
from orbit_plugins.sysinfo.gpu_tool import GpuTool
from orbit_plugins.sysinfo.gpus import GpuProbe
from orbit_plugins.sysinfo.memory import MemoryProbe
from orbit_plugins.sysinfo.probe import PartialReadingError
from orbit_plugins.sysinfo.provider import SysInfoProvider

Fake = Callable[[str], Path]

NVIDIA_ANSWERS = """\
case "$1" in
  *driver_version*) echo '0, NVIDIA L4, 550.54.15, GPU-1' ;;
  *) echo '0, 5, 1, 23034, 34, 23000' ;;
esac
"""
AMD_PROGRAM = """\
#!/bin/sh
case "$*" in
  *driver*) echo '{"card0": {"Card series": "MI100"}}' ;;
  *) echo '{"card0": {"VRAM Total Memory (B)": "2097152", "VRAM Total Used Memory (B)": "1048576"}}' ;;
esac
"""
FACTS = gpu("NVIDIA", 0, "NVIDIA L4", "550.54.15", "GPU-1")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Return a function that makes a fake nvidia-smi, which notes each start in the file `starts`."""

    def make(body: str) -> Path:
        program = tmp_path / "fake-nvidia-smi"
        program.write_text(f"#!/bin/sh\necho $$ \"$1\" >> '{tmp_path}/starts'\n{body}")
        program.chmod(0o755)
        monkeypatch.setenv("NVIDIA_SMI_PATH", str(program))
        return tmp_path / "starts"

    return make


def started(starts: Path) -> list[str]:
    return starts.read_text().splitlines() if starts.exists() else []


async def metrics(probe: GpuProbe) -> dict[str, Any]:
    app = App(AppState(endpoint_name="ep"))
    plugin = SysInfoPlugin(app, provider=SysInfoProvider([MemoryProbe(), probe]))
    call = Call(id=1, endpoint="ep", method="GET", path="/sysinfo/x")
    sid = (await plugin.register_session(Request(call, {}, app)))["sid"]
    tree: dict[str, Any] = await through(plugin, "GET", "metrics/{sid}", Request(call, {"sid": sid}, app))
    await plugin.close()
    assert msgspec.convert(tree["gpus"], list[Gpu]) == tree["gpus"]
    return tree


@pytest.mark.asyncio
async def test_gpus_carry_facts_and_values(fake: Fake) -> None:
    fake(NVIDIA_ANSWERS)
    tree = await metrics(GpuProbe([GpuTool(NVIDIA)]))
    assert "errors" not in tree
    values = {"util_gpu": 5, "util_mem": 1, "mem_total": 23034, "mem_used": 34, "mem_free": 23000}
    assert tree["gpus"] == [FACTS | values]


@pytest.mark.asyncio
async def test_tool_that_hangs_leaves_the_other_branches_and_an_error(fake: Fake) -> None:
    fake("sleep 60\n")
    tree = await metrics(GpuProbe([GpuTool(NVIDIA, deadline=0.2)]))
    assert tree["errors"] == {"gpus": "nvidia-smi: no answer within 0.2 s"}
    assert tree["gpus"] == []
    assert tree["memory"]["total"] > 0


def test_tool_that_hangs_is_killed_with_what_it_started(fake: Fake) -> None:
    starts = fake("sleep 60 & wait\n")
    began = monotonic()
    with pytest.raises(PartialReadingError):
        GpuProbe([GpuTool(NVIDIA, deadline=1)]).read()
    assert monotonic() - began < 30
    (line,) = started(starts)
    group = int(line.split()[0])
    left = [one for one in psutil.process_iter(["pid", "status"]) if _in_group(one, group)]
    assert left == []


def _in_group(process: psutil.Process, group: int) -> bool:
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[2]) == group and fields[0] != "Z"


def test_tool_that_hung_is_not_asked_again_for_a_while(fake: Fake) -> None:
    starts = fake("sleep 60\n")
    tool = GpuTool(NVIDIA, deadline=1)
    first, second = tool.read(), tool.read()
    assert first == second == ([], "nvidia-smi: no answer within 1 s")
    assert len(started(starts)) == 1


def test_tool_that_failed_is_asked_again_later(fake: Fake) -> None:
    fake("exit 3\n")
    tool = GpuTool(NVIDIA, hold=0)
    assert tool.read() == ([], "nvidia-smi: it printed no list of GPUs (exit code 3): no output")
    fake(NVIDIA_ANSWERS)
    assert tool.read()[1] is None


def test_facts_are_read_once(fake: Fake) -> None:
    starts = fake(NVIDIA_ANSWERS)
    tool = GpuTool(NVIDIA)
    tool.warm()
    tool.read()
    tool.read()
    asked_for_facts = [line for line in started(starts) if "driver_version" in line]
    assert (len(asked_for_facts), len(started(starts))) == (1, 3)


def test_gpus_stay_listed_when_their_values_cannot_be_read(fake: Fake) -> None:
    fake(
        'case "$1" in *driver_version*) echo "0, NVIDIA L4, 550.54.15, GPU-1";; '
        "*) echo 'GPU is lost'; exit 15;; esac\n"
    )
    gpus, error = GpuTool(NVIDIA).read()
    assert gpus == [FACTS]
    assert error == "nvidia-smi: ended with exit code 15: GPU is lost"


def test_tool_that_knows_of_no_gpus_is_no_error_and_is_left_alone(fake: Fake) -> None:
    starts = fake("echo 'No devices were found'; exit 6\n")
    tool = GpuTool(NVIDIA)
    assert tool.read() == ([], None)
    assert tool.read() == ([], None)
    assert len(started(starts)) == 1


def test_missing_driver_is_told_in_the_tools_words(fake: Fake) -> None:
    fake("echo 'NVIDIA-SMI has failed because it could not talk to the driver.'; exit 9\n")
    gpus, error = GpuTool(NVIDIA).read()
    assert gpus == []
    assert error is not None
    assert "NVIDIA-SMI has failed" in error


def test_variable_that_names_no_program_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NVIDIA_SMI_PATH", str(tmp_path / "none"))
    _, error = GpuTool(NVIDIA).read()
    assert error is not None
    assert "NVIDIA_SMI_PATH" in error


def test_absent_tool_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ROCM_SMI_PATH", raising=False)
    assert GpuProbe([GpuTool(ROCM_SMI)]).read() == []


def test_free_memory_is_reckoned_where_the_tool_does_not_tell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "rocm-smi"
    program.write_text(AMD_PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("ROCM_SMI_PATH", str(program))
    (one,) = GpuProbe([GpuTool(ROCM_SMI)]).read()
    assert (one["vendor"], one["mem_total"], one["mem_used"], one["mem_free"]) == ("AMD", 2, 1, 1)


@pytest.mark.asyncio
async def test_close_ends_a_tool_that_runs(fake: Fake, tmp_path: Path) -> None:
    pipe = tmp_path / "running"
    os.mkfifo(pipe)
    starts = fake(f"echo > '{pipe}'; exec sleep 60\n")
    tool = GpuTool(NVIDIA, deadline=30)
    reading = asyncio.create_task(asyncio.to_thread(tool.read))
    assert await asyncio.to_thread(pipe.read_text) == "\n"
    tool.close()
    _, error = await reading
    assert error == "nvidia-smi: it printed no list of GPUs (exit code -9): no output"
    assert len(started(starts)) == 1


def test_tool_that_starts_while_it_is_closed_is_ended_too(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(0o755)
    program = Program(str(path))
    program.close()
    assert program.run([], 30).code == -signal.SIGKILL
