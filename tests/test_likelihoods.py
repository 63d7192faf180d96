import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import expit

import vaelib
from vaelib import (
    Bernoulli,
    Contaminated,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    likelihoods,
)

LOGITS = np.float32([-60, -4, -0.25, -0.15, -1e-3, 0, 1e-6, 0.05, 0.19, 0.21, 1, 4, 60])
MOMENTS_N = 100_000


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
        DiscretizedLogistic(),
        Gaussian("per_cell"),
        Contaminated(DiscretizedLogistic()),
    ],
)
def test_extreme_decoder_outputs_stay_finite_in_value_and_gradient(likelihood):
    values = [-1e4, -88.0, 0.0, 88.0, 1e4]
    params = tf.constant(np.stack(np.meshgrid(values, values), -1).reshape(-1, 2), "float32")
    x = tf.ones((len(params), 2 // likelihood.params_per_cell))
    with tf.GradientTape() as tape:
        tape.watch(params)
        log_prob = likelihood.log_prob(x, params)
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, params)).all()
    assert np.isfinite(likelihood.mean(params)).all()
    assert np.isfinite(likelihood.var(params)).all()
    assert np.isfinite(likelihood.sample(params, seed=0)).all()


@pytest.mark.parametrize(
    "likelihood",
    [
        Bernoulli(),
        Gaussian(0.25),
        Gaussian("per_cell"),
        Contaminated(Gaussian("per_cell"), 0.3),
        Contaminated("continuous_bernoulli", "learned"),
        Contaminated(Gaussian(0.25), 0.3, outlier_range=(-3, 4)),
    ],
)
def test_a_likelihood_comes_back_from_its_config(likelihood):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert type(copy) is type(likelihood)
    x, params = tf.constant([[0.2]]), tf.constant([[0.3, -1.0][: likelihood.params_per_cell]])
    np.testing.assert_array_equal(copy.log_prob(x, params), likelihood.log_prob(x, params))


def test_names_give_likelihoods_with_their_defaults():
    assert type(likelihoods.get("bernoulli")) is vaelib.Bernoulli
    assert type(likelihoods.get("continuous_bernoulli")) is vaelib.ContinuousBernoulli
    assert likelihoods.get("gaussian").variance == 1.0


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
    broad = {"Bernoulli": 0.5, "ContinuousBernoulli": 1.0, "Gaussian": stats.norm(0, 10).pdf(x[0])}
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
        (Contaminated(Gaussian(0.5), 0.3), -200, 200),
        (Contaminated(Gaussian(1e-3), 0.3, outlier_range=(0, 1)), 0, 1),
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
    x[:800] = rng.normal(0, 10, 800)
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


@pytest.mark.parametrize("logit", [-12.0, -3.0, 0.0, 0.7, 5.0])
def test_discretized_logistic_is_a_rounded_logistic_and_sums_to_one(logit):
    likelihood = DiscretizedLogistic()
    levels = np.float32(np.arange(256) / 255)
    mass = np.exp(np.asarray(likelihood.log_prob(levels, tf.fill(256, logit)), "float64"))
    assert mass.sum() == pytest.approx(1, abs=2e-4)
    scale = max(np.exp(-1 + 0.8 * np.log(expit(logit) * expit(-logit))), np.exp(-7))
    edges = stats.logistic(expit(logit), scale).cdf((np.arange(255) + 0.5) / 255)
    np.testing.assert_allclose(mass, np.diff(np.r_[0, edges, 1]), atol=2e-5)


def test_discretized_logistic_draws_gray_levels_around_its_mean():
    params = tf.fill((20_000,), 0.3)
    draws = np.asarray(DiscretizedLogistic().sample(params, seed=3))
    assert len(np.unique(np.round(draws * 255, 4) % 1)) == 1
    levels = np.float32(np.arange(256) / 255)
    mass = np.exp(DiscretizedLogistic().log_prob(levels, tf.fill(256, 0.3)))
    expected = np.histogram(draws, bins=8, range=(0, 1))[0] / 20_000
    np.testing.assert_allclose(np.add.reduceat(mass, np.arange(0, 256, 32)), expected, atol=0.015)


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
