"""The repair bench of chapter 8, driven in the built book: what it shows is what `vaelib.correct` says."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from browser import (
    accessibility_faults,
    assert_still_picture_stands_in,
    middle_of,
    needs_browser,
    swipe,
)
from export_repair_bench import FOLDER, damaged_ways, read_vae, rmse, settings
from vaelib import Contaminated, correct, gaussian

pytestmark = needs_browser

PAGE = "book/08_anomaly_correction.html"
MODULES = "/_static/widgets/repair-bench/"
FIELDS = ("x", "outlier_probability", "mean", "std")

# A hundred steps of Adam in 32-bit floats, whose sums are added up in another order in the page. The search
# ends in the same place all the same: differences were at most 9e-6, 2e-7 on average, on the machine that
# wrote this. The bounds leave room for others, far below the 1/255 of a gray level that an eye could see.
LARGEST, AVERAGE = 1e-3, 1e-5


@pytest.fixture(scope="module")
def vae():
    return read_vae()


@pytest.fixture(scope="module")
def digits():
    levels = np.frombuffer((FOLDER / "digits.bin").read_bytes(), "uint8")
    return levels.reshape(-1, 28, 28, 1).astype("float32") / np.float32(255)


@pytest.fixture(scope="module")
def page(browser, site):
    """A page on which the bench is open; it shows answers without the film, as the reader's system asks."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(site + PAGE)
    scroll_to_bench(page)
    yield page
    context.close()


def scroll_to_bench(page):
    page.evaluate("document.getElementById('repair-bench').scrollIntoView()")
    page.wait_for_function("document.getElementById('repair-bench').widget")


def image_on(page, field):
    values = page.evaluate(f"Array.from(document.getElementById('repair-bench').widget.{field})")
    return np.array(values, "float32").reshape(1, 28, 28, 1)


def canvas_on(page, name):
    """What a canvas shows, from 0 for white to 1 for black."""
    red = page.evaluate(
        """name => {
            const canvas = document.querySelector(`.bench-${name} canvas`);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return Array.from(data).filter((_, index) => index % 4 === 0);
        }""",
        name,
    )
    return 1 - np.array(red).reshape(1, 28, 28, 1) / 255


def wait_for_answer(page):
    page.wait_for_function(
        "document.getElementById('repair-bench').widget.player.isFinished", timeout=120_000
    )
    return {
        "x": image_on(page, "player.frames.at(-1).repaired"),
        "outlier_probability": image_on(page, "player.frames.at(-1).outlierProbability"),
        "mean": image_on(page, "player.frames.at(-1).mean"),
        "std": image_on(page, "player.frames.at(-1).std"),
    }


def assert_close(found, expected):
    for field in FIELDS:
        difference = np.abs(found[field] - expected[field])
        print(f"{field}: {difference.max():.1e} at most, {difference.mean():.1e} on average")
        assert difference.max() < LARGEST, field
        assert difference.mean() < AVERAGE, field


def answer_of(vae, damaged):
    return correct(vae, damaged)._asdict()


ANSWER = """async ([modules, image]) => {
    const { infer } = await import(modules + "inference.js");
    const { answer } = await import(modules + "repair.js");
    const { model } = document.getElementById("repair-bench").widget;
    const x = Float32Array.from(image);
    let last;
    for (const state of infer(model, x)) last = state;
    const { repaired, outlierProbability, mean, std } = answer(model, x, last);
    return [repaired, outlierProbability, mean, std].map((values) => Array.from(values));
}"""


def answer_of_page(page, damaged):
    values = page.evaluate(ANSWER, [MODULES, damaged.ravel().tolist()])
    return dict(zip(FIELDS, np.array(values, "float32").reshape(4, 1, 28, 28, 1), strict=True))


def test_constants_and_noise_are_those_of_vaelib(vae):
    stored = json.loads((FOLDER / "settings.json").read_text())
    assert settings(vae) == stored


def test_opens_with_a_noisy_3_whose_strokes_go_onto_the_mask_and_come_off(page, digits):
    truth = image_on(page, "truth")
    assert np.array_equal(truth[0], digits[13])
    page.get_by_role("button", name="Repair").click()
    wait_for_answer(page)
    healthy_stroke = ((image_on(page, "damaged") == truth) & (truth > 0.5)).ravel()
    on_mask = [
        np.mean(image_on(page, f"player.frames[{step}].outlierProbability").ravel()[healthy_stroke])
        for step in (0, 10, 100)
    ]
    assert on_mask[0] < 0.05 < on_mask[2] < 0.85 * on_mask[1]


def test_page_repairs_as_vaelib_does(page, vae, digits):
    stored = np.load(FOLDER / "cases.npz")
    for case, images in enumerate(damaged_ways(digits).values()):
        damaged = images[case : case + 1]
        assert np.array_equal(damaged[0], stored["damaged"][case])
        found = answer_of_page(page, damaged)
        assert_close(found, answer_of(vae, damaged))
        assert_close(found, {field: stored[field][case] for field in FIELDS})


