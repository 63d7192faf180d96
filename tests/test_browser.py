"""What every page of the built book does in a real browser. Skipped where there is none."""

import pytest
from axe_core_python.sync_playwright import Axe

from browser import HTML, needs_browser

PAGES = [
    path.relative_to(HTML).as_posix()
    for path in sorted(HTML.rglob("*.html"))
    if "_static" not in path.parts and path != HTML / "index.html"  # that one only redirects
]

pytestmark = needs_browser


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
