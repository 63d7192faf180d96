import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import expit, softmax

import vaelib
from vaelib import (
    Bernoulli,
    Contaminated,
    ContinuousBernoulli,
    Gaussian,
    StudentT,
    ZeroOneInflated,
    likelihoods,
)

LOGITS = np.float32([-60, -4, -0.25, -0.15, -1e-3, 0, 1e-6, 0.05, 0.19, 0.21, 1, 4, 60])
MOMENTS_N = 100_000
LEVELS = np.arange(256) / 255


def test_bernoulli_is_scipys_probability_mass():
    logits = np.float32([-3, -0.2, 0, 1.5])
    for value in (0, 1):
        actual = Bernoulli().log_prob(np.full(4, value, "float32"), logits)
        np.testing.assert_allclose(actual, stats.bernoulli(expit(logits)).logpmf(value), rtol=1e-5)


def test_bernoulli_on_grey_pixels_is_minus_the_cross_entropy_and_no_density():
    x, logits = np.float32([0.1, 0.5, 0.9]), np.float32([-2, 0.3, 5])
    expected = -keras.ops.binary_crossentropy(x, logits, from_logits=True)
    np.testing.assert_allclose(Bernoulli().log_prob(x, logits), expected, rtol=1e-5)
    total = integrate.quad(lambda v: np.exp(float(Bernoulli().log_prob(v, np.float32(0)))), 0, 1)[0]
    assert total == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_integrates_to_one_and_has_that_mean(logit):
    grid = np.linspace(0, 1, 200_001)
    density = np.exp(np.asarray(ContinuousBernoulli().log_prob(np.float32(grid), logit), "float64"))
    assert integrate.trapezoid(density, grid) == pytest.approx(1, abs=2e-5)
    mean = integrate.trapezoid(grid * density, grid)
    assert float(ContinuousBernoulli().mean(tf.constant(logit))) == pytest.approx(mean, abs=2e-5)


@pytest.mark.parametrize("logit", [-6.0, -0.5, 0.0, 0.5, 6.0])
def test_continuous_bernoulli_samples_follow_its_density(logit):
    draws = ContinuousBernoulli().sample(tf.fill((20_000,), tf.constant(logit)), seed=1)
    cdf = (lambda x: x) if logit == 0 else (lambda x: np.expm1(logit * x) / np.expm1(logit))
    assert stats.kstest(np.asarray(draws, "float64"), cdf).pvalue > 1e-3


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.49), Gaussian("shared")])
def test_samples_average_to_the_mean(likelihood):
    params = tf.repeat(tf.constant([[0.4, -1.2]]), MOMENTS_N, axis=0)
    draws = np.asarray(likelihood.sample(params, seed=2))
    error = draws.std(axis=0) / np.sqrt(MOMENTS_N)
    assert np.all(abs(draws.mean(axis=0) - likelihood.mean(params)[0]) < 4 * error)


def test_gaussian_with_a_fixed_variance_is_scipys():
    x, params = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    expected = stats.norm(params, 0.49**0.5).logpdf(x)
    np.testing.assert_allclose(Gaussian(0.49).log_prob(x, params), expected, rtol=1e-5)
    spread = np.std(Gaussian(0.49).sample(tf.zeros(MOMENTS_N), seed=0))
    assert spread == pytest.approx(0.7, rel=0.01)


def test_gaussian_per_cell_takes_means_then_log_variances_from_the_last_axis():
    rng = np.random.default_rng(1)
    x, mean, log_var = rng.normal(size=(3, 2, 3, 3, 2)).astype("float32")
    params = np.concatenate([mean, log_var], axis=-1)
    likelihood = Gaussian("per_cell")
    assert likelihood.params_per_cell == 2
    np.testing.assert_array_equal(likelihood.mean(params), mean)
    expected = stats.norm(mean, np.exp(0.5 * log_var)).logpdf(x)
    np.testing.assert_allclose(likelihood.log_prob(x, params), expected, rtol=1e-4)


