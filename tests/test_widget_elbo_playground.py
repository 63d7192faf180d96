"""The ELBO playground of chapter 3, in the built book: its numbers against SciPy's, by keyboard and mouse."""

import re

import numpy as np
import pytest
from scipy.stats import norm

import vaelib
from browser import (
    accessibility_faults,
    assert_still_picture_stands_in,
    middle_of,
    needs_browser,
    swipe,
)
from export_elbo_playground import MODELS, START, STILL, X, parts, summit

pytestmark = needs_browser

PAGE = "book/03_elbo.html"
NATS = 1e-6  # how far a number of the page may be from SciPy's, relative where it is larger than 1
LINE = vaelib.LinearGaussian([[1.0], [0.5]], [0, 0], 0.5)  # the chapter's `line`


def open_playground(tab, site):
    tab.goto(site + PAGE)
    tab.locator("#elbo-playground").scroll_into_view_if_needed()
    tab.wait_for_function("document.getElementById('elbo-playground').widget")


@pytest.fixture(scope="module")
def page(browser, site):
    page = browser.new_page(reduced_motion="reduce")
    open_playground(page, site)
    yield page
    page.close()


@pytest.fixture
def playground(page):
    """The page as it opens, loaded once for all tests."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.mouse.up()  # where a test failed in the middle of a drag
    choose(page, "straight")
    page.get_by_role("button", name="Reset").click()
    return page


def state(tab):
    return tab.evaluate("document.getElementById('elbo-playground').widget.state")


def choose(tab, name):
    tab.locator(f"#elbo-playground input[value={name}]").check()


def set_sliders(tab, **values):
    tab.evaluate(
        """(values) => {
          for (const [name, value] of Object.entries(values)) {
            const slider = document.getElementById(`elbo-${name}`);
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }""",
        values,
    )


def press_climb(tab):
    tab.get_by_role("button", name="Climb the ELBO").click()
    tab.wait_for_function("!document.getElementById('elbo-playground').widget.state.climbing")
    now = state(tab)
    return now["q"]["mean"], now["q"]["logVar"], now["parts"]["klToPosterior"]


def status(tab, pattern):
    """The status, once it says something that matches; it waits until nothing moves."""
    box = tab.locator("#elbo-playground [role=status]")
    box.filter(has_text=re.compile(pattern)).wait_for(timeout=3000)
    return box.text_content()


def shown_numbers(text):
    return [float(number.replace("−", "-")) for number in re.findall(r"−?\d+\.\d+", text)]


@pytest.mark.parametrize("name", ["straight", "bent"])
def test_every_number_agrees_with_scipys_quadrature(name, playground):
    choose(playground, name)
    rng = np.random.default_rng(0)
    settings = rng.uniform([-3, -4, -3], [3, 2, 3], size=(25, 3))
    corners = [(-3, -4, -3), (3, 2, 3), (-3, 2, 3), (3, -4, -3), (0, 0, 1.6)]
    for mean, log_var, x1 in [*(settings / 0.05).round() * 0.05, *corners]:
        set_sliders(playground, mean=mean, logVar=log_var, x1=x1)
        now = state(playground)
        assert now["q"] == pytest.approx({"mean": mean, "logVar": log_var})
        assert now["x"] == pytest.approx([x1, X[1]])
        expected = parts(MODELS[name], now["x"], mean, log_var)
        shown = {key: now["parts"][key] for key in expected}
        assert shown == pytest.approx(expected, rel=NATS, abs=NATS)
        assert abs(now["parts"]["residual"]) < NATS  # ELBO + KL = log p(x), each computed on its own


def test_straight_decoder_is_the_chapters_model(playground):
    set_sliders(playground, mean=0.4, logVar=-2)
    now = state(playground)
    x, mean, log_var = np.array([[1.6, 0.1]]), np.array([[0.4]]), np.array([[-2.0]])
    assert now["x"] == x[0].tolist()
    assert now["parts"]["logEvidence"] == pytest.approx(LINE.log_evidence(x)[0], abs=NATS)
    assert now["parts"]["reconstruction"] == pytest.approx(LINE.reconstruction(x, mean, log_var)[0], abs=NATS)
    assert now["parts"]["klToPosterior"] == pytest.approx(LINE.kl_to_posterior(x, mean, log_var)[0], abs=NATS)
    kl = vaelib.gaussian.kl_to_standard_normal(mean, log_var)[0]
    assert now["parts"]["klToPrior"] == pytest.approx(float(kl), abs=1e-5)  # float32


@pytest.mark.parametrize("name", ["straight", "bent"])
def test_curves_have_the_right_shapes(name, playground):
    choose(playground, name)
    set_sliders(playground, mean=0.6, logVar=-0.8)
    lines = playground.evaluate(
        """() => {
          const find = (curve) => document.querySelector(`#elbo-playground .curves path.curve.${curve}`);
          const ticks = [...document.querySelectorAll("#elbo-playground .curves text[text-anchor=middle]")];
          const at = (text) => Number(ticks.find((tick) => tick.textContent === text).getAttribute("x"));
          const names = ["prior", "likelihood", "posterior", "q"];
          const drawn = names.map((name) => [name, find(name).getAttribute("d")]);
          return { zero: at("0"), three: at("3"), ...Object.fromEntries(drawn) };
        }"""
    )
    model = MODELS[name]
    log_evidence = model.log_evidence(X)
    densities = {
        "prior": norm.pdf,
        "likelihood": lambda z: np.exp(model.log_likelihood(X, z)),
        "posterior": lambda z: np.exp(model.log_joint(X, z) - log_evidence),
        "q": lambda z: norm.pdf(z, 0.6, np.exp(-0.4)),
    }
    for curve, density in densities.items():
        points = np.array([pair.split() for pair in re.split("[ML]", lines[curve])[1:]], dtype=float)
        z = 3 * (points[:, 0] - lines["zero"]) / (lines["three"] - lines["zero"])
        height = points[:, 1].max() - points[:, 1]
        expected = density(z)
        assert np.allclose(height / height.max(), expected / expected.max(), atol=0.02), curve
        if curve == "prior":
            pixels = height.max() / expected.max()  # one vertical scale for all four curves
        expected = expected / np.trapezoid(expected, z)  # the likelihood is scaled to area one
        assert height.max() / pixels == pytest.approx(expected.max(), rel=0.02), curve


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("name", "settings"), [("straight", (0, 0, 1.6)), ("bent", (-2, 1.5, -1))])
def test_bars_add_up_on_one_axis(name, settings, width, playground):
    playground.set_viewport_size({"width": width, "height": 844})
    choose(playground, name)
    set_sliders(playground, **dict(zip(("mean", "logVar", "x1"), settings, strict=True)))
    playground.wait_for_timeout(100)
    bars = playground.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#elbo-playground .bar")].map((bar) => {
          const box = bar.getBBox();
          return [bar.classList[1], [box.x, box.x + box.width]];
        }))"""
    )
    truth = playground.locator("#elbo-playground .truth").get_attribute("d")
    truth = float(re.match(r"M([\d.]+)", truth)[1])
    now = state(playground)["parts"]
    (low, zero) = bars["elbo"]
    pixels = (zero - low) / -now["elbo"]  # for one nat
    near = {"abs": 0.2}
    assert bars["reconstruction"] == pytest.approx([zero + pixels * now["reconstruction"], zero], **near)
    assert bars["prior-kl"] == pytest.approx([low, bars["reconstruction"][0]], **near)
    assert bars["gap"] == pytest.approx([low, truth], **near)
    assert bars["evidence"] == pytest.approx([truth, zero], **near)
    assert truth == pytest.approx(zero + pixels * now["logEvidence"], **near)

    values = playground.locator("#elbo-playground .bars .value").all_text_contents()
    keys = ["reconstruction", "klToPrior", "elbo", "klToPosterior", "logEvidence"]
    assert shown_numbers(" ".join(values)) == pytest.approx([now[key] for key in keys], abs=5.1e-4)
    for row, terms in [("two-terms", keys[:3]), ("identity", keys[2:])]:
        text = playground.locator(f"#elbo-playground .{row}").text_content()
        first, second, total = text.replace(" + ", "|").replace(" − ", "|").replace(" = ", "|").split("|")
        written = shown_numbers(" ".join([first, second, total]))
        assert written == pytest.approx([now[key] for key in terms], abs=5.1e-4)


