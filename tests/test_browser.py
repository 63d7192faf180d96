"""What every page of the built book does in a real browser. Skipped where there is none."""

import functools
import http.server
import shutil
import threading

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from chapters import ROOT

HTML = ROOT / "_build" / "html"
PAGES = [
    path.relative_to(HTML).as_posix()
    for path in sorted(HTML.rglob("*.html"))
    if "_static" not in path.parts and path != HTML / "index.html"  # that one only redirects
]
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

pytestmark = [
    pytest.mark.skipif(not PAGES, reason="the book is not built: make book"),
    pytest.mark.skipif(CHROMIUM is None, reason="no browser here: apt install chromium"),
]


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


def accessibility_faults(tab, mode):
    tab.evaluate("mode => document.documentElement.dataset.theme = mode", mode)
    return [
        (mode, violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in Axe().run(tab)["violations"]
    ]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_quiet_complete_accessible_and_fits_a_phone(page, tab, site):
    faults = []

    def hear(message):
        if message.type in ("warning", "error"):
            faults.append(message.text)

    def see(request):
        if not request.url.startswith((site, "data:", "blob:")):
            faults.append(f"asks another host: {request.url}")

    tab.on("console", hear)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.on("request", see)
    tab.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    tab.goto(site + page)
    tab.add_style_tag(content="* { transition: none !important }")  # axe must not see half a colour
    tab.evaluate("window.MathJax?.startup?.promise")
    assert tab.locator("mjx-merror").count() == 0, "a formula that MathJax does not understand"
    faults += accessibility_faults(tab, "light") + accessibility_faults(tab, "dark")
    tab.set_viewport_size({"width": 390, "height": 844})
    if (width := tab.evaluate("document.documentElement.scrollWidth")) > 390:
        faults.append(f"{width} pixels wide on a phone")
    assert faults == []
