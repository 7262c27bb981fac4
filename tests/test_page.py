"""The page in a real browser: whether it fits, needs nothing else, and can be used by everybody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from reports.render.pages import PAGES, write_pages
from tests.report_inputs import SCRIPT, everything

pytestmark = pytest.mark.slow

OPEN_ALL = "document.querySelectorAll('details').forEach(details => details.open = true)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        assert os.environ.get("CONFORMANCE_REQUIRE_BROWSER") != "1", "there has to be a browser on the PATH"
        pytest.skip("no browser is on the PATH")
    with sync_playwright() as playwright:
        # In a container it runs as root, where its sandbox does not work; what it opens is our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(everything(), tmp_path_factory.mktemp("page"))


@pytest.fixture
def desk(browser: Browser, file: Path) -> Iterator[Page]:
    with browser.new_page(viewport={"width": 1440, "height": 800}) as page:
        page.goto(file.as_uri())
        yield page


@pytest.mark.parametrize("language", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_it_fits_asks_for_nothing_and_everybody_can_use_it(
    browser: Browser, file: Path, language: str, width: int, scheme: Literal["dark", "light"]
) -> None:
    said: list[str] = []
    with browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.on("request", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(file.with_name(PAGES[language]).as_uri())
        assert page.evaluate(OVERFLOW) == 0
        page.evaluate(OPEN_ALL)
        assert page.evaluate(OVERFLOW) == 0
        assert said == [file.with_name(PAGES[language]).as_uri()]
        found = Axe().run(page).response
    assert [f"{one['id']}: {one['nodes'][0]['target']}" for one in found["violations"]] == []
    assert "color-contrast" in {one["id"] for one in found["passes"]}


def test_the_first_screen_holds_both_answers_and_pictures(desk: Page) -> None:
    for shown in (*desk.locator("h1, header .lead, header figure").all(), desk.locator("header svg.plot")):
        box = shown.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800


def test_text_of_stores_is_text_and_a_script_that_got_in_would_not_run(desk: Page) -> None:
    assert (desk.locator("body").text_content() or "").count(SCRIPT) >= 6  # cases, peers, studies
    desk.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    desk.wait_for_function("document.images.length === 1 && document.images[0].complete")
    assert desk.evaluate("window.ran") is None


def test_without_scripts_folds_open_by_link_and_by_key_and_the_other_language_is_there(
    browser: Browser, file: Path
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        assert page.locator("#D33").is_visible()
        assert not page.locator("#D05").is_visible()
        page.locator("#held > summary").press("Enter")
        assert page.locator("#D05").is_visible()
        page.goto(f"{file.as_uri()}#B-1")
        page.locator("#B-1").wait_for()
        page.get_by_role("link", name="中文").click()
        assert page.get_by_role("heading", name="文档的说法").is_visible()


def test_it_prints_without_what_only_a_screen_needs(desk: Page) -> None:
    desk.emulate_media(media="print", color_scheme="dark")
    assert desk.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not desk.locator("nav").is_visible()
    assert desk.evaluate("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