def test_keyboard_alone_moves_everything(playground):
    playground.locator("#elbo-playground input[value=straight]").focus()
    playground.keyboard.press("ArrowRight")
    assert state(playground)["name"] == "bent"
    playground.keyboard.press("Tab")
    playground.keyboard.press("Tab")
    playground.keyboard.press("Tab")
    for _ in range(4):
        playground.keyboard.press("ArrowRight")
    playground.keyboard.press("Tab")
    playground.keyboard.press("ArrowLeft")
    playground.keyboard.press("Tab")
    playground.keyboard.press("End")
    now = state(playground)
    assert now["q"] == pytest.approx({"mean": START[0] + 0.2, "logVar": START[1] - 0.05})
    assert now["x"] == pytest.approx([3, 0.1])
    assert playground.locator("#elbo-mean").get_attribute("aria-valuetext") == "−0.30"
    expected = parts(MODELS["bent"], now["x"], *now["q"].values())
    assert now["parts"]["klToPosterior"] == pytest.approx(expected["klToPosterior"], abs=NATS)

    playground.keyboard.press("Shift+Tab")
    playground.keyboard.press("Shift+Tab")
    playground.keyboard.press("Shift+Tab")
    playground.keyboard.press("Enter")  # reset
    now = state(playground)
    assert (now["q"]["mean"], now["q"]["logVar"], *now["x"]) == pytest.approx((*START, *X))
    playground.keyboard.press("Shift+Tab")
    playground.keyboard.press("Space")  # climb
    assert state(playground)["steps"] > 10