def test_gradient_is_that_of_automatic_differentiation(page, vae, digits):
    rng = np.random.default_rng(0)
    x = damaged_ways(digits)["uniform 30 %"][3:4]
    mean, log_var = rng.normal(0, [[[1.0]], [[2.0]]], (2, 1, 32)).astype("float32")
    log_var[0, :2] = -25, 25  # beyond the bounds, where the gradient passes all the same
    noise = rng.normal(size=(1, 32)).astype("float32")
    noise[0, 1] = 1e-4  # or the wide one would drown the rest
    weight, log_odds = 0.3, -1.2
    q = tf.stack([mean, log_var])
    likelihood = Contaminated(vae.likelihood)
    with tf.GradientTape() as tape:
        tape.watch(q)
        params = vae.decoder(q[0] + tf.exp(0.5 * gaussian.bounded(q[1])) * noise)
        clean, outlier = likelihood.components(x, params, log_odds)
        log_prob = tf.reduce_sum(tf.math.log(tf.exp(clean) + tf.exp(outlier)))
        bound = weight * log_prob - tf.reduce_sum(gaussian.kl_to_standard_normal(q[0], q[1]))
    expected = tape.gradient(bound, q).numpy()[:, 0]
    r = tf.sigmoid(outlier - clean).numpy().ravel()
    found = page.evaluate(
        """async ([modules, x, mean, logVar, noise, weight, logOdds]) => {
            const { ascent } = await import(modules + "inference.js");
            const { model } = document.getElementById("repair-bench").widget;
            const q = { mean: Float32Array.from(mean), logVar: Float32Array.from(logVar) };
            const found = ascent(model, Float32Array.from(x), q, logOdds, weight, noise);
            return [found.mean, found.logVar, found.r].map((values) => Array.from(values));
        }""",
        [MODULES, *(array.ravel().tolist() for array in (x, mean, log_var, noise)), weight, log_odds],
    )
    for ours, theirs in zip(found, (*expected, r), strict=True):
        assert np.allclose(ours, theirs, rtol=2e-4, atol=2e-4 * np.abs(theirs).max())


def test_plain_reconstruction_is_keras_s(page, vae):
    page.get_by_role("button", name="Two lines").click()
    expected = vae.reconstruct(image_on(page, "damaged"))
    assert np.allclose(image_on(page, "rebuilt"), expected, atol=1e-5)
    assert np.allclose(canvas_on(page, "rebuilt"), expected, atol=0.5 / 255 + 1e-5)
    error = rmse(expected, image_on(page, "truth"))
    assert page.locator(".bench-rebuilt figcaption span").inner_text() == f"{error:.3f}"


def test_three_things_to_try_are_as_the_chapter_says(page, vae, digits):
    one = digits[1:2]
    beside, on_it, gap = one.copy(), one.copy(), one.copy()
    beside[:, 4:24, 8:10] = 1
    on_it[:, 12:16, 12:16] = 1
    gap[:, 13:15] = 0
    for damaged, share_found in ((beside, 1), (on_it, 0), (gap, 0)):
        mask = damaged != one
        assert mask.sum() > 5
        assert np.mean(answer_of_page(page, damaged)["outlier_probability"][mask] > 0.5) == share_found
    for whole in digits[[3, 8, 13], None]:
        redrawn = rmse(vae.reconstruct(whole), whole)
        assert rmse(answer_of_page(page, whole)["x"], whole) < 0.2 * redrawn


def test_mouse_paints_repairs_and_shows_what_vaelib_says(page, vae, digits):
    page.get_by_role("radio", name="8, number 1").check()
    truth = digits[8][None]
    assert np.array_equal(image_on(page, "truth"), truth)
    page.get_by_role("radio", name="Gray").check()
    box = page.get_by_role("application").bounding_box()
    pixel = box["width"] / 28
    page.mouse.move(box["x"] + 4 * pixel, box["y"] + 6 * pixel)
    page.mouse.down()
    page.mouse.move(box["x"] + 24 * pixel, box["y"] + 6 * pixel)  # rows 5 and 6, columns 3 to 24
    page.mouse.up()
    damaged = truth.copy()
    damaged[:, 5:7, 3:25] = 0.5
    assert np.array_equal(image_on(page, "damaged"), damaged)
    assert np.allclose(canvas_on(page, "damaged"), damaged, atol=0.5 / 255 + 1e-6)
    assert page.locator("#repair-bench [role=status]").inner_text() == "44 pixels damaged."

    page.get_by_role("button", name="Repair").click()
    found, expected = wait_for_answer(page), answer_of(vae, damaged)
    assert_close(found, expected)
    assert np.allclose(canvas_on(page, "repaired"), found["x"], atol=0.5 / 255 + 1e-6)
    called = expected["outlier_probability"] > 0.5
    mask = damaged != truth
    said = page.locator("#repair-bench [role=status]").inner_text()
    assert said.startswith(f"Found {np.sum(called & mask)} of the 44 damaged pixels")
    errors = [rmse(image, truth) for image in (damaged, expected["x"], vae.reconstruct(damaged))]
    assert np.allclose([float(number) for number in re.findall(r"0\.\d{3}", said)], errors, atol=0.0015)
    assert errors[1] < min(errors[0], errors[2])


