"""The Python of the pages, run as their readers run it: in a kernel of a real server, with two endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import Block, blocks, write_files
from server_kernel import CellError, ServerKernel
from stage import Server, endpoint, server

PAGES = ("README.md", "docs/tutorial.md", "docs/widgets.md", "docs/write-a-plugin.md", "docs/sdk.md")
PLUGINS = "default,hello:Hello,tally:TallyPlugin,heavy:Heavy,station:Station,order:Order,shelf:Shelf,kiln:Kiln"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with the endpoints `local` and `hpc1`, which has the plugins of the pages."""
    folder = tmp_path_factory.mktemp("site")
    hpc1 = folder / "hpc1"
    hpc1.mkdir()
    write_files("docs/write-a-plugin.md", hpc1)
    with server(folder / "home", "--OrbitExtension.local_endpoint=on") as lab, lab.client() as client:
        client.wait_for_endpoint("local", 60)  # first: the pages list endpoints in the order of their coming
        with endpoint(lab.url, "hpc1", lab.endpoint_token("hpc1"), hpc1, "--plugins", PLUGINS):
            client.wait_for_endpoint("hpc1", 60)
            yield lab


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_page_does_what_the_page_says(site: Server, page: str, tmp_path: Path) -> None:
    write_files(page, tmp_path)
    with ServerKernel(site.info["url"], site.info["token"]) as kernel:
        kernel.execute(f"import os, sys; os.chdir({str(tmp_path)!r}); sys.path.insert(0, '')")
        for block in blocks(page):
            if block.is_run:
                run(kernel, block)


def run(kernel: ServerKernel, block: Block) -> None:
    where = f"{block.page}:{block.line}"
    try:
        outputs = kernel.execute(block.code, timeout=60)
    except CellError as error:
        raise AssertionError(f"{where} raised\n{error}") from None
    printed = "".join(text_of(output) for output in outputs)
    assert block.prints is None or block.printed(printed), f"{where} prints\n{printed}"


def text_of(output: dict[str, Any]) -> str:
    text: str = output["text"] if "text" in output else output["data"].get("text/plain", "")
    return text


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_python_to_run(page: str) -> None:
    assert any(block.is_run for block in blocks(page))
