"""What every page of the built book does in a real browser. Skipped where there is none."""

import re
from urllib.parse import urlsplit

import pytest

from browser import HTML, accessibility_faults, needs_browser

PAGES = [
    path.relative_to(HTML).as_posix()
    for path in sorted(HTML.rglob("*.html"))
    if "_static" not in path.parts and path != HTML / "index.html"  # that one only redirects
]
CHAPTER = "book/03_elbo.html"
HEAVIEST = 3_000_000  # bytes, of a page with all that it loads, its live parts too
NARROWEST = 320  # CSS pixels: WCAG 2.2, 1.4.10 (reflow)
PAPER = {"width": 680, "height": 1000}  # A4 between margins of 15 mm

pytestmark = needs_browser


def open_page(tab, address):
    tab.goto(address)
    tab.evaluate("window.MathJax?.startup?.promise")


CUT_FORMULAS = """() => {
    for (const box of document.querySelectorAll(".toggle-hidden")) box.classList.remove("toggle-hidden");
    return [...document.querySelectorAll(".bd-article mjx-container[display=true]")]
        .filter(formula => formula.scrollWidth > formula.clientWidth + 1 && formula.clientWidth > 0)
        .map(formula => `a formula of ${formula.scrollWidth} pixels: ${formula.textContent}`);
}"""

MARKS_ALONE = """() => {
    const box = (text, start) => {
        const range = document.createRange();
        range.setStart(text, start);
        range.setEnd(text, start + 1);
        return range.getBoundingClientRect();
    };
    const apart = (formula, mark) => mark.width && (mark.top > formula.bottom || mark.bottom < formula.top);
    return [...document.querySelectorAll(".bd-article span.math")].filter(span => {
        const [before, after] = [span.previousSibling, span.nextSibling];
        const formula = span.querySelector("mjx-math")?.getBoundingClientRect();
        if (!formula?.width) return false;
        return (/[(\\[]$/.test(before?.data) && apart(formula, box(before, before.length - 1)))
            || (/^[.,:;)\\]]/.test(after?.data) && apart(formula, box(after, 0)));
    }).map(span => `a mark and its formula on two lines: ${span.textContent}`);
}"""

HEADINGS_AS_LARGE_AS_THE_NEXT_LEVEL = """() => {
    const heading = level => document.querySelector(`.bd-article ${level}`);
    const size = level => parseFloat(getComputedStyle(heading(level)).fontSize);
    const levels = ["h1", "h2", "h3"].filter(heading);
    return levels.slice(1).filter((level, i) => size(level) >= size(levels[i]))
        .map(level => `${level} of ${size(level)} pixels on a screen of ${innerWidth}`);
}"""


def start_live_parts(tab):
    """Scroll as a reader does: to every live part, and to the end."""
    for name in tab.locator(".widget").evaluate_all("boxes => boxes.map(box => box.id)"):
        tab.locator(f"#{name}").scroll_into_view_if_needed()
        tab.wait_for_function("name => document.getElementById(name).widget", arg=name)
    tab.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    tab.wait_for_load_state("networkidle")
    tab.evaluate("scrollTo({top: 0, behavior: 'instant'})")


@pytest.mark.parametrize("page", PAGES)
def test_page_is_quiet_complete_light_accessible_and_fits_a_phone(page, tab, site):
    faults, requests = [], []

    def hear(message):
        if message.type in ("warning", "error"):
            faults.append(message.text)

    def see(request):
        if not request.url.startswith((site, "data:", "blob:")):
            faults.append(f"asks another host: {request.url}")

    tab.on("console", hear)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", see)
    tab.on("requestfinished", lambda request: requests.append(request))
    tab.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    open_page(tab, site + page)
    tab.wait_for_load_state("networkidle")
    start_live_parts(tab)
    files = {HTML / urlsplit(request.url).path.lstrip("/") for request in requests}
    if (weight := sum(file.stat().st_size for file in files)) > HEAVIEST:
        faults.append(f"weighs {weight:,} bytes")
    tab.add_style_tag(content="* { transition: none !important }")  # axe must not see half a colour
    assert tab.locator("mjx-merror").count() == 0, "a formula that MathJax does not understand"
    faults += accessibility_faults(tab, "light") + accessibility_faults(tab, "dark")
    for width in (390, NARROWEST):
        tab.set_viewport_size({"width": width, "height": 844})
        if (needed := tab.evaluate("document.documentElement.scrollWidth")) > width:
            faults.append(f"{needed} pixels wide on a screen of {width}")
        if width == 390:
            faults += tab.evaluate(CUT_FORMULAS) + tab.evaluate(MARKS_ALONE)
        faults += tab.evaluate(HEADINGS_AS_LARGE_AS_THE_NEXT_LEVEL)
    assert faults == []


