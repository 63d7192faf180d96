"""Leaves out of the rendered pages what the theme and MathJax load into each of them for nothing."""

import re
from pathlib import Path

from fontTools import subset

ICONS_AS_SCRIPT = re.compile(r"\n?<(?:script|link)[^>]*scripts/fontawesome\.js[^>]*>(?:</script>)?")
FOR_SEARCHING = "searchtools|language_data|searchindex"
SEARCH_SCRIPTS = re.compile(rf'\s*<script src="[^"]*(?:{FOR_SEARCHING})\.js[^"]*"></script>')

# In the theme's style sheet: the rules that give each of 1,900 icons its letter, and the icons' fonts.
ICON_RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"[^"]*"\}')
ICON_LETTER = re.compile(r'"\\([ef][0-9a-f]{3})"')
ICON_FONT = re.compile(r'src:url\(([^)]*?)\.woff2\) format\("woff2"\),url\(\1\.ttf\) format\("truetype"\)')

# MathJax in pieces: all that its usual bundle has, but for the menu on a formula's right click, which is a
# third of it, and with which the keyboard stops at every formula.
MATHJAX = ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]


def load_mathjax_in_pieces(app, config):
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = {**(config.mathjax3_config or {}), "loader": {"load": MATHJAX}}


def drop_scripts(folder):
    """The icons come twice, as a font and as 1.5 MB of script: the font will do. And the index for searching
    is needed by the page that shows what was found, and by no other.
    """
    for page in folder.rglob("*.html"):
        text = ICONS_AS_SCRIPT.sub("", page.read_text(encoding="utf-8"))
        if page.stem != "search":
            text = SEARCH_SCRIPTS.sub("", text)
        page.write_text(text, encoding="utf-8")


def drop_icons(folder):
    """Of the icons, keep those that a page, a script or a style sheet names."""
    files = [*folder.rglob("*.html"), *folder.glob("_static/**/*.js")]
    texts = (file.read_text(encoding="utf-8") for file in files if file.name != "fontawesome.js")
    used = {name for text in texts for name in re.findall(r"\bfa-[a-z0-9-]+", text)}

    def keep_used(rule):
        return rule[0] if used & set(re.findall(r"fa-[a-z0-9-]+", rule[1])) else ""

    sheet = folder / "_static" / "styles" / "pydata-sphinx-theme.css"
    css = ICON_RULE.sub(keep_used, sheet.read_text(encoding="utf-8"))
    others = (other for other in folder.glob("_static/**/*.css") if other != sheet)
    sheets = [css, *(other.read_text(encoding="utf-8") for other in others)]
    letters = [int(code, 16) for text in sheets for code in ICON_LETTER.findall(text)]
    for path in ICON_FONT.findall(css):
        write_letters(sheet.parent / f"{path}.ttf", letters)
    sheet.write_text(ICON_FONT.sub(r'src:url(\1.woff) format("woff")', css), encoding="utf-8")


def write_letters(font, letters):
    """Write the font's part that draws these letters, as a .woff beside it."""
    options = subset.Options(flavor="woff")
    loaded = subset.load_font(font, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=letters)
    subsetter.subset(loaded)
    subset.save_font(loaded, font.with_suffix(".woff"), options)


def lighten(app, exception):
    if exception is None and app.builder.format == "html":
        drop_scripts(Path(app.outdir))
        drop_icons(Path(app.outdir))


def setup(app):
    app.connect("config-inited", load_mathjax_in_pieces, priority=900)  # after myst-nb wrote its options
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
