"""Every page in light and dark, wide and narrow: silent, accessible, complete without JavaScript, and light to load."""

import gzip
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Town, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one town for all

NAMES = (
    "collections", "collection", "noise", "few", "empty", "draft", "labels", "series", "plan", "compare", "curves", "fleet",
    "login", "new", "keys", "tokens", "audit", "limited", "analyses", "analysis", "fit",
)  # fmt: skip
DRAWN = {"collection": 2, "noise": 1, "labels": 1, "series": 1, "plan": 2, "compare": 3, "curves": 1, "fleet": 0}
LOOKS = {
    "wide-light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "wide-dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "narrow-light": {"color_scheme": "light", "viewport": {"width": 360, "height": 800}},
    "narrow-dark": {"color_scheme": "dark", "viewport": {"width": 360, "height": 800}},
}
Make = Callable[..., Visitor]


def address(town: Town, name: str) -> str:
    forms = {
        "login": "/login",
        "new": "/collections/new",
        "keys": f"/collections/{town.words['id']}/keys",
        "tokens": "/tokens",
        "audit": "/audit-log",
        "limited": "/budget?limit=6",
        "analyses": "/analysis",
        "analysis": "/analysis/max-margin",
        "fit": f"/analysis/single-location/fit?collection={town.labels['id']}",
    }
    return forms.get(name) or town.reading_pages[name]


@pytest.mark.parametrize("look", LOOKS)
def test_pages_are_silent_and_accessible(visitors: Make, town: Town, look: str) -> None:
    visitor, axe = visitors(**LOOKS[look]), Axe()
    wrong = []
    for name in NAMES:
        page = visitor.open(address(town, name))
        assert page.title(), name
        drawn = page.locator("figure[data-kind] .plot > svg")
        for place in range(DRAWN.get(name, 0)):
            drawn.nth(place).wait_for()
        found = axe.run(page)
        wrong += [
            f"{name}: {violation['id']}: {violation['nodes'][0]['html'][:200]}"
            for violation in found.response["violations"]
        ]
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overflow > 0:
            wrong.append(f"{name}: {overflow} pixels wider than the screen")
    assert not wrong, "\n".join(wrong)


def test_reading_pages_say_everything_without_javascript(visitors: Make, town: Town) -> None:
    page = visitors(java_script_enabled=False).page
    for name, path in town.reading_pages.items():
        assert page.goto(town.live.dashboard + path) is not None
        assert page.get_by_role("heading", level=1).is_visible(), name
        for figure in page.locator("figure[data-kind]").all():
            assert figure.locator("figcaption").inner_text().strip(), name
    page.goto(town.live.dashboard + town.reading_pages["collection"])
    page.get_by_text("The numbers as a table").first.click()
    rows = page.locator("#items tbody tr")
    assert rows.count() == 25
    assert re.fullmatch(r"the\t[\d.]+ %\t[\d.]+ % to [\d.]+ %\t.*", rows.first.inner_text().strip())
    page.get_by_label("Find an answer").fill("zebra")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#items tbody tr").first.locator("th").text_content() == "zebra"
    page.goto(town.live.dashboard + town.reading_pages["series"])
    page.get_by_text("The numbers as a table").click()
    assert page.locator("tbody tr").count() == 4
    page.goto(town.live.dashboard + "/plan")
    page.get_by_label("Privacy loss ε").fill("2")
    page.get_by_role("button", name="Plan").click()
    assert "epsilon=2" in page.url


def test_states_have_a_sentence_each(visitors: Make, town: Town) -> None:
    visitor = visitors()
    page = visitor.open(town.reading_pages["few"])
    assert page.get_by_text("shows nothing below 1,000 reports and has 640").is_visible()
    assert page.locator("figure[data-kind]").count() == 0
    page = visitor.open(town.reading_pages["empty"])
    assert page.get_by_text("No reports yet. Numbers appear with the first one").is_visible()
    page = visitor.open(town.reading_pages["draft"])
    assert page.get_by_text("Draft: takes no reports until it is opened.").is_visible()
    assert page.get_by_text("At ε = 8 a report usually reveals the answer.").is_visible()
    page = visitor.open(town.reading_pages["labels"])
    assert page.get_by_text("400 of 500 rows were reported once.").is_visible()
    assert page.get_by_text("of the labels").first.is_visible()
    assert page.get_by_text("most common").count() == 0
    page = visitor.open(town.reading_pages["noise"] + "?order=index")
    assert page.get_by_text("Nothing stands out yet.").first.is_visible()
    page.get_by_text("The numbers as a table").click()
    assert page.get_by_text("Negative values are normal before rounding to valid shares").first.is_visible()


def test_the_first_page_and_a_collection_weigh_little(town: Town, cookies: list[dict[str, str]]) -> None:
    http = town.live.http
    session = {"Cookie": "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)}
    for path in ("/collections", town.reading_pages["collection"]):
        html = http.get(f"/dashboard{path}", headers=session)
        assert html.headers["content-encoding"] == "gzip"
        parts = re.findall(r'(?:href|src)="(/dashboard/static/[^"]+\.(?:css|js|svg))"', html.text)
        files = [http.get(part) for part in dict.fromkeys(parts)]
        assert len(files) == 3
        assert [answer.status_code for answer in files] == [200] * 3
        total = sum(len(gzip.compress(answer.content)) for answer in (html, *files))
        assert total < 150_000, f"{path} weighs {total:,} bytes"
        assert len(html.content) < 60_000, "a page of 25 of 22,000 items holds 25"
