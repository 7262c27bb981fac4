"""The page in a real browser: whether it fits, needs nothing else, and can be used by everybody."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from reports.__main__ import PUBLISHED
from reports.analyse.report import read_report
from reports.render.pages import PAGES, write_pages
from tests.report_inputs import SCRIPT, everything

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

OPEN_ALL = "document.querySelectorAll('details').forEach(details => details.open = true)"
CROSSED = """() => [...document.querySelectorAll('svg.plot')].flatMap(plot => {
  const boxes = [...plot.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
  return [...plot.querySelectorAll('line.curve, line.leader, line.gap')].flatMap(line => {
    const place = name => line[name].baseVal.value, all = plot.getBoundingClientRect()
    return boxes.filter(([, box]) => [...Array(101).keys()].some(step => {
      const x = all.x + place('x1') + (place('x2') - place('x1')) * step / 100
      const y = all.y + place('y1') + (place('y2') - place('y1')) * step / 100
      return box.left < x && x < box.right && box.top + 3 < y && y < box.bottom - 3
    })).map(([text]) => text)
  })
})"""
"""The words in a chart that a curve, or what joins a mark to its range, runs through."""
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


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pages(read_report(ROOT / PUBLISHED), tmp_path_factory.mktemp("published"))


@contextmanager
def opened(browser: Browser, file: Path, language: str = "en", height: int = 900) -> Iterator[Page]:
    with browser.new_page(viewport={"width": 1440, "height": height}) as page:
        page.goto(file.with_name(PAGES[language]).as_uri())
        yield page


@pytest.fixture
def desk(browser: Browser, file: Path) -> Iterator[Page]:
    with opened(browser, file, height=800) as page:
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


@pytest.mark.parametrize("language", PAGES)
def test_the_first_screen_holds_the_thesis_the_answers_the_chart_and_five_differences(
    browser: Browser, published: Path, language: str
) -> None:
    with opened(browser, published, language) as page:
        last = {"h1": 0, ".tile": 2, "header svg.plot": 0, "header .differences tbody tr": 4}
        for selector, index in last.items():
            box = page.locator(selector).nth(index).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 900
        assert page.evaluate("document.documentElement.scrollHeight") <= 5_300


def test_the_navigation_stays_and_hides_no_heading(desk: Page) -> None:
    for link in desk.locator("nav a[href^='#']").all():
        link.click()
        heading = desk.locator(link.get_attribute("href") or "").bounding_box()
        bar = desk.locator("nav").bounding_box()
        assert heading is not None
        assert bar is not None
        assert bar["y"] == 0
        assert heading["y"] >= bar["height"]


def test_the_thesis_comes_first_and_no_line_of_a_chart_runs_through_words(browser: Browser, published: Path) -> None:
    with opened(browser, published) as page:
        assert page.locator("#claims ~ .scroll tbody tr").first.get_attribute("id") == "D33"
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(CROSSED) == []


def test_chinese_has_no_stray_spaces(browser: Browser, published: Path) -> None:
    with opened(browser, published, "zh") as page:
        page.evaluate(OPEN_ALL)
        text = page.locator("body").inner_text()
    assert re.findall(r"[\u3001-\u9fff\uff01-\uff1f] +[\u3001-\u9fff\uff01-\uff1f]", text) == []


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