def test_a_shared_variance_learns_the_mean_squared_error():
    likelihood = Gaussian("shared")
    x = tf.constant(np.random.default_rng(2).normal(0, 0.3, (1000, 4)), "float32")
    optimizer = keras.optimizers.Adam(0.05)
    for _ in range(300):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.log_prob(x, tf.zeros_like(x)))
        weights = likelihood.trainable_variables
        optimizer.apply(tape.gradient(loss, weights), weights)
    assert np.exp(likelihood.shared_log_var) == pytest.approx(np.mean(np.square(x)), rel=1e-2)


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        ContinuousBernoulli(),
        Gaussian("per_cell"),
        StudentT(),
        ZeroOneInflated(),
        Contaminated(StudentT()),
        Contaminated(ZeroOneInflated()),
    ],
    ids=lambda likelihood: f"{likelihood.name}",
)
def test_extreme_decoder_outputs_stay_finite_in_value_and_gradient(likelihood):
    values = [-1e4, -88.0, 0.0, 88.0, 1e4]
    grid = np.stack(np.meshgrid(*likelihood.params_per_cell * [values]), -1)
    params = tf.constant(grid.reshape(-1, likelihood.params_per_cell), "float32")
    for value in (0.0, 0.5, 1.0):
        with tf.GradientTape() as tape:
            tape.watch(params)
            log_prob = likelihood.log_prob(tf.fill((len(params), 1), value), params)
        weights = likelihood.trainable_variables
        gradients = tape.gradient(log_prob, [params, *weights])
        assert np.isfinite(log_prob).all()
        assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.isfinite(likelihood.mean(params)).all()
    assert np.isfinite(likelihood.var(params)).all()
    assert np.isfinite(likelihood.sample(params, seed=0)).all()


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        Gaussian(0.25),
        Gaussian("per_cell"),
        StudentT(2.5),
        ZeroOneInflated(),
        Contaminated(Gaussian("per_cell"), 0.3),
        Contaminated(StudentT(2.5), 0.3),
        Contaminated("continuous_bernoulli", "learned"),
        Contaminated("zero_one_inflated", "learned"),
        Contaminated(Gaussian(0.25), 0.3, outlier_range=(-3, 4)),
    ],
)
def test_a_likelihood_comes_back_from_its_config(likelihood):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert type(copy) is type(likelihood)
    x, params = tf.constant([[0.2]]), tf.constant([[0.3, -1.0, 0.7][: likelihood.params_per_cell]])
    np.testing.assert_array_equal(copy.log_prob(x, params), likelihood.log_prob(x, params))


def test_names_give_likelihoods_with_their_defaults():
    assert type(likelihoods.get("bernoulli")) is vaelib.Bernoulli
    assert type(likelihoods.get("continuous_bernoulli")) is vaelib.ContinuousBernoulli
    assert likelihoods.get("gaussian").variance == 1.0
    assert likelihoods.get("student_t").dof == 4.0
    assert type(likelihoods.get("zero_one_inflated")) is vaelib.ZeroOneInflated
    assert set(likelihoods.BY_NAME) == {
        "bernoulli", "continuous_bernoulli", "gaussian", "student_t", "zero_one_inflated"
    }  # fmt: skip


BASES = {
    "bernoulli": (Bernoulli(), np.float32([[0, 1, 1, 0]])),
    "continuous_bernoulli": (ContinuousBernoulli(), np.float32([[0.0, 0.3, 0.9, 1.0]])),
    "gaussian": (Gaussian(0.3), np.float32([[-1.0, 0.2, 8.0, 0.5]])),
}


@pytest.mark.parametrize("base", BASES)
def test_contaminated_is_the_sum_over_every_mask_of_damage(base):
    base, x = BASES[base]
    likelihood = Contaminated(base, outlier_probability=0.2)
    params = np.float32([[-0.5, 0.4, 1.5, -3.0]])
    clean = np.exp(np.asarray(base.log_prob(x, params), "float64"))[0]
    broad = {"Bernoulli": 0.5, "ContinuousBernoulli": 1.0, "Gaussian": stats.cauchy(0, 5).pdf(x[0])}
    outlier = np.broadcast_to(broad[type(base).__name__], 4)
    masks = np.array(list(itertools.product([False, True], repeat=4)))
    joint = np.prod(np.where(masks, 0.2 * outlier, 0.8 * clean), axis=1)  # of x and each mask
    log_prob = np.asarray(likelihood.log_prob(x, params))
    assert log_prob.sum() == pytest.approx(np.log(joint.sum()), rel=1e-5)
    marginal = joint @ masks / joint.sum()  # P(cell damaged | x)
    np.testing.assert_allclose(likelihood.outlier_responsibility(x, params)[0], marginal, rtol=1e-4)


