import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, stats

from vaelib import gaussian

rng = np.random.default_rng(0)
MEAN, LOG_VAR, MEAN_P, LOG_VAR_P = rng.normal(0, 1.5, (4, 6, 3))  # batch 6, three dimensions


def quadrature_kl(mean_q, log_var_q, mean_p=0.0, log_var_p=0.0):
    q = stats.norm(mean_q, np.exp(0.5 * log_var_q))
    p = stats.norm(mean_p, np.exp(0.5 * log_var_p))
    low, high = q.interval(1 - 1e-14)
    return integrate.quad(lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), low, high, epsabs=1e-10)[0]


def summed_quadrature_kl(*parameters):
    return np.vectorize(quadrature_kl)(*parameters).sum(axis=-1)


def test_log_density_is_scipys_summed_over_the_last_axis():
    z = rng.normal(size=MEAN.shape)
    expected = stats.norm(MEAN, np.exp(0.5 * LOG_VAR)).logpdf(z)
    np.testing.assert_allclose(gaussian.log_density_per_cell(z, MEAN, LOG_VAR), expected, rtol=1e-10)
    np.testing.assert_allclose(gaussian.log_density(z, MEAN, LOG_VAR), expected.sum(axis=-1), rtol=1e-10)


def test_kl_to_standard_normal_is_its_integral():
    expected = summed_quadrature_kl(MEAN, LOG_VAR)
    np.testing.assert_allclose(gaussian.kl_to_standard_normal(MEAN, LOG_VAR), expected, rtol=1e-7)
    per_unit = gaussian.kl_to_standard_normal_per_unit(MEAN, LOG_VAR)
    np.testing.assert_allclose(per_unit, np.vectorize(quadrature_kl)(MEAN, LOG_VAR), rtol=1e-7)


def test_kl_between_gaussians_is_its_integral_in_that_direction():
    expected = summed_quadrature_kl(MEAN, LOG_VAR, MEAN_P, LOG_VAR_P)
    actual = gaussian.kl(MEAN, LOG_VAR, MEAN_P, LOG_VAR_P)
    np.testing.assert_allclose(actual, expected, rtol=1e-7)
    assert not np.allclose(actual, gaussian.kl(MEAN_P, LOG_VAR_P, MEAN, LOG_VAR))


def test_kl_is_zero_between_equals_and_agrees_with_the_special_case():
    np.testing.assert_allclose(gaussian.kl(MEAN, LOG_VAR, MEAN, LOG_VAR), 0, atol=1e-12)
    standard = gaussian.kl(MEAN, LOG_VAR, np.zeros_like(MEAN), np.zeros_like(MEAN))
    np.testing.assert_allclose(gaussian.kl_to_standard_normal(MEAN, LOG_VAR), standard, rtol=1e-12)


def test_samples_have_the_mean_and_variance_asked_for():
    mean, log_var, n = np.float32([1.0, -2.0]), np.float32([0.5, -1.5]), 200_000
    z = np.asarray(gaussian.sample(np.tile(mean, (n, 1)), np.tile(log_var, (n, 1)), seed=0), "float64")
    variance = np.exp(log_var)
    assert (abs(z.mean(axis=0) - mean) < 4 * np.sqrt(variance / n)).all()
    assert (abs(z.var(axis=0) - variance) < 4 * variance * np.sqrt(2 / n)).all()


def test_sample_is_differentiable_in_mean_and_log_var():
    mean, log_var = tf.constant([[0.3, -1.0]]), tf.constant([[0.2, 1.4]])
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        z = gaussian.sample(mean, log_var, seed=3)
    to_mean, to_log_var = tape.gradient(z, [mean, log_var])
    np.testing.assert_allclose(to_mean, np.ones((1, 2)))
    np.testing.assert_allclose(to_log_var, 0.5 * (z - mean), rtol=1e-5)  # std * noise / 2


