import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats
from scipy.special import expit

import vaelib
from vaelib import Bernoulli, ContinuousBernoulli, Gaussian, likelihoods

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


@pytest.mark.parametrize("likelihood", [Bernoulli(), ContinuousBernoulli(), Gaussian("per_cell")])
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
    assert np.isfinite(likelihood.sample(params, seed=0)).all()


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.25), Gaussian("per_cell")])
def test_a_likelihood_comes_back_from_its_config(likelihood):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(likelihood))
    assert type(copy) is type(likelihood)
    x, params = tf.constant([[0.2]]), tf.constant([[0.3, -1.0][: likelihood.params_per_cell]])
    np.testing.assert_array_equal(copy.log_prob(x, params), likelihood.log_prob(x, params))


def test_names_give_likelihoods_with_their_defaults():
    assert type(likelihoods.get("bernoulli")) is vaelib.Bernoulli
    assert type(likelihoods.get("continuous_bernoulli")) is vaelib.ContinuousBernoulli
    assert likelihoods.get("gaussian").variance == 1.0
