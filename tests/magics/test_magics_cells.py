"""Cells with ``%orbit`` and ``%%orbit`` in them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from IPython.core.error import UsageError

from orbit_jupyter.client import EndpointClient
from orbit_jupyter.protocol import ResourceNotFoundError

if TYPE_CHECKING:
    from stage import Server

    from tests.magics.conftest import Cells


def test_a_verbs_value_comes_back_to_python(cells: Cells) -> None:
    cells.run("job = %orbit submit -- echo hello")
    assert cells["job"].wait(30) == "COMPLETED"
    assert cells["job"].output == "hello\n"
    rows = cells.run("rows = %orbit jobs --all\nrows")
    assert cells["job"].id in [row["job_id"] for row in rows]
    assert "<table>" in rows._repr_mimebundle_()["text/html"]
    endpoint = cells.run("%orbit use local")
    assert isinstance(endpoint, EndpointClient)
    assert endpoint.endpoint_id == "local"


def test_alone_it_says_where_one_is(cells: Cells, lab: Server) -> None:
    told = cells.run("%orbit")
    assert (told["bridge"], told["endpoint"]) == (lab.url, "local")
    assert "in use     local" in cells.out


def test_variables_are_expanded_as_ipython_does(cells: Cells) -> None:
    cells.run("word, count = 'two words', 2\njob = %orbit submit -n {count - 1} -- echo '{word}' $count '$HOME'")
    cells["job"].wait(30)
    assert cells["job"].output == "two words 2 $HOME\n"


def test_a_cell_is_a_script_and_its_braces_are_its_own(cells: Cells) -> None:
    cells.run("name = 'python'\nn = 3")
    job = cells.run('%%orbit submit --wait -e N={n}\nfor i in {1..2}; do echo "$i $N ${name:-unset}"; done\n')
    assert "1 3 unset\n2 3 unset\n" in cells.out
    assert job.state == "COMPLETED"
    assert cells.shell.user_ns["_"] is job


def test_a_cell_can_be_another_interpreters(cells: Cells) -> None:
    cells.run("%%orbit submit --wait -- python3\nimport sys\nprint('python', sys.version_info[0])\n")
    assert "python 3\n" in cells.out
    cells.run("%%orbit submit --wait\n#!/usr/bin/env python3\nprint('by its first line')\n")
    assert "by its first line\n" in cells.out


def test_output_shows_its_lines_and_once(cells: Cells) -> None:
    cells.run("job = %orbit submit --wait -- printf 'a\\nb\\n'")
    cells.run("%orbit output")
    assert "a\nb\n" in cells.out
    text = cells.run("text = %orbit output -f\ntext")
    assert text == "a\nb\n"
    assert cells.out.count("a\nb\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%orbit job", "UsageError: there is no verb 'job'; did you mean jobs?"),
        ("%orbit submit -t 10 -- x", "write it like 90s, 10m"),
        ("%orbit submit", "say what to run"),
        ("%orbit jobs 'open", "the line can't be read"),
        ("%%orbit jobs\necho", "only submit takes what is in the cell"),
    ],
)
def test_words_that_do_not_fit_are_one_line_and_no_traceback(cells: Cells, line: str, said: str) -> None:
    assert isinstance(cells.fail(line), UsageError)
    assert said in cells.out + cells.err
    assert "Traceback" not in cells.out + cells.err
    assert len((cells.out + cells.err).strip().splitlines()) == 1


def test_a_wrong_job_id_is_a_short_message_of_the_errors_own_class(cells: Cells) -> None:
    assert isinstance(cells.fail("%orbit status zz"), ResourceNotFoundError)
    shown = (cells.out + cells.err).strip()
    assert shown.startswith("ResourceNotFoundError: there is no job 'zz' on endpoint local")
    assert "\n" not in shown
    code = "try:\n    get_ipython().run_line_magic('orbit', 'status zz')\nexcept KeyError:\n    raise\n"
    code += "except orbit_jupyter.OrbitError as error:\n    caught = error.status"
    cells.run(f"import orbit_jupyter\n{code}")
    assert cells["caught"] == 404


def test_without_a_bridge_it_says_where_it_looked(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RADICAL_ORBIT_BRIDGE_URL")
    assert isinstance(cells.fail("%orbit endpoints"), ValueError)
    assert "no bridge URL was found; looked at" in cells.out + cells.err
    assert "Traceback" not in cells.out + cells.err


def test_help_is_printed(cells: Cells) -> None:
    assert cells.run("%orbit submit --help") is None
    assert "%orbit submit [options] [--] COMMAND ARGUMENTS" in cells.out


def test_an_interrupted_cell_cancels_its_job_and_assigns_it(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    magics: Any = cells.shell.magics_manager.registry["OrbitMagics"]
    waiting = magics._face.progress

    def interrupted() -> Any:
        signal.raise_signal(signal.SIGINT)
        return waiting()

    monkeypatch.setattr(magics._face, "progress", interrupted)
    try:
        cells.run("job = %orbit submit --wait -- sleep 100")
    finally:
        signal.signal(signal.SIGINT, before)
    assert cells["job"].state == "CANCELED"
    assert "is being cancelled" in cells.out


def test_its_traits_configure_it(cells: Cells, lab: Server) -> None:
    cells.run("%config OrbitMagics.wait = True")
    job = cells.run("%orbit submit -- echo waited")
    assert "waited\n" in cells.out
    assert job.states[-1] == "COMPLETED"
    cells.run("%config OrbitMagics.endpoint = 'hpc9'")
    assert "hpc9 (it isn't connected just now)" in repr(cells.run("%orbit"))
    cells.run("%config OrbitMagics.url = 'http://127.0.0.1:1/orbit'")
    cells.fail("%orbit endpoints")
    assert "BridgeConnectionError" in cells.out + cells.err
    cells.run(f"%config OrbitMagics.url = '{lab.url}'\n%orbit use local")
    assert [row["name"] for row in cells.run("%orbit endpoints") if row["in_use"]] == ["local"]


def test_every_trait_has_help() -> None:
    from orbit_jupyter.magics import OrbitMagics

    traits = OrbitMagics.class_traits(config=True)
    assert set(traits) == {"url", "cert", "endpoint", "wait", "completion_time"}
    assert all(trait.help for trait in traits.values())


def test_it_can_be_loaded_again(cells: Cells) -> None:
    cells.run("%reload_ext orbit_jupyter")
    assert len(cells.shell.Completer.custom_matchers) == 1
    assert "local" in [row["name"] for row in cells.run("%orbit endpoints")]
