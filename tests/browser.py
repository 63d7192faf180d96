"""The built book in a real browser: a server for its pages, Debian's chromium, one tab for a test."""

import functools
import http.server
import shutil
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from chapters import ROOT

HTML = ROOT / "_build" / "html"
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_browser = [
    pytest.mark.skipif(not HTML.exists(), reason="the book is not built: make book"),
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt install chromium"),
]

# Rules for WCAG 2.0 to 2.2, A and AA, and axe's own of good practice. One of them is off by itself.
# What passes is not listed in full: on a chapter that would be tens of megabytes. And axe need not fetch the
# style sheets again: it asks for some at addresses where they are not.
AXE_OPTIONS = {
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,
}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    handler = functools.partial(QuietHandler, directory=HTML)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(browser):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    yield tab
    tab.close()


# Most elements of a chapter are words of code, in a few dozen colors, and each takes axe a while.
LEAVE_ONE_WORD_OF_EACH_COLOR = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight span[class]")) {
        const place = word.closest("[class*=highlight-]")?.className + !!word.closest(".admonition");
        const color = word.className + place;
        if (!word.checkVisibility()) continue;  // axe looks at none of these, so none may stand for others
        if (seen.has(color)) word.replaceWith(...word.childNodes);
        seen.add(color);
    }
}"""


def accessibility_faults(tab, mode, part="html"):
    """What axe finds on the page as it stands, or on a part of it, in light or dark mode."""
    tab.evaluate("mode => document.documentElement.dataset.theme = mode", mode)
    tab.evaluate(LEAVE_ONE_WORD_OF_EACH_COLOR)
    tab.evaluate(Axe().axe_script)
    result = tab.evaluate("([part, options]) => axe.run(part, options)", [part, AXE_OPTIONS])
    rules = result["passes"] + result["violations"] + result["inapplicable"] + result["incomplete"]
    assert {"wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"} <= {tag for rule in rules for tag in rule["tags"]}
    return [
        (mode, violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in result["violations"]
    ]


def assert_still_picture_stands_in(page, browser, address, name):
    """On paper, and for readers without JavaScript, a widget that is alive on the page is a picture."""
    still = page.locator(f"#{name} .widget-still img")
    live = page.locator(f"#{name} > :not(.widget-still)")
    assert [still.is_visible(), live.is_visible()] == [False, True]
    page.emulate_media(media="print")
    assert [still.is_visible(), live.is_visible()] == [True, False]
    page.emulate_media(media="screen")
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(address)
        still = plain.locator(f"#{name} .widget-still img")
        still.scroll_into_view_if_needed()
        assert still.is_visible()
        assert still.evaluate("image => image.decode().then(() => image.naturalWidth)") > 600
        assert len(still.get_attribute("alt")) > 100
        assert "JavaScript" in plain.locator(f"#{name} .widget-still").text_content()


@pytest.fixture
def phone(browser):
    """A tab of a phone: it hears fingers."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    yield context.new_page()
    context.close()


def swipe(phone, start, by, steps=10):
    """One finger down on a point of the screen, moved by (right, down) pixels and lifted; returns how far the
    page has scrolled."""
    before = phone.evaluate("scrollY")
    finger = phone.context.new_cdp_session(phone)

    def send(kind, *points):
        touches = [{"x": x, "y": y} for x, y in points]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", start)
    for step in range(1, steps + 1):
        send("touchMove", [a + b * step / steps for a, b in zip(start, by, strict=True)])
        phone.wait_for_timeout(16)
    send("touchEnd")
    finger.detach()
    phone.wait_for_timeout(200)
    return phone.evaluate("scrollY") - before


def middle_of(phone, selector, down=400):
    """Where a part's middle is on the screen, once it was scrolled `down` pixels below the upper edge."""
    phone.evaluate(
        """([selector, down]) => {
            const box = document.querySelector(selector).getBoundingClientRect();
            scrollBy({top: box.top + box.height / 2 - down, behavior: "instant"});
        }""",
        [selector, down],
    )
    box = phone.locator(selector).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