@pytest.mark.parametrize(
    ("likelihood", "low", "high"),
    [
        (Contaminated(ContinuousBernoulli(), 0.3), 0, 1),
        (Contaminated(Gaussian(0.5), 0.3), -2000, 2000),
        (Contaminated(Gaussian(1e-3), 0.3, outlier_range=(0, 1)), 0, 1),
        (Contaminated(Gaussian(1e-3), 0.3, outlier_range=(-3, 4)), -3, 4),
    ],
)
def test_a_contaminated_density_integrates_to_one(likelihood, low, high):
    grid = np.linspace(low, high, 1_000_001, dtype="float32")
    density = np.exp(np.asarray(likelihood.log_prob(grid, tf.constant(0.4)), "float64"))
    assert integrate.trapezoid(density, dx=(high - low) / 1e6) == pytest.approx(1, abs=2e-3)


def test_a_binary_contaminated_mass_sums_to_one():
    mass = np.exp(Contaminated(Bernoulli(), 0.3).log_prob(np.float32([0, 1]), np.float32([2.5, 2.5])))
    assert mass.sum() == pytest.approx(1, rel=1e-6)


def test_an_outlier_hardly_pulls_on_the_parameters():
    x, params = tf.constant([0.5, 9.0]), tf.zeros(2)  # one cell as expected, one far off

    def pull(likelihood):
        with tf.GradientTape() as tape:
            tape.watch(params)
            log_prob = tf.reduce_sum(likelihood.log_prob(x, params))
        return tape.gradient(log_prob, params).numpy()

    plain, robust = pull(Gaussian(1.0)), pull(Contaminated(Gaussian(1.0)))
    assert plain[1] == pytest.approx(9)
    assert abs(robust[1]) < 1e-6
    assert robust[0] == pytest.approx(plain[0], rel=0.05)


def test_a_learned_outlier_probability_finds_the_share_of_outliers():
    rng = np.random.default_rng(5)
    x = rng.normal(size=4000)
    x[:800] = 5 * rng.standard_cauchy(800)
    likelihood = Contaminated(Gaussian(1.0), "learned")
    assert float(tf.sigmoid(likelihood.log_odds)) == pytest.approx(0.05)
    optimizer = keras.optimizers.Adam(0.1)
    for _ in range(150):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.log_prob(tf.constant(x, "float32"), tf.zeros(4000)))
        optimizer.apply(tape.gradient(loss, likelihood.trainable_variables), likelihood.trainable_variables)
    assert float(tf.sigmoid(likelihood.log_odds)) == pytest.approx(0.2, abs=0.02)


def test_a_fixed_outlier_probability_is_not_trained():
    assert Contaminated(Gaussian(1.0), 0.1).trainable_variables == []


def test_contaminated_expects_what_the_undamaged_cell_would_have_been():
    likelihood, params = Contaminated(Gaussian(0.25), 0.4), tf.fill((10_000,), 3.0)
    assert float(likelihood.mean(params)[0]) == 3
    assert np.std(likelihood.sample(params, seed=0)) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("odds", [-30.0, 30.0])
def test_contaminated_stays_finite_at_the_ends(odds):
    params = tf.constant([-1e4, 0.0, 1e4])
    with tf.GradientTape() as tape:
        tape.watch(params)
        clean, outlier = Contaminated(Gaussian(1e-4)).components(tf.ones(3), params, odds)
        log_prob = keras.ops.logaddexp(clean, outlier)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()


