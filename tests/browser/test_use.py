"""What people do: search, plan, switch colours, administer, watch phones arrive; by pointer and by keyboard alone."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Town, Visitor, log_in
from tests.services.in_process import ADMIN_TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one town for all

Make = Callable[..., Visitor]


def test_a_collection_is_searched_ordered_and_linked(visitors: Make, town: Town) -> None:
    page = visitors().open(town.reading_pages["collection"])
    page.get_by_label("Find an answer").press_sequentially("hous")
    expect(page.locator("#items figcaption")).to_contain_text("answers, each with its 95 %")
    expect(page.locator("#items .plot")).to_have_attribute("aria-label", re.compile("Shown: "))
    expect(page.locator("#items tbody tr").first.locator("th")).to_have_text(re.compile("hous"))
    assert "q=hous" in page.url
    page.get_by_label("Beside it").select_option("none")
    expect(page.locator("#items thead")).not_to_contain_text("norm sub")
    page.reload()
    expect(page.locator("#items tbody tr").first.locator("th")).to_have_text(re.compile("hous"))


def test_a_window_is_chosen_and_all_of_the_page_is_about_it(visitors: Make, town: Town) -> None:
    page = visitors().open(town.reading_pages["collection"])
    whole = page.locator(".finding").inner_text()
    chosen = page.get_by_label("Window", exact=True)
    chosen.focus()
    chosen.select_option(index=1)
    expect(page.locator(".facts")).to_contain_text("n = 5,000")
    expect(page.locator(".finding")).not_to_have_text(whole)
    expect(page.locator("#items .plot > svg")).to_be_visible()
    expect(chosen).to_be_focused()
    assert "window=" in page.url
    page.get_by_label("Find an answer").press_sequentially("hous")
    expect(page.locator("#items tbody tr").first.locator("th")).to_have_text(re.compile("hous"))
    assert "window=" in page.url
    page.go_back()
    expect(page.locator(".facts")).to_contain_text("n = 20,000")


def test_a_slider_moves_the_picture_and_the_address_by_keyboard(visitors: Make) -> None:
    page = visitors().open("/plan")
    slider = page.get_by_role("slider", name="Privacy loss ε, slider")
    slider.focus()
    before = page.locator("figure[data-name=error-over-epsilon] svg").inner_html()
    slider.press("ArrowRight")
    assert page.locator("figure[data-name=error-over-epsilon] svg").inner_html() != before, (
        "drawn before the server answers"
    )
    expect(page).to_have_url(re.compile(r"epsilon=1\.25"))
    expect(page.locator("#plan")).to_contain_text("Privacy loss ε = 1.25")
    assert page.evaluate("document.activeElement.type") == "range", "the focus stays on the slider"
    page.get_by_role("link", name="Create a collection like this").click()
    expect(page.get_by_label("Privacy loss ε of one report")).to_have_value("1.25")


def test_colours_are_kept_and_never_flash(visitors: Make) -> None:
    visitor = visitors(color_scheme="light")
    page = visitor.open("/plan")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Use dark colours").click()
    assert page.evaluate(ground) != light
    html = visitor.context.request.get(page.url).text()
    assert '<html lang="en" data-theme="dark">' in html


def test_everything_is_reached_by_keyboard(visitors: Make, town: Town) -> None:
    page = visitors().open("/collections")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Which word did you type last?":
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{town.reading_pages['collection']}")
    page.get_by_role("link", name="CSV").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    saved = Path(download.value.path()).read_text()
    assert len(saved.splitlines()) == 22_001
    assert saved.startswith("item,index,estimate,standard_error,low,high")


def test_figures_are_saved_as_svg_and_png(visitors: Make, town: Town) -> None:
    page = visitors().open(town.reading_pages["collection"])
    figure = page.locator("figure[data-name=estimates]")
    with page.expect_download() as svg:
        figure.get_by_role("button", name="Save as SVG").click()
    drawn = Path(svg.value.path()).read_text()
    assert drawn.startswith("<svg")
    assert "the" in drawn
    assert "var(" not in re.sub(r"style=\"[^\"]*\"", "", drawn), "a saved figure needs no style sheet"
    with page.expect_download() as png:
        figure.get_by_role("button", name="Save as PNG").click()
    assert Path(png.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_estimates_are_drawn_with_interval_n_and_epsilon(visitors: Make, town: Town) -> None:
    page = visitors().open(town.reading_pages["collection"])
    figure = page.locator("figure[data-name=estimates]")
    caption = figure.locator("figcaption").inner_text()
    assert "n = 20,000" in caption
    assert "ε = 4" in caption
    assert figure.locator("svg [aria-label=link] path").count() == 50, "two intervals for each of 25 answers"
    titles = figure.locator("svg [aria-label=dot] title").all_text_contents()
    assert len(titles) == 25
    assert re.fullmatch(r"the: [\d.]+ % \([\d.]+ % to [\d.]+ %\)", titles[0])


def test_an_administrator_creates_opens_and_closes_a_collection(visitors: Make) -> None:
    visitor = visitors()
    page = visitor.open("/collections/new")
    page.get_by_label("Name").fill("by hand")
    page.get_by_label("Question").fill("Tea or coffee?")
    page.get_by_label("Possible answers").fill("tea")
    page.get_by_role("button", name="Create the draft").click()
    expect(page.get_by_role("alert").first).to_contain_text("a domain has 2 to 4,194,304 items, got 1")
    visitor.refused("422 (Unprocessable Entity)")
    page.get_by_label("Possible answers").fill("tea\ncoffee\n")
    page.get_by_role("button", name="Create the draft").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^fano_ingest_"))
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tea or coffee?")
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".state")).to_have_text("open")
    page.get_by_role("link", name="Write keys").click()
    page.get_by_label("Name").fill("second")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^fano_ingest_"))
    page.get_by_role("link", name="Done").click()
    page.get_by_role("button", name="End write key now").click()
    expect(page.locator("tbody tr").first).to_contain_text("ended")
    page.go_back()
    page.goto(page.url.replace("/keys", ""))
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".state")).to_have_text("closed")


def test_an_analyst_reads_and_a_revoked_token_ends_the_session(visitors: Make, town: Town) -> None:
    admin = visitors().open("/tokens")
    admin.get_by_label("Name").fill("Ada")
    admin.get_by_role("button", name="Make a token").click()
    token = admin.locator("#secret").inner_text()
    visitor = visitors(logged_in=False)
    log_in(visitor.page, town.live, token)
    page = visitor.open(town.reading_pages["collection"])
    expect(page.locator(".finding")).to_contain_text("the")
    assert page.get_by_role("button", name="Pause").count() == 0
    assert page.get_by_role("link", name="Tokens").count() == 0
    assert page.context.cookies()[0]["httpOnly"]
    assert token not in str(page.context.cookies())
    admin.get_by_role("link", name="Done").click()
    admin.get_by_role("button", name="End Ada now").click()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def test_a_wrong_token_is_refused_and_logging_out_works(visitors: Make, town: Town) -> None:
    visitor = visitors(logged_in=False)
    page = visitor.page
    page.goto(f"{town.live.dashboard}/tokens")
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    page.get_by_label("Token").fill(ADMIN_TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tokens")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    assert page.context.cookies() == []


def test_an_analysis_is_asked_watched_and_answered(visitors: Make, town: Town) -> None:
    page = visitors().open(f"/analysis/top-k?collection={town.noise['id']}")
    expect(page.get_by_label("Collection")).to_have_value(town.noise["id"])
    page.get_by_label("k", exact=True).fill("10")
    page.get_by_role("button", name="Run").click()
    page.wait_for_url("**/analysis/jobs/*")
    expect(page.locator(".finding")).to_have_text(re.compile("^No signal: "), timeout=60_000)
    expect(page.locator("figure[data-kind=ranks] svg [aria-label=link] path")).to_have_count(25)
    assert page.locator("#job").get_attribute("hx-get") is None, "a page that is done asks no more"
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
    page.goto(f"{town.live.dashboard}/analysis/single-location/dynamics")
    page.get_by_label("Steps").fill("500000")
    page.get_by_label("Runs").fill("60")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".finding")).to_have_text("Cancelled. Nothing was found.")


def test_a_fleet_with_the_mechanism_of_a_collection_is_simulated(visitors: Make, town: Town) -> None:
    page = visitors().open(f"/analysis/fleet-simulation?collection={town.noise['id']}")
    expect(page.get_by_label("Collection")).to_have_value(town.noise["id"])
    page.get_by_label("Phones", exact=True).fill("5000")
    page.get_by_label("Fleets", exact=True).fill("10")
    page.get_by_role("button", name="Run").click()
    page.wait_for_url("**/analysis/jobs/*")
    expect(page.locator(".finding")).to_have_text(re.compile("^As promised: "), timeout=60_000)
    expect(page.locator("main")).to_contain_text("none of its reports was looked at")
    expect(page.locator("figure[data-kind=intervals] svg")).to_be_visible()
    expect(page.locator("figure[data-kind=columns] svg")).to_have_count(3)
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []


def test_numbers_come_from_a_file_without_javascript(visitors: Make, town: Town, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "rows.npz", X=rng.normal(size=(60, 3, 2)), y=rng.normal(size=60))
    (tmp_path / "rows.csv").write_text("1,2,3")
    visitor = visitors(java_script_enabled=False)
    page = visitor.page
    page.goto(f"{town.live.dashboard}/analysis/single-location/fit")
    page.get_by_text("More settings").click()
    page.get_by_label("Seed").fill("77")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "rows.csv")
    page.get_by_role("button", name="Store the file").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("is no .npy or .npz file of numbers"))
    visitor.refused("422 (Unprocessable Entity)")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "rows.npz")
    page.get_by_role("button", name="Store the file").click()
    expect(page.get_by_role("status")).to_contain_text("60 × 3 × 2 numbers, float64, 2,880 bytes, until ")
    expect(page.get_by_role("status")).to_be_in_viewport()
    expect(page.get_by_label("Tokens, from a stored array")).to_have_value(re.compile("^[0-9a-f]{16}$"))
    expect(page.get_by_label("Outcomes, from a stored array")).to_have_value(re.compile("^[0-9a-f]{16}$"))
    page.get_by_text("More settings").click()
    expect(page.get_by_label("Seed")).to_have_value("77")
    page.get_by_label("Seed").press("Enter")  # runs the analysis, and stores nothing
    page.wait_for_url("**/analysis/jobs/*")
    page.get_by_role("button", name="Cancel").or_(page.locator(".finding")).first.wait_for()


def test_stored_arrays_are_accessible_and_forgotten(visitors: Make, town: Town, tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", np.arange(12.0).reshape(6, 2))
    for theme in ("light", "dark"):
        page = visitors(color_scheme=theme).open("/analysis/max-margin")
        page.get_by_label("File", exact=True).set_input_files(tmp_path / "points.npy")
        page.get_by_label("Use it for").select_option("test_points")
        page.get_by_role("button", name="Store the file").click()
        chosen = page.get_by_label("Held-out points, from a stored array")
        expect(chosen).to_have_value(re.compile("^[0-9a-f]{16}$"))
        stored = chosen.input_value()
        assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
        page.get_by_role("button", name=f"Forget the array {stored} now").click()
        expect(page.get_by_role("status")).to_have_text("The array is forgotten.")
        expect(page.locator(f"text={stored}")).to_have_count(0)


def start_fleet(page: Page, collection: str, phones: int) -> None:
    page.get_by_label("Collection").select_option(collection)
    page.get_by_label("They answer like").select_option("words")
    page.get_by_label("Phones").fill(str(phones))
    page.get_by_role("button", name="Start the phones").click()


@pytest.mark.service
def test_five_thousand_phones_report_and_the_first_interval_shrinks(visitors: Make, town: Town) -> None:
    page = visitors().open("/fleet")
    start_fleet(page, town.words["id"], 5_000)
    seen: list[int] = []
    status = page.get_by_role("status")
    expect(status).to_contain_text("of 5,000 phones have reported")
    while not seen or seen[-1] < 5_000:
        seen.append(int(status.locator("b").inner_text().replace(",", "")))
        page.wait_for_timeout(300)
    assert len(set(seen)) > 2, "progress is seen on the way"
    assert seen == sorted(seen)
    expect(status).to_contain_text("the fleet is done", timeout=30_000)
    caption = page.locator("figure[data-kind=shrinking] figcaption").inner_text()
    first, last = (float(value) for value in re.findall(r"([\d.]+) (?:points )?at", caption))
    assert last < first
    assert page.locator("#live").get_attribute("hx-get") is None, "a page that is done asks no more"