def test_keyboard_paints_repairs_and_goes_back_over_the_steps(page, vae, digits):
    page.get_by_role("radio", name="0, number 2").focus()
    page.keyboard.press("Space")
    page.get_by_role("radio", name="Draw").focus()
    page.keyboard.press("ArrowRight")  # to Erase
    page.get_by_role("application").focus()
    for _ in range(20):
        page.keyboard.press("ArrowUp")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.keyboard.down("Space")
    for _ in range(30):
        page.keyboard.press("ArrowRight")  # held down, it paints along
    page.keyboard.up("Space")
    truth = digits[10][None]
    damaged = truth.copy()
    damaged[:, 6:8] = 0
    assert np.array_equal(image_on(page, "damaged"), damaged)

    page.get_by_role("button", name="Repair").focus()
    page.keyboard.press("Enter")
    assert_close(wait_for_answer(page), answer_of(vae, damaged))
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".bench-step").inner_text() == "1 of 100"
    early = image_on(page, "player.frames[1].repaired")
    assert np.allclose(canvas_on(page, "repaired"), early, atol=0.5 / 255 + 1e-6)
    assert page.locator(".bench-repaired figcaption span").inner_text() == f"{rmse(early, truth):.3f}"


def test_every_kind_of_damage_changes_what_it_says(page):
    truth = image_on(page, "truth")
    for name, least, most in [
        ("10 % noise", 40, 120),
        ("30 % noise", 180, 290),
        ("Salt and pepper", 60, 160),
        ("Block", 60, 64),
        ("Two lines", 40, 56),
    ]:
        page.get_by_role("button", name="Undo all").click()
        assert np.array_equal(image_on(page, "damaged"), truth)
        page.get_by_role("button", name=name).click()
        count = np.sum(image_on(page, "damaged") != truth)
        assert least <= count <= most, name


def test_film_plays_stops_and_plays_again(tab, site):
    tab.goto(site + PAGE)
    scroll_to_bench(tab)
    tab.get_by_role("button", name="Repair").click()
    tab.get_by_role("button", name="Pause").click()
    step = tab.locator(".bench-step").inner_text()
    tab.wait_for_timeout(200)
    assert tab.locator(".bench-step").inner_text() == step != "100 of 100"
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_function("document.getElementById('repair-bench').widget.player.shown > 5")
    tab.get_by_role("button", name="Block").click()  # another image: what was found is forgotten
    tab.wait_for_timeout(200)
    assert tab.evaluate("document.getElementById('repair-bench').widget.player.frames.length") == 0


def test_bench_is_light_and_waits_until_it_is_near(tab, site):
    loaded = []
    tab.on("response", lambda response: loaded.append(response))
    tab.goto(site + PAGE)
    tab.wait_for_load_state("networkidle")
    assert not any(response.url.endswith(".bin") for response in loaded)
    scroll_to_bench(tab)
    weights = {
        response.url: len(response.body()) for response in loaded if "/_static/widgets/" in response.url
    }
    assert sum(weights.values()) < 1e6, weights


def test_bench_is_accessible_and_fits_a_phone(page):
    page.add_style_tag(content="* { transition: none !important }")
    for mode in ("light", "dark"):
        assert accessibility_faults(page, mode, "#repair-bench") == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 1000})


def test_still_picture_stands_in_on_paper_and_without_javascript(page, browser, site):
    assert_still_picture_stands_in(page, browser, site + PAGE, "repair-bench")


def test_finger_draws_on_the_sheet_and_scrolls_the_page_on_the_other_pictures(phone, site):
    phone.goto(site + PAGE)
    scroll_to_bench(phone)
    phone.get_by_role("button", name="Undo all").click()
    truth = image_on(phone, "truth")
    x, y = middle_of(phone, ".bench-sheet canvas")
    pixel = phone.locator(".bench-sheet canvas").bounding_box()["height"] / 28
    assert swipe(phone, (x - 10 * pixel, y - 10 * pixel), (0, 20 * pixel), steps=5) == 0
    drawn = np.zeros((28, 28), bool)
    drawn[3:25, 3:5] = True
    assert np.array_equal(image_on(phone, "damaged")[0, ..., 0], np.where(drawn, 1, truth[0, ..., 0]))
    x, y = middle_of(phone, ".bench-mask canvas")
    assert swipe(phone, (x, y), (0, -150)) > 80
    assert swipe(phone, middle_of(phone, ".bench-digits label"), (0, -150)) > 80
    assert np.array_equal(image_on(phone, "truth"), truth)
