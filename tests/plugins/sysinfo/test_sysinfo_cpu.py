"""How busy the cores are, and what /proc/cpuinfo tells of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import pytest

from orbit_plugins.sysinfo.cpu import CpuProbe, LoadMeter, parse_cpuinfo

# Written from proc(5) and kernel sources, not captured.
X86 = """\
processor	: 0
vendor_id	: AuthenticAMD
model name	: AMD EPYC 7763

processor	: 1
model name	: other
"""
ARM = "processor\t: 0\nBogoMIPS\t: 2000.00\nCPU implementer\t: 0x46\nCPU part\t: 0x001\n"
POWER = "processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 3800.0MHz\n"


def replay(*samples: tuple[float, float]) -> Callable[[], tuple[float, float]]:
    rest: Iterable[tuple[float, float]] = iter(samples)
    return lambda: next(iter(rest))


def test_percent_is_that_since_the_last_call() -> None:
    meter = LoadMeter(replay((10, 100), (15, 110), (15, 120)), shortest=1)
    assert meter.percent() == 50.0
    assert meter.percent() == 0.0


def test_first_percent_is_that_since_the_meter_was_made() -> None:
    assert LoadMeter(replay((0, 0), (3, 12)), shortest=1).percent() == 25.0


def test_percent_that_is_asked_for_too_soon_is_the_best_there_is_and_begins_no_span() -> None:
    meter = LoadMeter(replay((0, 0), (1, 2), (1, 10)), shortest=5)
    assert meter.percent() == 50.0
    assert meter.percent() == 10.0


def test_calls_at_once_get_one_answer_and_do_not_begin_a_new_span() -> None:
    meter = LoadMeter(replay((0, 0), (5, 10), (5.1, 10.1), (5, 20)), shortest=1)
    assert meter.percent() == 50.0
    assert meter.percent() == 50.0
    assert meter.percent() == 0.0


def test_percent_of_no_time_at_all_is_zero() -> None:
    assert LoadMeter(replay((7, 9), (7, 9)), shortest=1).percent() == 0.0


def test_percent_stays_within_bounds_when_counters_step_back() -> None:
    meter = LoadMeter(replay((5, 10), (4, 12), (9, 14)), shortest=1)
    assert meter.percent() == 0.0
    assert meter.percent() == 100.0


def test_load_of_this_machine_shows_in_a_thread_that_never_asked_before() -> None:
    meter = LoadMeter(shortest=0.05)
    found: list[float] = []
    work = sum(number * number for number in range(3_000_000))
    thread = threading.Thread(target=lambda: found.append(meter.percent()))
    thread.start()
    thread.join()
    assert work
    assert found[0] > 0


def test_probe_reads_what_does_not_change_once() -> None:
    probe = CpuProbe(LoadMeter(replay((0, 0), (1, 4), (2, 8)), shortest=1))
    first, second = probe.read(), probe.read()
    assert first["model"] is second["model"]
    assert first["percent"] == 25.0


@pytest.mark.parametrize(
    ("text", "model", "vendor"),
    [
        (X86, "AMD EPYC 7763", "AuthenticAMD"),
        (ARM, "", "Fujitsu"),
        (POWER, "POWER9, altivec supported", "IBM"),
        ("CPU implementer : what\n", "", ""),
        ("", "", ""),
    ],
)
def test_model_and_vendor_are_found_on_each_architecture(text: str, model: str, vendor: str) -> None:
    assert parse_cpuinfo(text) == (model, vendor)