@pytest.mark.parametrize("with_xla", [False, True])
def test_noise_is_that_of_keras(with_xla):
    ours, theirs = keras.random.SeedGenerator(7), keras.random.SeedGenerator(7)
    noise = tf.function(lambda: gaussian.standard_normal((2, 3), ours), jit_compile=with_xla)
    of_keras = tf.function(lambda: keras.random.normal((2, 3), seed=theirs), jit_compile=with_xla)
    for _ in range(2):
        np.testing.assert_allclose(noise(), of_keras(), rtol=1e-5)


def test_noise_under_xla_is_standard_normal_and_moves_on():
    seed, count = keras.random.SeedGenerator(7), 200_000
    draw = tf.function(lambda: gaussian.standard_normal((count,), seed), jit_compile=True)
    first, second = draw().numpy().astype("float64"), draw().numpy().astype("float64")
    for draws in (first, second):
        assert stats.kstest(draws, "norm").pvalue > 1e-3
    assert abs(np.mean(first * second)) < 4 / np.sqrt(count)
    assert abs(np.mean(first[1:] * first[:-1])) < 4 / np.sqrt(count)


def test_a_seed_repeats_the_sample_and_a_generator_moves_on():
    np.testing.assert_array_equal(*(gaussian.sample(MEAN, LOG_VAR, seed=5) for _ in range(2)))
    assert not np.array_equal(gaussian.sample(MEAN, LOG_VAR, 5), gaussian.sample(MEAN, LOG_VAR, 6))
    generator = keras.random.SeedGenerator(5)
    first, second = (np.asarray(gaussian.sample(MEAN, LOG_VAR, generator)) for _ in range(2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0] - MEAN[0], first[1] - MEAN[1])  # nor do rows share their noise


@pytest.mark.parametrize("log_var", [-1e9, -1e6, -90.0, 90.0, 1e6, 1e9])
def test_no_finite_log_variance_overflows(log_var):
    mean = tf.ones((2, 3))
    log_var = tf.fill((2, 3), tf.constant(log_var))
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        values = [
            gaussian.log_density(mean + 1, mean, log_var),
            gaussian.kl_to_standard_normal(mean, log_var),
            gaussian.kl(mean, log_var, mean + 1, -log_var),
            gaussian.sample(mean, log_var, 0),
        ]
        total = sum(tf.reduce_sum(value) for value in values)
    for value in [*values, *tape.gradient(total, [mean, log_var])]:
        assert np.isfinite(value).all()


def test_the_bound_changes_nothing_inside_and_lets_the_gradient_back_in():
    inside = tf.constant([-20.0, -3.0, 0.0, 20.0])
    np.testing.assert_array_equal(gaussian.bounded(inside), inside)
    outside = tf.constant([-25.0, 30.0])
    with tf.GradientTape() as tape:
        tape.watch(outside)
        divergence = gaussian.kl_to_standard_normal_per_unit(tf.zeros(2), outside)
    np.testing.assert_allclose(gaussian.bounded(outside), [-20, 20])
    towards_zero = -np.sign(tape.gradient(divergence, outside))
    np.testing.assert_array_equal(towards_zero, [1, -1])


def test_single_and_double_precision_may_meet():
    """Draws of NumPy's are double, what an encoder gives is single."""
    rng = np.random.default_rng(0)
    mean, log_var = rng.normal(size=(2, 4, 3)).astype("float32")
    z = mean + np.exp(0.5 * log_var) * rng.normal(size=mean.shape)
    exact = stats.norm.logpdf(z, mean, np.exp(0.5 * log_var)).sum(axis=1)
    np.testing.assert_allclose(gaussian.log_density(z, mean, log_var), exact, rtol=1e-5)
    np.testing.assert_allclose(
        gaussian.log_density(z, 0.0, 0.0), stats.norm.logpdf(z).sum(axis=1), rtol=1e-5
    )
    mixed = gaussian.kl(z, log_var, mean, np.float64(log_var))
    np.testing.assert_allclose(mixed, gaussian.kl(np.float32(z), log_var, mean, log_var), rtol=1e-4)
    moved = gaussian.reparameterize(mean, log_var, z)
    np.testing.assert_allclose(moved, mean + np.exp(0.5 * log_var) * z, rtol=1e-5)
