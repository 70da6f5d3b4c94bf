"""The notebook about jobs runs from its first cell to its last, in a real kernel of a real server."""

from __future__ import annotations

import json
from pathlib import Path

from server_kernel import ServerKernel
from stage import server

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "02_jobs.ipynb"


def test_jobs_notebook_says_what_its_text_promises(home: Path) -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] for cell in cells), "outputs are not committed"
    said = ""
    with server(home) as lab, ServerKernel(lab.info["url"], lab.info["token"]) as kernel:
        for cell in cells:
            for output in kernel.execute("".join(cell["source"]), timeout=90):
                said += output.get("text") or output["data"].get("text/plain", "") + "\n"
    for wanted in (
        "local        ready",
        "not here: ",
        "refused: job_spec.attributes.duration: 'soon' is neither seconds nor HH:MM:SS",
        "state: COMPLETED · exit code: 0 · went through QUEUED → ACTIVE → COMPLETED",
        "step 3 of 3",
        "on stderr: a warning",
        "state: FAILED · exit code: 3",
        "event: QUEUED\nevent: ACTIVE\nevent: COMPLETED\n",
        "cancelled job: CANCELED",
        "a second time: job ",
        "10 of 10 completed",
        "part 0\npart 1\npart 2",
    ):
        assert wanted in said, said
