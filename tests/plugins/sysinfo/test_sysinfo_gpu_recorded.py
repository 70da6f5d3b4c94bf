"""GPUs by what real tools printed, replayed by programs on PATH."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orbit_plugins.sysinfo.gpu_amd import AMD_SMI
from orbit_plugins.sysinfo.gpu_intel import INTEL
from orbit_plugins.sysinfo.gpu_nvidia import NVIDIA
from orbit_plugins.sysinfo.gpu_rocm import ROCM_SMI
from orbit_plugins.sysinfo.gpu_tool import GpuTool, Kind
from orbit_plugins.sysinfo.gpus import GpuProbe

Recorded = Callable[[str], str]
Replay = Callable[..., Path]
Table = Callable[[str], Path]


def numbers(gpu: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in gpu.items() if name.startswith(("util_", "mem_"))}


def read(*kinds: Kind) -> list[dict[str, Any]]:
    gpus, error = GpuTool(*kinds, deadline=60).read()
    assert error is None
    return gpus


def test_gpu_in_mig_mode_is_listed_with_its_memory_and_without_utilisation(replay_table: Table) -> None:
    replay_table("nvidia-smi/h100-mig.csv")
    (one,) = read(NVIDIA)
    assert (one["name"], one["driver_version"]) == ("NVIDIA H100 80GB HBM3", "590.48.01")
    assert numbers(one) == {"mem_total": 81559, "mem_used": 59, "mem_free": 81022}


def test_eight_nvidia_gpus_keep_their_order_and_numbers(replay_table: Table) -> None:
    replay_table("nvidia-smi/titan-x.csv")
    gpus = read(NVIDIA)
    assert [gpu["id"] for gpu in gpus] == [str(number) for number in range(8)]
    assert [gpu["util_gpu"] for gpu in gpus] == [0, 86, 85, 60, 84, 83, 83, 82]
    assert numbers(gpus[1]) == {"util_gpu": 86, "mem_total": 12206, "mem_used": 10032, "mem_free": 2174}
    assert gpus[1]["driver_version"] is None


@pytest.mark.parametrize(
    ("file", "code", "told"),
    [
        ("no-driver.txt", 9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
        ("version-mismatch.txt", 18, "Failed to initialize NVML: Driver/library version mismatch"),
        ("lost.txt", 15, "GPU is lost. Reboot the system to recover this GPU"),
    ],
)
def test_nvidia_tool_that_fails_is_quoted(
    replay: Replay, recorded: Recorded, file: str, code: int, told: str
) -> None:
    replay("nvidia-smi", ("", recorded(f"nvidia-smi/{file}"), "", code))
    gpus, error = GpuTool(NVIDIA).read()
    assert gpus == []
    assert error is not None
    assert error.startswith(f"nvidia-smi: it printed no list of GPUs (exit code {code}): ")
    assert told in error


@pytest.mark.parametrize(
    ("file", "name", "values"),
    [
        (
            "rx6700xt-4.3.json",
            "0x1002",
            {"util_gpu": 0, "util_mem": 0, "mem_total": 12272, "mem_used": 1548, "mem_free": 10724},
        ),
        (
            "rx6700xt-6.1.json",
            "Navi 22 [Radeon RX 6700/6700 XT / 6800M]",
            {"util_gpu": 0, "util_mem": 0, "mem_total": 12272, "mem_used": 1500, "mem_free": 10772},
        ),
        (
            "rx7900xt.json",
            "Radeon RX 7900 XT",
            {"util_gpu": 0, "mem_total": 20464, "mem_used": 27, "mem_free": 20437},
        ),
        ("radeon-780m.json", "Phoenix3", {"util_gpu": 19}),
        ("vega10.json", "0xc1e", {"util_gpu": 0, "mem_total": 16368, "mem_used": 17, "mem_free": 16351}),
        ("mi200.json", "AMD INSTINCT MI200 (MCM) OAM LC MBA HPE C2", {"util_gpu": 100, "util_mem": 0}),
    ],
)
def test_each_release_of_rocm_smi_is_understood(
    replay: Replay, recorded: Recorded, file: str, name: str, values: dict[str, Any]
) -> None:
    replay("rocm-smi", ("", recorded(f"rocm-smi/{file}"), "", 0))
    (one,) = read(ROCM_SMI)
    assert one["name"] == name
    assert numbers(one) == values


def test_four_amd_gpus_share_the_driver_that_is_told_once(replay: Replay, recorded: Recorded) -> None:
    replay("rocm-smi", ("", recorded("rocm-smi/mi100.json"), "", 0))
    gpus = read(ROCM_SMI)
    assert [gpu["uuid"] for gpu in gpus] == [f"0x{number:016x}" for number in (1, 2, 3, 4)]
    assert {gpu["driver_version"] for gpu in gpus} == {"6.3.6"}
    assert {gpu["mem_used"] for gpu in gpus} == {6}


def test_rocm_smi_without_a_driver_is_quoted_by_its_error_not_by_its_first_line(
    replay: Replay, recorded: Recorded
) -> None:
    replay("rocm-smi", ("", "", recorded("rocm-smi/no-driver.txt"), 2))
    _, error = GpuTool(ROCM_SMI).read()
    assert error == (
        "rocm-smi: it printed no JSON (exit code 2): "
        "ERROR:root:Driver not initialized (amdgpu not found in modules)"
    )


def test_rocm_smi_that_knows_of_no_gpu_is_no_error(replay: Replay, recorded: Recorded) -> None:
    replay("rocm-smi", ("", recorded("rocm-smi/no-gpus.txt"), "", 1))
    assert GpuTool(ROCM_SMI).read() == ([], None)


def test_amd_smi_is_read_in_its_object_and_megabytes_are_mebibytes(replay: Replay, recorded: Recorded) -> None:
    replay(
        "amd-smi",
        ("static", recorded("amd-smi/mi300x-static.json"), "", 0),
        ("metric", recorded("amd-smi/mi300x-metric.json"), "", 0),
    )
    (one,) = read(AMD_SMI, ROCM_SMI)
    assert (one["name"], one["driver_version"], one["vendor"]) == ("AMD Instinct MI300X", "6.19.14", "AMD")
    assert numbers(one) == {
        "util_gpu": 94,
        "util_mem": 61,
        "mem_total": 196592,
        "mem_used": 17153,
        "mem_free": 179439,
    }


def test_amd_smi_of_an_older_release_prints_a_list(replay: Replay, recorded: Recorded) -> None:
    replay(
        "amd-smi",
        ("static", recorded("amd-smi/rx7800xt-static.txt"), "", 0),
        ("metric", recorded("amd-smi/w7700-metric.json"), "", 0),
    )
    (one,) = read(AMD_SMI)
    assert numbers(one) == {"util_gpu": 42, "util_mem": 1}


def test_warnings_before_the_json_are_passed_over(replay: Replay, recorded: Recorded) -> None:
    replay(
        "amd-smi",
        ("static", recorded("amd-smi/rx7800xt-static.txt"), "", 0),
        ("metric", recorded("amd-smi/igpu-metric.txt"), "", 0),
    )
    (one,) = read(AMD_SMI)
    assert one["name"] == "AMD Radeon RX 7800 XT"
    assert numbers(one) == {}


def test_version_of_the_kernels_own_driver_is_taken_from_its_banner(replay: Replay, recorded: Recorded) -> None:
    replay("amd-smi", ("static", recorded("amd-smi/mi210-static.json"), "", 0))
    tool = GpuTool(AMD_SMI)
    tool.warm()
    (one,) = tool.known()
    assert (one["driver_version"], one["mem_total"]) == ("6.14.0-24-generic", 65520)


def test_rocm_smi_steps_in_where_amd_smi_fails(replay: Replay, recorded: Recorded) -> None:
    replay("amd-smi", ("", "", recorded("amd-smi/no-driver.txt"), 255))
    replay("rocm-smi", ("", recorded("rocm-smi/vega10.json"), "", 0))
    tool = GpuTool(AMD_SMI, ROCM_SMI)
    (one,), error = tool.read()
    assert (one["uuid"], error, tool.name) == ("0x0000000000000001", None, "rocm-smi")


def test_failure_of_both_amd_tools_is_that_of_the_first(replay: Replay, recorded: Recorded) -> None:
    replay("amd-smi", ("", "", recorded("amd-smi/no-driver.txt"), 255))
    replay("rocm-smi", ("", "", recorded("rocm-smi/no-driver.txt"), 2))
    _, error = GpuTool(AMD_SMI, ROCM_SMI).read()
    assert error is not None
    assert error.startswith("amd-smi: it printed no JSON (exit code 255): ERROR:root:Unable to get devices")


def test_tool_that_a_variable_names_comes_before_one_on_the_path(
    replay: Replay, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay("amd-smi", ("static", recorded("amd-smi/mi210-static.json"), "", 0))
    named = replay("rocm-smi-of-mine", ("", recorded("rocm-smi/rx7900xt.json"), "", 0))
    monkeypatch.setenv("ROCM_SMI_PATH", str(named))
    (one,) = read(AMD_SMI, ROCM_SMI)
    assert one["name"] == "Radeon RX 7900 XT"


def test_nvidia_tool_may_be_named_by_a_variable(
    replay_table: Table, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = replay_table("nvidia-smi/h100-mig.csv").rename(tools / "smi")
    monkeypatch.setenv("NVIDIA_SMI_PATH", str(program))
    assert len(read(NVIDIA)) == 1


def test_intel_gpu_without_a_known_size_tells_what_is_used(replay: Replay, recorded: Recorded) -> None:
    replay(
        "xpu-smi",
        ("discovery", recorded("xpu-smi/a310-discovery.csv"), "", 0),
        ("dump", recorded("xpu-smi/a310-dump.csv"), "", 0),
    )
    (one,) = read(INTEL)
    assert one["name"] == "Intel(R) Arc(TM) A310 LP Graphics"
    assert numbers(one) == {"mem_used": 82.44}


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("a770-dump.csv", {0: {"mem_used": 17.52}, 1: {"mem_used": 17.52}, 2: {"mem_used": 49.21}}),
        ("max1550-dump.csv", {0: {}, 1: {}}),
        ("idle-dump.csv", {0: {"util_gpu": 0}}),
        ("blank-dump.csv", {0: {}}),
    ],
)
def test_intel_values_that_the_driver_keeps_to_itself_are_left_out(
    recorded: Recorded, file: str, values: dict[int, dict[str, float]]
) -> None:
    live = INTEL.parse_live(recorded(f"xpu-smi/{file}"))
    assert {index: live[index] for index in values} == values


def test_intel_value_that_one_line_lacks_is_taken_from_the_other() -> None:
    text = "Timestamp, DeviceId, GPU Utilization (%), GPU Memory Used (MiB)\n1, 0, N/A, 17.5\n2, 0, 7.5, N/A\n"
    assert INTEL.parse_live(text) == {0: {"util_gpu": 7.5, "mem_used": 17.5}}


def test_intel_tool_of_another_release_leaves_its_gpus_listed(replay: Replay, recorded: Recorded) -> None:
    replay(
        "xpu-smi",
        ("discovery", recorded("xpu-smi/a310-discovery.csv"), "", 0),
        ("dump", "", "The following arguments were not expected: 0,17,18 -m\n", 4),
    )
    (one,), error = GpuTool(INTEL).read()
    assert one["name"] == "Intel(R) Arc(TM) A310 LP Graphics"
    assert error == "xpu-smi: ended with exit code 4: The following arguments were not expected: 0,17,18 -m"


def test_gpus_of_three_vendors_stand_beside_each_other(
    replay: Replay, replay_table: Table, recorded: Recorded
) -> None:
    replay_table("nvidia-smi/h100-mig.csv")
    replay("rocm-smi", ("", recorded("rocm-smi/vega10.json"), "", 0))
    replay(
        "xpu-smi",
        ("discovery", recorded("xpu-smi/a310-discovery.csv"), "", 0),
        ("dump", recorded("xpu-smi/idle-dump.csv"), "", 0),
    )
    probe = GpuProbe([GpuTool(NVIDIA), GpuTool(ROCM_SMI), GpuTool(INTEL)])
    assert [gpu["vendor"] for gpu in probe.read()] == ["NVIDIA", "AMD", "Intel"]


def test_last_reading_of_the_gpus_is_kept_for_a_while(replay_table: Table) -> None:
    replay_table("nvidia-smi/h100-mig.csv")
    now = [100.0]
    probe = GpuProbe([GpuTool(NVIDIA)], clock=lambda: now[0])
    assert probe.latest(30) is None
    read = probe.read()
    now[0] = 130
    assert probe.latest(30) == read
    now[0] = 131
    assert probe.latest(30) is None


def test_tool_that_hangs_leaves_its_turn_to_the_other(replay: Replay, recorded: Recorded, tools: Path) -> None:
    program = tools / "amd-smi"
    program.write_text("#!/bin/sh\nwhile :; do :; done\n")
    program.chmod(0o755)
    replay("rocm-smi", ("", recorded("rocm-smi/vega10.json"), "", 0))
    tool = GpuTool(AMD_SMI, ROCM_SMI, deadline=1, hold=0)
    assert tool.read() == ([], "amd-smi: no answer within 1 s")
    tool.deadline = 60  # not a race against a busy machine
    (one,), error = tool.read()
    assert (one["vendor"], error) == ("AMD", None)
