"""A browser, a service with collections in every state, and pages that must stay silent.

Debian's Chromium is used as it is installed; nothing is downloaded. Without it these tests are skipped with the command that
installs it, and fail where CI is set.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from client.simulation import by_name
from ldp_core.decoding import compile_kernels
from server.clock import FakeClock
from tests.browser.live import DAY, Live, live_service
from tests.services.in_process import ADMIN_TOKEN

expect.set_options(timeout=30_000)  # a failure is told late on a busy machine, and never too early

INSTALL = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
QUIET = (
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """The browser's program: FANO_CHROMIUM, or the one that is installed."""
    return os.environ.get("FANO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests here. It ends with them: while it lives, its thread has a running event loop, and tests elsewhere
    start loops of their own.
    """
    program = chromium()
    if program is None:
        reason = f"no Chromium here; install it with: {INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield opened
        opened.close()


@dataclass(frozen=True)
class Town:
    """A service, and one collection for each state that a page is designed for."""

    live: Live
    words: dict[str, Any]
    noise: dict[str, Any]
    few: dict[str, Any]
    empty: dict[str, Any]
    draft: dict[str, Any]
    labels: dict[str, Any]

    @property
    def reading_pages(self) -> dict[str, str]:
        """Name and address of each page that is only read."""
        return {
            "collections": "/collections",
            "collection": f"/collections/{self.words['id']}",
            "noise": f"/collections/{self.noise['id']}",
            "few": f"/collections/{self.few['id']}",
            "empty": f"/collections/{self.empty['id']}",
            "draft": f"/collections/{self.draft['id']}",
            "labels": f"/collections/{self.labels['id']}",
            "series": f"/collections/{self.words['id']}/series",
            "plan": "/plan",
            "compare": "/compare?items=64",
            "curves": "/compare/curves?items=64",
            "fleet": "/fleet",
            "budget": "/budget",
        }


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Town]:
    compile_kernels()  # no page should wait for the compiler
    folder = tmp_path_factory.mktemp("town")
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'fano.sqlite3')}"
    clock = FakeClock(time.time() - 3 * DAY)
    rng = np.random.default_rng(7)
    with live_service(folder, url, clock, fold_seconds=0) as live:
        people = by_name("words", 22_000)
        words = live.create(
            items=list(people.items), name="words", question="Which word did you type last?", epsilon="4"
        )
        for _ in range(3):
            live.report(words, people.sample(5_000, rng).tolist(), rng)
            clock.turn(DAY)
        live.report(words, people.sample(5_000, rng).tolist(), rng)
        noise = live.survey(
            by_name("uniform", 300), 60, rng, name="noise", question="Which of these do you like?", epsilon="0.5"
        )
        crash = {"items": ["camera", "maps", "mail", "music"], "question": "Which of these crashed?"}
        few = live.create(name="few", epsilon="1", min_reports=1_000, **crash)
        live.report(few, [0, 1, 2, 3] * 160, rng)
        empty = live.create(name="empty", epsilon="1", **crash)
        draft = live.create(name="draft", epsilon="8", opened=False, **crash)
        labels = live.create(name="labels", question="Did it help?", epsilon="1", labels={"rows": 500, "bound": "2"})
        live.send(labels, (2 * np.arange(400) + (rng.random(400) < 0.6)).tolist())
        yield Town(live, words, noise, few, empty, draft, labels)


@dataclass
class Listener:
    """What a page must not do: speak to the console, fail, or ask another origin."""

    origin: str
    heard: list[str]

    def attend(self, page: Page) -> None:
        page.on("console", lambda message: self.heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        page.on("request", lambda request: self._requested(request.url))

    def _requested(self, url: str) -> None:
        if not url.startswith((f"{self.origin}/", "blob:")):
            self.heard.append(f"request: {url}")


@pytest.fixture(scope="package")
def cookies(town: Town, browser: Browser) -> list[Any]:
    """The session of an administrator who logged in through the page."""
    context = browser.new_context()
    page = context.new_page()
    log_in(page, town.live)
    found = context.cookies()
    context.close()
    return found


def log_in(page: Page, live: Live, token: str = ADMIN_TOKEN) -> None:
    page.goto(f"{live.dashboard}/login")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/collections")


@dataclass
class Visitor:
    """A person with a browser of their own, logged in as administrator."""

    context: BrowserContext
    page: Page
    town: Town
    listener: Listener

    def refused(self, status: str) -> None:
        """The browser itself tells its console of an answer of this status, once."""
        self.listener.heard.remove(f"console: Failed to load resource: the server responded with a status of {status}")

    def open(self, path: str) -> Page:
        self.page.goto(self.town.live.dashboard + path)
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('figure[data-kind] > .plot')].every((box) => box.firstElementChild)"
        )
        return self.page


@pytest.fixture
def visitors(browser: Browser, town: Town, cookies: list[Any]) -> Iterator[Any]:
    """Makes visitors; none of their pages may have said a word at the end."""
    contexts: list[BrowserContext] = []
    listener = Listener(town.live.url, [])

    def make(*, logged_in: bool = True, **options: Any) -> Visitor:
        context = browser.new_context(**options)
        contexts.append(context)
        if logged_in:
            context.add_cookies(cookies)
        page = context.new_page()
        page.set_default_timeout(60_000)  # of a machine that does much else
        listener.attend(page)
        return Visitor(context, page, town, listener)

    yield make
    for context in contexts:
        context.close()
    assert listener.heard == []