def test_mouse_drags_a_slider(playground):
    box = playground.locator("#elbo-mean").bounding_box()
    middle = box["y"] + box["height"] / 2
    playground.mouse.move(box["x"] + 0.4 * box["width"], middle)
    playground.mouse.down()
    playground.mouse.move(box["x"] + box["width"] / 2, middle, steps=4)
    playground.mouse.up()
    now = state(playground)
    assert now["q"]["mean"] == pytest.approx(0, abs=0.05)
    expected = parts(MODELS["straight"], X, *now["q"].values())
    assert now["parts"]["elbo"] == pytest.approx(expected["elbo"], abs=NATS)


def test_mouse_drags_the_peak_and_it_stays_under_the_pointer(playground):
    dot = playground.locator("#elbo-playground .handle circle:not(.grip)")

    def center():
        box = dot.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    x, y = center()
    playground.mouse.move(x, y)
    playground.mouse.down()
    playground.mouse.move(x + 60, y + 40, steps=5)
    assert center() == pytest.approx((x + 60, y + 40), abs=2)
    playground.mouse.move(x + 60, y + 80)
    lower = state(playground)["q"]
    playground.mouse.up()
    assert lower["mean"] > START[0] + 0.5
    assert lower["logVar"] > START[1] + 0.5  # a lower peak is a wider q
    playground.mouse.move(x, y)
    assert state(playground)["q"] == lower  # let go


def test_climb_reaches_the_exact_posterior_of_the_straight_decoder(playground):
    for start in [(-3, 2), (2, -4)]:
        set_sliders(playground, mean=start[0], logVar=start[1])
        mean, log_var, gap = press_climb(playground)
        exact_mean, covariance = LINE.posterior([X])
        assert mean == pytest.approx(exact_mean[0, 0], abs=1e-5)
        assert log_var == pytest.approx(np.log(covariance[0, 0]), abs=1e-5)
        assert abs(gap) < 1e-9
    assert "q is the exact posterior" in status(playground, "Stopped after")


