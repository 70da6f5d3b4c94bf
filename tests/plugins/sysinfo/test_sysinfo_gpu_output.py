"""Output that nobody showed us, written from the vendors' documentation; what was recorded is tested beside it."""

from __future__ import annotations

import pytest

from orbit_plugins.sysinfo import gpu_amd, gpu_intel, gpu_nvidia, gpu_rocm
from orbit_plugins.sysinfo.gpu_text import number

NVIDIA_FACTS = """\
0, NVIDIA A100-SXM4-80GB, 550.54.15, GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77
1, NVIDIA A100-SXM4-80GB, 550.54.15, [N/A]
Unable to determine the device handle for GPU0000:C1:00.0: Unknown Error
index, name, driver_version, uuid
2
"""
NVIDIA_LIVE = """\
0, 97, 41, 81920, 60000, 21300
1, [N/A], [Not Supported], 81920, 0, [Unknown Error]
"""
AMD_FACTS = """\
WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

{"card0": {"Unique ID": "0x3b7a9d5c1f2e", "Card Series": "AMD Instinct MI250X", "Card Model": "0x7408"},
 "card1": {"Unique ID": "N/A", "Card series": "N/A", "Card model": "0x7408"},
 "system": {"Driver version": "6.7.0"}}
"""
AMD_LIVE = """\
{"card0": {"GPU use (%)": "12", "GPU Memory Allocated (VRAM%)": "50", "GPU Memory Read/Write Activity (%)": "7",
           "VRAM Total Memory (B)": "68702699520", "VRAM Total Used Memory (B)": "34351349760"},
 "card1": {"GPU use (%)": "N/A", "GPU memory use (%)": "3", "VRAM Total Memory (B)": "N/A"}}
"""
INTEL_FACTS = """\
Device ID,Device Name,UUID,Driver Version,Memory Physical Size
0,"Intel(R) Data Center GPU Max 1550","00000000-0000-004d-0000-002f0bd58086","16929133","131072.00 MiB"
1,"Intel(R) Graphics [0x56c0]","00000000-0000-0000-0000-020a00008086","unknown",""
"""
INTEL_LIVE = """\
Timestamp, DeviceId, GPU Utilization (%), GPU Memory Bandwidth Utilization (%), GPU Memory Used (MiB)
06:14:46.000,    0, 25.50, 3.00, 1024.00
06:14:46.000,    1, 0.00, N/A, N/A
"""


def test_nvidia_gpus_are_listed_and_a_lost_one_is_not() -> None:
    assert gpu_nvidia.parse_facts(NVIDIA_FACTS) == [
        {
            "id": "0",
            "index": 0,
            "name": "NVIDIA A100-SXM4-80GB",
            "driver_version": "550.54.15",
            "uuid": "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77",
            "vendor": "NVIDIA",
        },
        {
            "id": "1",
            "index": 1,
            "name": "NVIDIA A100-SXM4-80GB",
            "driver_version": "550.54.15",
            "uuid": None,
            "vendor": "NVIDIA",
        },
    ]


def test_nvidia_values_that_cannot_be_read_are_left_out() -> None:
    assert gpu_nvidia.parse_live(NVIDIA_LIVE) == {
        0: {"util_gpu": 97, "util_mem": 41, "mem_total": 81920, "mem_used": 60000, "mem_free": 21300},
        1: {"mem_total": 81920, "mem_used": 0},
    }


def test_amd_gpus_are_listed_behind_a_warning_with_either_spelling() -> None:
    first, second = gpu_rocm.parse_facts(AMD_FACTS)
    assert first == {
        "id": "0",
        "index": 0,
        "name": "AMD Instinct MI250X",
        "driver_version": "6.7.0",
        "uuid": "0x3b7a9d5c1f2e",
        "vendor": "AMD",
    }
    assert (second["index"], second["name"], second["uuid"]) == (1, "0x7408", None)


def test_amd_bytes_become_mib_and_allocation_is_not_taken_for_activity() -> None:
    assert gpu_rocm.parse_live(AMD_LIVE) == {
        0: {"util_gpu": 12, "util_mem": 7, "mem_total": 65520, "mem_used": 32760},
        1: {"util_mem": 3},
    }


def test_intel_gpus_are_listed_with_their_memory() -> None:
    first, second = gpu_intel.parse_facts(INTEL_FACTS)
    assert first == {
        "id": "0",
        "index": 0,
        "name": "Intel(R) Data Center GPU Max 1550",
        "driver_version": "16929133",
        "uuid": "00000000-0000-004d-0000-002f0bd58086",
        "vendor": "Intel",
        "mem_total": 131072,
    }
    assert second["name"] == "Intel(R) Graphics [0x56c0]"
    assert second["driver_version"] is None
    assert "mem_total" not in second


def test_intel_values_are_found_by_the_names_of_their_columns() -> None:
    assert gpu_intel.parse_live(INTEL_LIVE) == {
        0: {"util_gpu": 25.5, "util_mem": 3, "mem_used": 1024},
        1: {"util_gpu": 0},
    }


@pytest.mark.parametrize("text", ["", "segmentation fault\n", "{broken", "<html>", "[1, 2]"])
@pytest.mark.parametrize("vendor", [gpu_nvidia, gpu_amd, gpu_rocm, gpu_intel])
def test_facts_that_are_no_such_output_are_refused(vendor: object, text: str) -> None:
    parse = getattr(vendor, "parse_facts")  # noqa: B009 - modules have no common type
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize("text", ["[N/A]", "N/A", "[Not Supported]", "", None, "nan", "inf", "1 MiB"])
def test_what_is_no_number_is_none(text: str | None) -> None:
    assert number(text) is None
