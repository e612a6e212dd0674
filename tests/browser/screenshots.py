"""Makes the pictures of the README: a service, two weeks of simulated phones, a browser. Run by `make screenshots`."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from client.simulation import by_name
from server.clock import FakeClock
from server.storage.database import Database
from server.storage.schema import upgrade
from tests.browser.conftest import QUIET, chromium, log_in
from tests.browser.live import DAY, Live, live_service

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1120, "height": 860}
WINDOWS, PHONES_A_DAY, MOST_BYTES = 14, 6_000, 150_000


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="fano-pictures-"))
    try:
        url = f"sqlite:///{folder / 'fano.sqlite3'}"
        database = Database(url)
        upgrade(database)
        database.dispose()
        clock = FakeClock(time.time() - (WINDOWS - 1) * DAY)
        with live_service(folder, url, clock, demo=False) as live, sync_playwright() as playwright:
            words = collect(live, clock)
            browser = playwright.chromium.launch(executable_path=chromium(), args=list(QUIET))
            for theme in ("light", "dark"):
                take(browser, live, theme, words)
            browser.close()
    finally:
        shutil.rmtree(folder)


def collect(live: Live, clock: FakeClock) -> str:
    """Two weeks of reports to one collection; its id."""
    rng = np.random.default_rng(5)
    people = by_name("words", 20_000)
    made = live.create(items=list(people.items), name="words", question="Which word did you type last?", epsilon="4")
    for window in range(WINDOWS):
        live.report(made, people.sample(PHONES_A_DAY, rng).tolist(), rng)
        if window < WINDOWS - 1:
            clock.turn(DAY)
    return str(made["id"])


def take(browser: Browser, live: Live, theme: str, words: str) -> None:
    context = browser.new_context(color_scheme=theme, viewport=SIZE)  # type: ignore[arg-type]
    page = context.new_page()
    log_in(page, live)
    page.goto(f"{live.dashboard}/collections/{words}")
    page.locator("[aria-labelledby=time] .plot > svg").wait_for()
    save(page, f"collection-{theme}.png")
    if theme == "light":
        page.locator("#time").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#time').scrollIntoView()")
        save(page, "over-time.png")
        page.goto(f"{live.dashboard}/plan?epsilon=2&items=20000&phones=1000000")
        page.locator("#plan .plot > svg").nth(1).wait_for()
        save(page, "plan.png")
        page.goto(f"{live.dashboard}/compare?epsilon=2&items=1000")
        page.locator(".plot > svg").nth(2).wait_for()
        save(page, "compare.png")
    context.close()


def save(page: Page, name: str) -> None:
    file = FOLDER / name
    page.screenshot(path=file)
    size = file.stat().st_size
    print(f"{name}: {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"{name} is larger than {MOST_BYTES:,} bytes; take less into the picture")


if __name__ == "__main__":
    main()