def test_outliers_of_unbounded_data_are_scipys_cauchy_of_scale_five():
    x = np.float32([-1e6, -30, -5, -0.2, 0, 1, 5, 80, 1e6])
    expected = stats.cauchy(0, 5).logpdf(x.astype("float64"))
    for base in (Gaussian(0.3), StudentT()):
        np.testing.assert_allclose(Contaminated(base).outlier_log_prob(x), expected, rtol=1e-5)


@pytest.mark.parametrize("dof", [2.1, 4.0])
def test_no_cell_lies_so_far_out_that_heavy_tails_explain_it(dof):
    """A normal outlier density would fall below Student's t from about 60 on, and so call 1e6 undamaged."""
    likelihood = Contaminated(StudentT(dof))
    distance = np.float32(np.geomspace(50, 1e6, 60))[:, None]
    for mean, log_scale2 in itertools.product([-3.0, 0.0, 3.0], [-5.0, 0.0]):
        params = tf.constant([[mean, log_scale2]])
        for x in (distance, -distance):
            responsibility = np.asarray(likelihood.outlier_responsibility(x, params))[:, 0]
            assert responsibility.min() > 0.8
            assert np.all(np.diff(responsibility) > -1e-6)  # the further out, the surer
            assert responsibility[-1] > 1 - 1e-4


# Student's t


@pytest.mark.parametrize("dof", [2.1, 4.0, 30.0])
def test_student_t_is_scipys_and_takes_means_then_log_squared_scales(dof):
    rng = np.random.default_rng(1)
    x, mean, log_scale2 = rng.normal(0, 3, size=(3, 4, 3, 2)).astype("float32")
    params = np.concatenate([mean, log_scale2], axis=-1)
    likelihood = StudentT(dof)
    assert likelihood.params_per_cell == 2
    expected = stats.t(dof, mean, np.exp(0.5 * log_scale2.astype("float64")))
    np.testing.assert_allclose(likelihood.log_prob(x, params), expected.logpdf(x), rtol=1e-4)
    np.testing.assert_array_equal(likelihood.mean(params), mean)
    np.testing.assert_allclose(likelihood.var(params), expected.var(), rtol=1e-4)


def test_student_t_samples_follow_its_density():
    params = tf.repeat(tf.constant([[0.7, -1.5, 2.0, -3.0]]), 20_000, axis=0)  # two columns
    draws = np.asarray(StudentT(4.0).sample(params, seed=3), "float64")
    np.testing.assert_array_equal(draws, StudentT(4.0).sample(params, seed=3))
    for column, (mean, log_scale2) in zip(draws.T, [(0.7, 2.0), (-1.5, -3.0)], strict=True):
        assert stats.kstest(column, stats.t(4, mean, np.exp(0.5 * log_scale2)).cdf).pvalue > 1e-3
    light = np.asarray(StudentT(12.0).sample(tf.repeat(tf.constant([[1.0, 0.0]]), MOMENTS_N, axis=0), seed=4))
    error = np.sqrt((3 + 6 / 8 - 1) / MOMENTS_N) * stats.t(12).var()  # of a variance, with t's kurtosis
    assert abs(light.var() - stats.t(12).var()) < 4 * error
    assert abs(light.mean() - 1) < 4 * light.std() / np.sqrt(MOMENTS_N)


@pytest.mark.parametrize("dof", [2, 0, -4.0, float("inf"), float("nan"), "4", True, None])
def test_student_t_asks_for_degrees_of_freedom_that_have_a_variance(dof):
    with pytest.raises(ValueError, match=r"StudentT expects dof to be a number above 2; got .*Try 4\."):
        StudentT(dof)


# Zero-and-one inflation


def inflated(white=0.93, white_log_var=-8.0, gray_intercept=-2.5, gray_slope=1.3):
    """One whose learned numbers keep white and gray within [0, 1], as after training."""
    likelihood = ZeroOneInflated()
    likelihood.white.assign(white)
    likelihood.white_log_var.assign(white_log_var)
    likelihood.gray_intercept.assign(gray_intercept)
    likelihood.gray_slope.assign(gray_slope)
    return likelihood