@pytest.mark.parametrize("page", ["book/index.html", "book/02_variational_inference.html"])
def test_page_works_from_a_file_without_any_server(page, tab):
    faults = []
    tab.on("console", lambda message: message.type in ("warning", "error") and faults.append(message.text))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    open_page(tab, (HTML / page).as_uri())
    assert faults == []
    formulas = tab.locator(".bd-article span.math, .bd-article div.math").count()
    assert tab.locator(".bd-article mjx-container").count() >= formulas
    broken = "image => image.complete && !image.naturalWidth"
    assert tab.evaluate(f"[...document.images].filter({broken}).map(image => image.src)") == []


def test_landing_page_shows_what_the_book_does_in_one_screen(tab, site):
    tab.set_viewport_size({"width": 1280, "height": 800})
    open_page(tab, site + "book/index.html")
    for part in (".repair", ".landing-plane img", ".landing-doors", ".landing-facts", ".chapter-path.wide"):
        box = tab.locator(part).bounding_box()
        assert box["y"] >= 0, part
        assert box["y"] + box["height"] <= 800, f"{part} ends at {box['y'] + box['height']:.0f}"


# What a reader of paper cannot use.
OFF_PAPER = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-area, .copybtn"
WIDER_THAN_PAPER = """
[...document.querySelectorAll('.bd-article *')].filter(element => {
    const box = element.getBoundingClientRect();
    const hidden = element.closest('mjx-assistive-mml, details:not([open]), .toggle-hidden');
    const cut = element.matches('pre') && element.scrollWidth > element.clientWidth + 1;
    return !hidden && (cut || box.right > innerWidth + 1);
}).map(element => element.outerHTML.slice(0, 200))
"""


@pytest.mark.parametrize("page", [CHAPTER, "book/08_anomaly_correction.html", "book/index.html"])
def test_page_prints_without_its_frame_and_nothing_is_cut(page, tab, site):
    tab.set_viewport_size(PAPER)
    open_page(tab, site + page)
    tab.emulate_media(media="print")
    assert [part for part in tab.locator(OFF_PAPER).all() if part.is_visible()] == []
    assert tab.locator(".bd-article h1").first.is_visible()
    assert tab.evaluate(WIDER_THAN_PAPER) == []


def test_chapter_prints_in_light_mode_and_with_its_boxes_open(tab, site):
    open_page(tab, site + CHAPTER)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.evaluate("""window.printed = {}; addEventListener('beforeprint', () => {
        printed.theme = document.documentElement.dataset.theme;
        printed.closed = document.querySelectorAll('.toggle-hidden').length;
    })""")
    pdf = tab.pdf(format="A4")
    assert tab.evaluate("printed") == {"theme": "light", "closed": 0}
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert 10 < len(re.findall(rb"/Type\s*/Page\b", pdf)) < 60


def test_keyboard_reaches_and_opens_everything(tab, site):
    open_page(tab, site + CHAPTER)
    tab.keyboard.press("Tab")
    skip = tab.locator(":focus")
    assert skip.text_content().strip() == "Skip to main content"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main-content")

    fold = tab.locator("details.hide").first
    fold.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert fold.locator("pre").is_visible()

    box = tab.locator(".admonition.dropdown").first
    assert not box.locator("p").nth(1).is_visible()
    box.locator("button").focus()
    tab.keyboard.press("Enter")
    assert box.locator("p").nth(1).is_visible()


def test_keyboard_shows_where_it_is(tab, site):
    open_page(tab, site + CHAPTER)
    outline = "(style => [style.outlineStyle, style.outlineWidth])(getComputedStyle(document.activeElement))"
    for _ in range(40):
        tab.keyboard.press("Tab")
        assert tab.evaluate(outline) == ["solid", "3px"], tab.evaluate("document.activeElement.outerHTML")
