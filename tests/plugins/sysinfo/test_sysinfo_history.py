"""The history: which numbers it keeps, for how long, and what becomes of counters that jump."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orbit_plugins.sysinfo.cpu import LoadMeter
from orbit_plugins.sysinfo.history import INTERVAL, KEPT, History
from orbit_plugins.sysinfo.moving import UNITS, MovingNumbers, Values, swap, unit_of
from orbit_plugins.sysinfo.rates import RateMeter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(read: Callable[[float], Values] | None = None) -> tuple[History, Clock]:
    clock, counter = Clock(), itertools.count()

    def count(_: float) -> Values:
        return {"cpu_percent": next(counter)}

    return History(read or count, clock, lambda: clock.now + 1_700_000_000), clock


def run(history: History, clock: Clock, samples: int) -> None:
    for _ in range(samples):
        clock.now += history.tick()


def test_ten_minutes_are_kept_and_no_more() -> None:
    history, clock = made()
    run(history, clock, 500)
    columns = history.answer(10**6)["columns"]
    assert INTERVAL * KEPT == 600
    assert {name: len(values) for name, values in columns.items()} == dict.fromkeys(["time", *UNITS], KEPT)
    assert columns["cpu_percent"] == list(range(500 - KEPT, 500))


def test_answer_holds_the_seconds_that_were_asked_for_the_oldest_first() -> None:
    history, clock = made()
    run(history, clock, 20)
    answer = history.answer(15)
    assert answer["interval"] == INTERVAL
    assert answer["columns"]["cpu_percent"] == [17, 18, 19]
    assert answer["columns"]["time"] == [1_700_001_085.0, 1_700_001_090.0, 1_700_001_095.0]


def test_history_without_samples_has_empty_columns() -> None:
    history, _ = made()
    assert history.answer()["columns"]["net_rx"] == []


def test_samples_keep_their_beat_and_are_not_made_up_for() -> None:
    history, clock = made()
    assert history.tick() == INTERVAL
    clock.now += INTERVAL + 1
    assert history.tick() == INTERVAL - 1
    clock.now += 3600
    assert history.tick() == INTERVAL


def test_column_that_appears_later_is_filled_up_with_nothing_and_has_a_unit() -> None:
    readings: list[Values] = [{"cpu_percent": 1}, {"cpu_percent": 2, "gpu_nvidia_0_mem_used": 59}]
    history, clock = made(lambda _: readings.pop(0))
    run(history, clock, 2)
    answer = history.answer()
    assert answer["columns"]["gpu_nvidia_0_mem_used"] == [None, 59]
    assert answer["units"]["gpu_nvidia_0_mem_used"] == "MiB"
    assert answer["units"].keys() == answer["columns"].keys()


@pytest.mark.parametrize(
    ("column", "unit"),
    [("cpu_percent", "%"), ("load_1", ""), ("net_rx", "B/s"), ("swap_used", "B"), ("gpu_amd_1_util", "%")],
)
def test_each_column_has_its_unit(column: str, unit: str) -> None:
    assert unit_of(column) == unit


def test_rate_is_that_since_the_last_reading_over_all_counters() -> None:
    meter = RateMeter()
    assert meter.rate(10, {"eth0": 100, "ib0": 1000}) is None
    assert meter.rate(15, {"eth0": 200, "ib0": 2000}) == 220.0


def test_counter_that_is_set_back_or_wraps_counts_for_nothing_and_then_goes_on() -> None:
    meter = RateMeter()
    meter.rate(0, {"eth0": 2**32 - 10, "ib0": 0})
    assert meter.rate(1, {"eth0": 5, "ib0": 7}) == 7
    assert meter.rate(2, {"eth0": 25, "ib0": 7}) == 20


def test_interface_that_comes_or_goes_makes_no_jump() -> None:
    meter = RateMeter()
    meter.rate(0, {"eth0": 100})
    assert meter.rate(1, {"eth0": 110, "ib0": 10**12}) == 10
    assert meter.rate(2, {"ib0": 10**12 + 3}) == 3


def test_two_readings_at_one_time_have_no_rate() -> None:
    meter = RateMeter()
    meter.rate(1, {"eth0": 1})
    assert meter.rate(1, {"eth0": 2}) is None


def test_numbers_of_this_machine_are_within_their_bounds() -> None:
    moving = MovingNumbers()
    moving.read(0)
    values = moving.read(5)
    assert values.keys() == UNITS.keys()
    for name in ("cpu_percent", "memory_percent", "swap_percent"):
        value = values[name]
        assert value is not None
        assert 0 <= value <= 100
    assert (values["memory_used"] or 0) > 0
    assert (values["net_rx"] or 0) >= 0


def test_part_that_cannot_be_read_leaves_the_others() -> None:
    def broken() -> list[dict[str, Any]]:
        raise OSError("no such device")

    values = MovingNumbers(interfaces=broken).read(0)
    assert values["net_rx"] is None
    assert (values["memory_used"] or 0) > 0


def test_gpus_have_columns_of_their_own_with_what_is_known_of_them() -> None:
    gpus = [{"vendor": "NVIDIA", "id": "0", "mem_used": 59}, {"vendor": "AMD", "id": "0", "util_gpu": 12}]
    times = iter([(0.0, 0.0), (1.0, 2.0)])
    moving = MovingNumbers(list, lambda: gpus, LoadMeter(lambda: next(times), shortest=0))
    values = moving.read(0)
    assert (values["gpu_nvidia_0_mem_used"], values["gpu_amd_0_util"]) == (59, 12)
    assert {name for name in values if name.startswith("gpu")} == {"gpu_nvidia_0_mem_used", "gpu_amd_0_util"}


@pytest.mark.parametrize(
    ("total", "free", "used", "percent"), [(8, 6, 2 * 1024, 25.0), (0, 0, 0, 0.0)], ids=["some", "none"]
)
def test_swap_is_read_from_the_kernel(tmp_path: Path, total: int, free: int, used: int, percent: float) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 1 kB\nSwapCached:  0 kB\nSwapTotal:  {total} kB\nSwapFree:   {free} kB\n")
    assert swap(meminfo) == {"swap_used": used, "swap_percent": percent}
