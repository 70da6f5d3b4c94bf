"""One id of a call in every log: the client's, the bridge's, the endpoint's and that of its child host."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from stage import endpoint, server, wait_until

from orbit_jupyter.link import working_for
from orbit_jupyter.link.logs import TraceFilter


def test_lines_about_a_call_have_its_id_from_cell_to_plugin(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RADICAL_ORBIT_LOG_LVL", "DEBUG")
    caplog.set_level(logging.DEBUG, "orbit.client")
    caplog.handler.addFilter(TraceFilter())
    caplog.handler.setFormatter(logging.Formatter("%(trace)s %(name)s %(message)s"))
    with (
        server(home, "--OrbitExtension.local_endpoint=off") as lab,
        endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), tmp_path, "-p", "sample_plugin:SamplePlugin"),
        lab.client() as bridge,
    ):
        bridge.wait_for_endpoint("hpc1", 30)
        with working_for("cell-17", ""), pytest.raises(RuntimeError) as caught:
            bridge["hpc1"].call("GET", "/sample/raise")
        assert getattr(caught.value, "trace", None) == "cell-17"
        wait_until(lambda: "[call cell-17]" in lab.log.read_text(), "the bridge has logged it")
    logged = lab.log.read_text()
    assert any("GET /hpc1/sample/raise" in line and "[call cell-17]" in line for line in logged.splitlines())
    remote = (tmp_path / "hpc1.log").read_text()
    assert "DEBUG cell-17 GET /sample/raise of plugin sample" in remote
    assert "ERROR cell-17 /sample/raise of plugin sample raised" in remote
    assert "cell-17 orbit.client GET /sample/raise to hpc1" in caplog.text