@pytest.mark.parametrize("x1", [1.6, 2.5, 1.0, -1.0])
def test_climb_stops_on_the_hill_it_started_on(x1, playground):
    choose(playground, "bent")
    found = []
    for side in (-0.5, 0.5):
        set_sliders(playground, mean=side, logVar=-1, x1=x1)
        mean, log_var, gap = press_climb(playground)
        expected = summit(MODELS["bent"], (x1, X[1]), (side, -1))
        assert (mean, log_var) == pytest.approx(expected, abs=1e-4)
        found.append((mean, gap))
    (left, left_gap), (right, right_gap) = found
    if x1 > 1.5:  # two peaks far apart: the climb ends by one of them, and loses its −log of a share
        assert left < -1 < 1 < right
        assert left_gap > 1 > right_gap > 0.3
        assert "stands by the right peak" in status(playground, "Stopped after")
    else:  # close together, or one: both climbs agree
        assert left == pytest.approx(right, abs=1e-4)
        assert right_gap == pytest.approx(0.289 if x1 == 1 else 0.001, abs=6e-4)


def test_climb_is_seen_step_by_step_and_can_be_stopped_quietly(tab, site):
    faults = []
    tab.on("console", lambda message: message.type in ("warning", "error") and faults.append(message.text))
    tab.on("pageerror", lambda error: faults.append(str(error)))
    open_playground(tab, site)
    halfway, after, text = tab.evaluate(
        """async () => {
          const box = document.getElementById("elbo-playground");
          const button = box.querySelector(".climb");
          button.click();
          const text = button.textContent;
          while (box.querySelectorAll(".step").length < 6) await new Promise(requestAnimationFrame);
          const halfway = box.widget.state;
          button.click();
          return [halfway, box.widget.state, text];
        }"""
    )
    assert text == "Stop"
    assert (halfway["climbing"], after["climbing"]) == (True, False)
    start = parts(MODELS["straight"], X, *START)["elbo"]
    assert start < after["parts"]["elbo"] < after["parts"]["logEvidence"] - 1e-3
    press_climb(tab)
    assert tab.locator("#elbo-playground .step").count() == state(tab)["steps"] + 1
    assert faults == []


def test_reduced_motion_shows_the_whole_climb_at_once(playground):
    playground.get_by_role("button", name="Climb the ELBO").click()
    now = state(playground)
    assert not now["climbing"]
    assert playground.locator("#elbo-playground .step").count() == now["steps"] + 1


def test_what_the_chapter_says_to_try_comes_out_as_it_says(playground):
    set_sliders(playground, mean=0.95, logVar=-1.25)
    now = state(playground)["parts"]
    assert f"{now['elbo']:.3f}" == f"{now['logEvidence']:.3f}" == "-2.785"  # printed in the chapter
    gaps = {}
    for step in (1, -1):
        set_sliders(playground, logVar=-1.25 + step)
        after = state(playground)["parts"]
        assert after["logEvidence"] == now["logEvidence"]
        gaps[step] = after["klToPosterior"]
    assert gaps[1] / gaps[-1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_accessible_and_fits_a_phone(mode, playground):
    playground.set_viewport_size({"width": 390, "height": 844})
    playground.add_style_tag(content="* { transition: none !important }")
    press_climb(playground)
    assert playground.evaluate("document.documentElement.scrollWidth") <= 390
    assert accessibility_faults(playground, mode, "#elbo-playground") == []


def test_still_picture_stands_in_without_javascript_and_on_paper(playground, browser, site):
    assert STILL.stat().st_size < 60_000
    assert_still_picture_stands_in(playground, browser, site + PAGE, "elbo-playground")


def test_finger_drags_the_peak_and_scrolls_the_page_beside_it(phone, site):
    open_playground(phone, site)
    x, y = middle_of(phone, "#elbo-playground .handle")
    assert swipe(phone, (x, y), (30, 30)) == 0
    now = state(phone)["q"]
    assert now["mean"] > START[0] + 0.2
    assert now["logVar"] > START[1] + 0.2
    x, y = middle_of(phone, "#elbo-playground .handle")
    assert swipe(phone, (x + 120, y), (0, -150)) > 80
    x, y = middle_of(phone, "#elbo-playground .bars")
    assert swipe(phone, (x, y), (0, -150)) > 80
    assert state(phone)["q"] == now