def mixture(likelihood, params):
    """The weights, and white's and gray's normal distributions, in float64 and from the definition."""
    mean = expit(np.float64(params[2]))
    a, b = float(likelihood.gray_intercept), float(likelihood.gray_slope)
    white = stats.norm(float(likelihood.white), np.exp(0.5 * float(likelihood.white_log_var)))
    gray = stats.norm(mean, max(np.sqrt(np.exp(a) * (mean * (1 - mean)) ** b), 1 / 255))
    return softmax([params[0], params[1], 0.0]), white, gray


def mass(likelihood, params):
    x, params = np.float32(LEVELS)[:, None], np.tile(np.float32(params), (256, 1))
    return np.exp(np.asarray(likelihood.log_prob(x, params), "float64"))[:, 0]


CELLS = [(0.0, 0.0, 0.0), (3.0, -2.0, 0.4), (-2.0, 3.0, 0.4), (-6.0, -6.0, -0.8), (-6.0, -6.0, 9.0)]


@pytest.mark.parametrize("params", CELLS)
@pytest.mark.parametrize("make", [ZeroOneInflated, inflated])
def test_zero_one_inflated_is_black_and_gray_and_white_cut_off_at_one(make, params):
    likelihood = make()
    weight, white, gray = mixture(likelihood, params)
    density = weight[1] * white.pdf(LEVELS) / white.cdf(255.5 / 255) + weight[2] * gray.pdf(LEVELS)
    expected = weight[0] * (LEVELS == 0) + density / 255
    np.testing.assert_allclose(mass(likelihood, params), expected, rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize("params", CELLS)
@pytest.mark.parametrize("make", [ZeroOneInflated, inflated])
def test_the_levels_lose_only_what_gray_puts_outside(make, params):
    likelihood = make()
    weight, _, gray = mixture(likelihood, params)
    total = mass(likelihood, params).sum()
    assert total <= 1 + 2e-4  # a sum over levels is nearly the integral by which white is cut off
    lost = gray.cdf(-0.5 / 255) + gray.sf(255.5 / 255)
    assert total == pytest.approx(1 - weight[2] * lost, abs=0.01)  # nearly: a level is a finite width


def test_the_levels_add_up_to_nearly_one_where_white_and_gray_lie_within():
    for params in CELLS[:4]:
        assert 0.995 < mass(inflated(), params).sum() <= 1 + 2e-5


def test_zero_one_inflated_has_the_mean_and_variance_of_its_mass():
    for params in CELLS[:4]:
        probability = mass(inflated(), params)
        mean = probability @ LEVELS
        cell = tf.constant([params])
        assert float(inflated().mean(cell)[0, 0]) == pytest.approx(mean, abs=2e-3)
        variance = probability @ (LEVELS - mean) ** 2
        assert float(inflated().var(cell)[0, 0]) == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("params", CELLS[:4])
def test_zero_one_inflated_draws_levels_by_their_mass(params):
    likelihood, n = inflated(), 20_000
    cells = tf.repeat(tf.constant([params]), n, axis=0)
    draws = np.asarray(likelihood.sample(cells, seed=3))[:, 0]
    np.testing.assert_array_equal(draws, np.asarray(likelihood.sample(cells, seed=3))[:, 0])
    np.testing.assert_allclose(draws * 255, np.round(draws * 255), atol=1e-3)
    probability, below = mass(likelihood, params), np.arange(256)[::8]
    found = np.add.reduceat(np.bincount(np.round(draws * 255).astype(int), minlength=256), below) / n
    expected = np.add.reduceat(probability, below)
    assert np.all(abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / n) + 1e-3)
    assert abs(np.mean(draws == 0) - probability[0]) < 5 * np.sqrt(0.25 / n)


def test_channels_come_black_first_then_white_then_gray():
    black, white, gray = np.float32([[3, -1], [-2, 0.5], [0.3, -0.7]])
    x = np.float32([[0.0, 0.4], [0.9, 1.0]])
    params = np.tile(np.concatenate([black, white, gray]), (2, 1))
    together = inflated().log_prob(x, params)
    assert together.shape == (2, 2)
    for channel in range(2):
        one = np.tile([black[channel], white[channel], gray[channel]], (2, 1))
        alone = inflated().log_prob(x[:, channel : channel + 1], np.float32(one))[:, 0]
        np.testing.assert_allclose(together[:, channel], alone, rtol=1e-5)


