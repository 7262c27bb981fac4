"""The page in a real browser: what it loads, whether it fits, and whether everybody can use it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from reports.render.pages import PAGES, render_page
from tests.report_inputs import SCRIPT, everything

pytestmark = pytest.mark.once

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "CONFORMANCE_REQUIRE_BROWSER"
"""An environment variable: set to 1, it makes the lack of a browser a failure."""
SIZES = {"telephone": 360, "desk": 1440}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@dataclass
class Opened:
    """A page, and what it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        said = f"no browser on the PATH: none of {', '.join(BROWSERS)}"
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{said}, and {REQUIRED}=1")
        pytest.skip(said)
    with sync_playwright() as playwright:
        # In a container it runs as root, where its sandbox does not work; what it opens is our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    for language, name in PAGES.items():
        (folder / name).write_text(render_page(everything(), language), encoding="utf-8")
    return folder / PAGES["en"]


def open_page(browser: Browser, file: Path, width: int, scheme: Scheme) -> Opened:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened = Opened(page)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
    page.goto(file.as_uri())
    return opened


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in SCHEMES], ids="-".join)
def opened(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[Opened]:
    size, scheme = request.param
    opened = open_page(browser, file, SIZES[size], scheme)
    yield opened
    opened.page.close()


@pytest.fixture
def desk(browser: Browser, file: Path) -> Iterator[Opened]:
    opened = open_page(browser, file, SIZES["desk"], "light")
    yield opened
    opened.page.close()


OPEN_ALL = "document.querySelectorAll('details').forEach(details => details.open = true)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def test_the_page_asks_for_nothing_and_complains_of_nothing(opened: Opened, file: Path) -> None:
    opened.ask(OPEN_ALL)
    assert opened.requests == [file.as_uri()]
    assert opened.complaints == []


def test_the_page_fits_with_all_of_it_open_or_closed(opened: Opened) -> None:
    assert opened.ask(OVERFLOW) == 0
    opened.ask(OPEN_ALL)
    assert opened.ask(OVERFLOW) == 0
    assert opened.ask("document.querySelectorAll('details[open] table').length") > 10


def test_everybody_can_use_it(opened: Opened) -> None:
    opened.ask(OPEN_ALL)
    found = Axe().run(opened.page).response
    serious = [
        f"{one['id']} at {node['target']}: {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == []
    assert {"color-contrast", "document-title", "scrollable-region-focusable"} <= {one["id"] for one in found["passes"]}


def test_the_keyboard_reaches_and_opens_every_detail(desk: Opened) -> None:
    many = desk.ask("document.querySelectorAll('summary').length")
    reached = set()
    for _ in range(20 * many):
        desk.page.keyboard.press("Tab")
        index = desk.ask("[...document.querySelectorAll('summary')].indexOf(document.activeElement)")
        if index >= 0:
            if index not in reached:
                outline = desk.ask("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"the focus does not show on summary {index}"
                desk.page.keyboard.press("Enter")
                assert desk.ask("document.activeElement.parentElement.open")
            reached.add(index)
        if len(reached) == many:
            break
    assert reached == set(range(many))


def test_the_first_screen_holds_the_answer_and_two_pictures(desk: Opened) -> None:
    heading = desk.page.locator("h1").bounding_box()
    assert heading is not None
    assert heading["y"] < 100
    plots = desk.page.locator("header svg.plot")
    assert plots.count() == 2
    for plot in plots.all():
        box = plot.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800


def test_script_tags_of_stores_are_text(desk: Opened) -> None:
    assert desk.ask("document.scripts.length") == 1  # the page's own
    assert desk.ask("document.body.textContent").count(SCRIPT) >= 6  # cases, peers, studies
    assert desk.complaints == []


def test_a_script_that_got_in_would_not_run(desk: Opened) -> None:
    desk.ask("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    desk.page.wait_for_function("document.images.length === 1 && document.images[0].complete")
    assert desk.ask("window.ran") is None
    assert any("Content Security Policy" in complaint for complaint in desk.complaints)


def test_claims_and_requirements_are_searched_filtered_and_sorted(desk: Opened) -> None:
    rows = "[...document.querySelectorAll('table[data-find]')[0].tBodies[0].rows].filter(row => !row.hidden)"
    everyone = desk.ask(f"{rows}.length")
    search = desk.page.get_by_role("searchbox", name="Search the claims")
    search.fill("restart")
    assert 0 < desk.ask(f"{rows}.length") < everyone
    search.fill("")
    desk.page.get_by_role("combobox").first.select_option("refuted")
    assert desk.ask(f"{rows}.map(row => row.id)") == ["D33"]
    desk.page.get_by_role("combobox").first.select_option("")
    number = desk.page.get_by_role("button", name="No.")
    number.click()
    number.click()
    assert desk.ask(f"{rows}[0].id") > "D40"


def test_a_link_into_a_fold_opens_it(desk: Opened) -> None:
    assert not desk.page.locator("#A-1").is_visible()
    desk.ask("location.hash = '#A-1'")
    desk.page.locator("#A-1").wait_for(state="visible")


def test_without_scripts_the_page_is_complete_and_links_to_the_other_language(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("#D33").is_visible()
    assert page.get_by_role("searchbox").count() == 0
    page.get_by_role("link", name="中文").click()
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert page.get_by_role("heading", name="文档的陈述").is_visible()
    context.close()


def test_it_prints_without_what_only_a_screen_needs(desk: Opened) -> None:
    desk.page.emulate_media(media="print", color_scheme="dark")
    assert desk.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not desk.page.locator("nav").is_visible()
    assert desk.ask("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
    assert len(desk.page.pdf()) > 10_000
