import keras
import numpy as np
import pytest
import tensorflow as tf

import vaelib
from vaelib import anomaly, imputation, impute

NAN = np.float32(np.nan)


@pytest.fixture
def wide_vae(exact_vae):
    """The true decoder with a posterior that is wrong, and wide enough for every pattern of holes."""
    exact_vae.encoder.get_layer("mean").set_weights([np.zeros((5, 2)), np.array([0.3, -0.2])])
    exact_vae.encoder.get_layer("log_var").set_weights([np.zeros((5, 2)), np.log([1.5, 1.2])])
    return exact_vae


@pytest.fixture
def holes(ppca_data):
    """Every pattern of holes that leaves something to see and something to fill in."""
    patterns = (np.arange(1, 31)[:, None] >> np.arange(5)) & 1 == 1
    return np.where(patterns, NAN, ppca_data[:30])


def conditional(ppca, row):
    """Exact mean and covariance of the missing cells, by the formula for parts of one Gaussian."""
    missing, seen = np.isnan(row), ~np.isnan(row)
    gain = np.linalg.solve(ppca.covariance[np.ix_(seen, seen)], ppca.covariance[np.ix_(seen, missing)]).T
    mean = ppca.mean[missing] + gain @ (row[seen] - ppca.mean[seen])
    return mean, ppca.covariance[np.ix_(missing, missing)] - gain @ ppca.covariance[np.ix_(seen, missing)]


@pytest.mark.parametrize("keep", [[0], [1, 3], [0, 2, 4]])
def test_the_masked_elbo_is_the_elbo_of_the_marginal_model(moved_vae, ppca, ppca_data, keep):
    x = np.full_like(ppca_data, NAN)
    x[:, keep] = ppca_data[:, keep]
    marginal = vaelib.LinearGaussian(ppca.weights[keep], ppca.mean[keep], ppca.noise_variance)
    q = moved_vae.encode(x)
    exact = marginal.log_evidence(x[:, keep]) - marginal.kl_to_posterior(x[:, keep], *q)
    estimate = np.mean([moved_vae.elbo(x, seed=seed).total for seed in range(100)], axis=0)
    difference = estimate - exact
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(x))


def test_the_mean_is_the_exact_conditional_mean(wide_vae, ppca, holes):
    filled = impute(wide_vae, holes, num_samples=8192)
    for row, values in zip(holes, filled, strict=True):
        np.testing.assert_allclose(values[np.isnan(row)], conditional(ppca, row)[0], atol=0.02)


def test_draws_have_the_exact_conditional_mean_and_covariance(wide_vae, ppca, holes):
    """The covariance between cells too: all missing cells of a draw come from one z."""
    n = 4000
    drawn = impute(wide_vae, holes, num_samples=4096, draws=n)
    for row, values in zip(holes, drawn.swapaxes(0, 1), strict=True):
        mean, covariance = conditional(ppca, row)
        values = values[:, np.isnan(row)]
        variance = np.diag(covariance)
        np.testing.assert_array_less(np.abs(values.mean(axis=0) - mean), 5 * np.sqrt(variance / n))
        standard_error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
        sampled = np.cov(values.T).reshape(covariance.shape)
        np.testing.assert_array_less(np.abs(sampled - covariance), 5 * standard_error)


def test_draws_of_different_rows_are_independent(wide_vae, holes):
    drawn = impute(wide_vae, np.repeat(holes[:1], 2, axis=0), num_samples=500, draws=2000)[:, :, 0]
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 4 / np.sqrt(2000)


def test_a_row_without_observed_cells_is_drawn_from_the_model(wide_vae, ppca, ppca_data):
    x = np.stack([np.full(5, NAN), ppca_data[0]])
    np.testing.assert_allclose(impute(wide_vae, x, num_samples=8192)[0], ppca.mean, atol=0.02)
    drawn = impute(wide_vae, x, num_samples=4096, draws=4000)[:, 0]
    np.testing.assert_allclose(np.cov(drawn.T), ppca.covariance, atol=0.25)


@pytest.mark.parametrize("draws", [None, 3])
def test_observed_cells_come_back_to_the_bit(wide_vae, holes, ppca_data, draws):
    x = np.concatenate([holes, ppca_data[:5]])
    before = x.copy()
    filled = impute(wide_vae, x, num_samples=50, draws=draws)
    np.testing.assert_array_equal(x, before)
    assert filled.dtype == np.float32
    assert filled.shape == (x.shape if draws is None else (draws, *x.shape))
    assert np.isfinite(filled).all()
    expected = np.broadcast_to(x, filled.shape)
    np.testing.assert_array_equal(filled[~np.isnan(expected)], expected[~np.isnan(expected)])


@pytest.mark.parametrize("draws", [None, 2])
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(wide_vae, holes, draws):
    first = impute(wide_vae, holes, num_samples=20, draws=draws, seed=1)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(impute(wide_vae, holes, num_samples=20, draws=draws, seed=1), first)
    other = impute(wide_vae, holes, num_samples=20, draws=draws, seed=2)
    missing = np.isnan(np.broadcast_to(holes, first.shape))
    assert not np.any(other[missing] == first[missing])


def test_an_example_is_filled_alike_in_whatever_company(wide_vae, holes):
    together = impute(wide_vae, holes, num_samples=100)
    alone = np.concatenate([impute(wide_vae, holes[i : i + 1], num_samples=100) for i in range(30)])
    np.testing.assert_allclose(alone, together, atol=1e-4)


@pytest.mark.parametrize("draws", [None, 3])
def test_memory_does_not_grow_with_batch_or_samples(monkeypatch, digits, draws):
    rows = []

    class Recorder(keras.layers.Layer):
        def call(self, z):
            tf.numpy_function(lambda n: rows.append(n), [tf.shape(z)[0]], [])
            return z

    z = keras.Input((2,))
    model = vaelib.mlp_vae((8, 8, 1), 2, (8,))
    model = vaelib.VAE(model.encoder, keras.Model(z, model.decoder(Recorder()(z))))
    x = vaelib.corrupt(digits.x_test[:40], "missing", 0.5)[0]
    whole = impute(model, x, num_samples=200)
    for module in (anomaly, imputation):
        monkeypatch.setattr(module, "DECODED_AT_ONCE", 64)
    rows.clear()
    in_pieces = [impute(model, x, num_samples=n, draws=draws) for n in (16, 200)]
    assert max(rows) <= 64
    if draws is None:
        np.testing.assert_allclose(in_pieces[1], whole, atol=1e-4)


def test_images_get_gray_means_and_black_and_white_draws(digits):
    model = vaelib.mlp_vae((8, 8, 1), 2, (16,))
    x, missing = vaelib.corrupt(digits.x_test[:20], "missing", 0.5)
    mean = impute(model, x, num_samples=50)[missing]
    assert np.all((mean > 0) & (mean < 1))
    drawn = impute(model, x, num_samples=50, draws=20)[:, missing]
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert abs(drawn.mean() - mean.mean()) < 0.02


def test_a_contaminated_likelihood_fills_in_what_the_cell_should_have_been(wide_vae, ppca, holes):
    contaminated = vaelib.VAE(
        wide_vae.encoder, wide_vae.decoder, vaelib.Contaminated(wide_vae.likelihood, 1e-6)
    )
    np.testing.assert_allclose(
        impute(contaminated, holes, num_samples=4096), impute(wide_vae, holes, num_samples=4096), atol=0.02
    )
