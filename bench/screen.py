"""The Explorer page in a real Chromium at its worst: 100,000 rows, and a burst of events behind them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator

import psutil
from playwright.async_api import Page, async_playwright

from .orbit import NAME, Orbit
from .steps import Figures, Sizes, Step

READY_TIME = 60_000
"""Milliseconds until the rows are there."""

# Scrolls for a while, by as much each frame as a quick hand does, and returns the frames a second.
SCROLL = """async ([rows, milliseconds]) => {
  const all = [rows, ...rows.shadowRoot.querySelectorAll('*')];
  const scroller = all.find(one => one.scrollHeight > one.clientHeight + 1000);
  let frames = 0;
  const began = performance.now();
  while (performance.now() - began < milliseconds) {
    scroller.scrollTop += 400;
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  return frames / (performance.now() - began) * 1000;
}"""

# From an input to the frame that shows its effect, as the browser itself times it.
WATCH = """() => {
  window.answered = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (entry.name === 'click') window.answered.push(entry.duration);
  }).observe({ type: 'event', durationThreshold: 16 });
}"""

CLICKS = 20


class Screen:
    """The step of the group ``screen``."""

    def __init__(self, sizes: Sizes, orbit: Orbit) -> None:
        self._sizes, self._orbit = sizes, orbit

    def steps(self) -> list[Step]:
        """Return the one: it is one page throughout."""
        return [Step(self.page, ("screen.fps", "screen.click", "screen.rows", "screen.mib"))]

    async def page(self) -> Figures:
        """Show all tasks, scroll through them, click while events pour in, and weigh the tab."""
        async with self._opened() as page:
            rows = page.locator("orbit-rows").first
            await rows.locator("[role=row]").nth(5).wait_for(timeout=READY_TIME)
            handle = await rows.element_handle()
            scrolled = await page.evaluate(SCROLL, [handle, self._sizes.seconds * 3000])
            drawn = await rows.locator("[role=row]").count()
            await page.evaluate(WATCH)
            burst = asyncio.ensure_future(
                self._orbit.client[NAME].call("POST", f"/{NAME}/burst", {"count": self._sizes.events})
            )
            button = page.locator("orbit-explorer button", has_text="Map").first
            box = await button.bounding_box()
            assert box is not None
            for _ in range(CLICKS):
                # Beside the heading: nothing there leads to another view.
                await page.mouse.click(box["x"] - 60, box["y"] + box["height"] / 2)
                await asyncio.sleep(0.05)
            await burst
            await asyncio.sleep(0.5)  # the observer is told a little later
            # What is faster than 16 ms isn't told at all.
            answered: list[float] = [16.0, *await page.evaluate("window.answered")]
            mib = _largest_renderer().memory_info().rss / 2**20
        return {
            "screen.fps": scrolled,
            "screen.click": max(answered),
            "screen.rows": float(drawn),
            "screen.mib": mib,
        }

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Page]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
                args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            )
            try:
                page = await browser.new_page(viewport={"width": 1280, "height": 800})
                await page.goto(f"{self._orbit.bridge}/?token={self._orbit.token}#/plugin/{NAME}/bench")
                yield page
            finally:
                await browser.close()


def _largest_renderer() -> psutil.Process:
    """Return the process that draws the page: of the renderers that this process has started, the largest."""
    renderers = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "--type=renderer" in child.cmdline():
                renderers.append((child.memory_info().rss, child))
    return max(renderers, key=lambda one: one[0])[1]
