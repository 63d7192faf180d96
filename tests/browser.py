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


def accessibility_faults(tab, mode, part="html"):
    """What axe finds on the page as it stands, or on a part of it, in light or dark mode."""
    tab.evaluate("mode => document.documentElement.dataset.theme = mode", mode)
    tab.evaluate(Axe().axe_script)
    result = tab.evaluate("([part, options]) => axe.run(part, options)", [part, AXE_OPTIONS])
    rules = result["passes"] + result["violations"] + result["inapplicable"] + result["incomplete"]
    assert {"wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"} <= {tag for rule in rules for tag in rule["tags"]}
    return [
        (mode, violation["id"], [node["html"] for node in violation["nodes"]])
        for violation in result["violations"]
    ]
