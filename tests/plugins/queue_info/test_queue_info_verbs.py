"""The verb `queues`, and Tab behind ``-q``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from told_batch import ToldBatch, queue

from orbit_jupyter.plugin import PluginError
from orbit_jupyter.verbs import Candidates, Context, Outcome, Stream, Tell, grammar, run, split

if TYPE_CHECKING:
    from tests.plugins.queue_info.conftest import Open, Site


class Quiet:
    """A face that shows nothing."""

    prog = "%orbit"

    def say(self, text: str) -> None:
        pass

    def write(self, text: str, stream: Stream = "stdout") -> None:
        pass

    @contextlib.contextmanager
    def progress(self) -> Iterator[Tell]:
        yield lambda _: None


class Chosen:
    """The endpoint in use is the one that there is."""

    def get(self) -> str:
        return "hpc1"

    def set(self, name: str) -> None:
        pass


def context_of(site: Site) -> Context:
    return Context(lambda: site.endpoint.bridge, Quiet(), Chosen())


def ran(site: Site, line: str) -> Outcome:
    return run(grammar("%orbit"), split(line), context_of(site))


@pytest.mark.parametrize("line", ["queues", "queues hpc1", "queues --on hpc1"])
def test_queues_are_listed_with_limits_and_free_nodes(
    site: Site, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # a narrower table folds the limit
    site.batch.all_queues = [queue("debug", is_default=True, time_limit=1800), queue("long", time_limit=180000)]
    outcome = ran(site, f"{line} --now")
    assert [row["name"] for row in outcome.value] == ["debug", "long"]
    assert outcome.data[0]["endpoint"] == "hpc1"
    shown = repr(outcome.value)
    assert "debug *" in shown
    assert "30:00" in shown
    assert "2-02:00:00" in shown


def test_all_lists_what_the_user_may_not_use(site: Site) -> None:
    site.batch.all_queues = [queue("open"), queue("theirs", accounts=("proj_x",))]
    assert [row["name"] for row in ran(site, "queues --now").value] == ["open"]
    assert [row["name"] for row in ran(site, "queues --all").value] == ["open", "theirs"]


def test_an_old_list_says_that_it_is_old(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(site, "queues")
    site.batch.failure = PluginError("slurm is away")
    monkeypatch.setattr(site.endpoint.plugin("queue_info")._scheduler._queues, "_good_for", 0)  # type: ignore[attr-defined]
    assert ran(site, "queues").note == "0 s old, since slurm is away"
    with pytest.raises(PluginError, match="slurm is away"):
        ran(site, "queues --now")


def test_tab_offers_the_queues(open_site: Open) -> None:
    site = open_site(ToldBatch())
    assert sorted(Candidates(context_of(site), 20)("queues", "hpc1")) == ["batch", "debug"]