def test_outliers_of_gray_levels_are_any_level_or_stuck_at_an_end():
    levels = np.float32(LEVELS)[:, None]
    outlier = np.exp(np.asarray(Contaminated(ZeroOneInflated()).outlier_log_prob(levels), "float64"))[:, 0]
    assert outlier.sum() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(outlier[1:-1], (1 - 2 * likelihoods.STUCK) / 256, rtol=1e-5)
    np.testing.assert_allclose(outlier[[0, -1]], outlier[1] + likelihoods.STUCK, rtol=1e-5)
    cells = np.float32(256 * [CELLS[1]])
    clean = mass(ZeroOneInflated(), CELLS[1])
    log_prob = Contaminated(ZeroOneInflated(), 0.2).log_prob(levels, cells)[:, 0]
    np.testing.assert_allclose(log_prob, np.log(0.8 * clean + 0.2 * outlier), rtol=1e-4)


def test_what_zero_one_inflated_learned_is_saved_with_the_model(tmp_path):
    vae = vaelib.mlp_vae((4,), 2, (8,), inflated())
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras").likelihood
    assert len(loaded.trainable_variables) == 4
    for one, other in zip(loaded.trainable_variables, inflated().trainable_variables, strict=True):
        assert float(one) == float(other)
    np.testing.assert_array_equal(mass(loaded, CELLS[0]), mass(inflated(), CELLS[0]))


def test_zero_one_inflated_learns_what_white_is():
    rng = np.random.default_rng(6)
    x = np.round(np.clip(rng.normal(0.9, 0.02, (2000, 1)), 0, 1) * 255) / 255
    likelihood, params = ZeroOneInflated(), tf.tile(tf.constant([[-5.0, 5.0, 0.0]]), (2000, 1))
    optimizer = keras.optimizers.Adam(0.02)

    @tf.function
    def gradients():
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.log_prob(tf.constant(x, "float32"), params))
        return tape.gradient(loss, likelihood.trainable_variables)

    for _ in range(300):
        optimizer.apply(gradients(), likelihood.trainable_variables)
    assert float(likelihood.white) == pytest.approx(x.mean(), abs=5e-3)
    assert np.exp(0.5 * float(likelihood.white_log_var)) == pytest.approx(x.std(), rel=0.1)


@pytest.mark.parametrize("logit", [-9.0, -0.6, -0.4, 0.0, 0.2, 0.49, 0.51, 7.0])
def test_continuous_bernoulli_has_the_variance_of_its_density(logit):
    grid = np.linspace(0, 1, 200_001)
    log_density = ContinuousBernoulli().log_prob(np.float32(grid), np.float32(logit))
    density = np.exp(np.asarray(log_density, "float64"))
    mean = integrate.trapezoid(grid * density, grid)
    variance = integrate.trapezoid((grid - mean) ** 2 * density, grid)
    assert float(ContinuousBernoulli().var(tf.constant(logit))) == pytest.approx(variance, rel=1e-3)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.49), Contaminated(Gaussian(0.49))])
def test_samples_vary_as_the_variance_says(likelihood):
    params = tf.repeat(tf.constant([[0.4, -1.2]]), MOMENTS_N, axis=0)
    draws = np.asarray(likelihood.sample(params, seed=2))
    np.testing.assert_allclose(
        draws.var(axis=0), np.broadcast_to(likelihood.var(params), draws.shape)[0], rtol=0.02
    )


def test_a_base_with_bounds_of_its_own_takes_no_outlier_range():
    with pytest.raises(ValueError, match="outlier_range expects None for a base with bounds of its own"):
        vaelib.Contaminated("bernoulli", outlier_range=(-3, 3))

    class Counts(vaelib.Gaussian):
        support = (0.0, np.inf)

    assert vaelib.Contaminated(Counts(), outlier_range=(0, 9)).support == (0, 9)  # it has a bound on one side


def test_a_variance_from_numpy_will_do():
    assert vaelib.Gaussian(np.float32(0.25)).get_config()["variance"] == 0.25
