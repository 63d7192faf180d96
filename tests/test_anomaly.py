import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, stats

import vaelib
from vaelib import anomaly, anomaly_score, conformal_threshold

KINDS = list(anomaly.SCORES)
FROM_SAMPLES = KINDS[1:]


@pytest.fixture(scope="module")
def trained(digits):
    """A VAE of the digits in each likelihood's simplest form, trained for a moment."""
    keras.utils.set_random_seed(0)
    model = vaelib.mlp_vae((8, 8, 1), 3, (32,))
    model.compile("adam", jit_compile=False)
    model.fit(digits.x_train, epochs=8, verbose=0)
    return model


# Each score against the truth, on probabilistic PCA


def test_reconstruction_is_the_squared_error_of_the_posterior_mean(exact_vae, ppca, ppca_data):
    mean, _ = ppca.posterior(ppca_data)
    expected = np.square(ppca_data - mean @ ppca.weights.T - ppca.mean).sum(axis=1)
    np.testing.assert_allclose(anomaly_score(exact_vae, ppca_data, "reconstruction"), expected, rtol=1e-3)


def test_reconstruction_probability_is_the_closed_form_of_the_first_term(moved_vae, ppca, ppca_data):
    mean, log_var = moved_vae.encode(ppca_data)
    expected = -ppca.reconstruction(ppca_data, mean, log_var)
    score = anomaly_score(moved_vae, ppca_data, "reconstruction_probability", num_samples=4096)
    np.testing.assert_allclose(score, expected, atol=0.02)


def test_elbo_is_minus_the_evidence_plus_the_gap(moved_vae, ppca, ppca_data):
    gap = ppca.kl_to_posterior(ppca_data, *moved_vae.encode(ppca_data))
    score = anomaly_score(moved_vae, ppca_data, "elbo", num_samples=4096)
    np.testing.assert_allclose(score, gap - ppca.log_evidence(ppca_data), atol=0.02)


def test_with_the_exact_posterior_one_sample_gives_the_nll(exact_vae, ppca, ppca_data):
    for samples in (1, 7):
        score = anomaly_score(exact_vae, ppca_data, "nll", samples)
        np.testing.assert_allclose(score, -ppca.log_evidence(ppca_data), atol=2e-4)


def test_nll_falls_to_the_evidence_as_samples_are_added(moved_vae, ppca, ppca_data):
    evidence = -ppca.log_evidence(ppca_data)
    errors = [abs(anomaly_score(moved_vae, ppca_data, "nll", k) - evidence).mean() for k in (4, 64, 1024)]
    assert errors[0] > 4 * errors[1] > 8 * errors[2]
    assert errors[-1] < 1e-3
    np.testing.assert_allclose(
        anomaly_score(moved_vae, ppca_data, "nll", 1000),
        -moved_vae.log_likelihood(ppca_data, 1000),
        atol=0.15,  # the other draws independently for each example
    )


def test_no_regret_where_the_encoder_is_exact(exact_vae, ppca_data):
    regret = anomaly_score(exact_vae, ppca_data, "likelihood_regret", num_samples=256)
    assert regret.min() >= 0
    assert regret.max() < 2e-3


def test_regret_is_the_divergence_to_the_best_posterior(moved_vae, ppca, ppca_data):
    x = ppca_data.copy()
    x[:20] *= 3  # so that the encoder is further off for some than for others
    head = moved_vae.encoder.get_layer("mean")
    head.kernel.assign(0.8 * head.kernel)
    expected = ppca.kl_to_posterior(x, *moved_vae.encode(x))  # here the best diagonal q is exact
    assert expected.max() > 3 * expected.min()
    regret = anomaly_score(moved_vae, x, "likelihood_regret", num_samples=256)
    np.testing.assert_allclose(regret, expected, rtol=0.02, atol=0.01)


def test_regret_finds_the_optimum_that_scipy_finds(trained, digits):
    """No closed form: the same sampled ELBO, written in NumPy and climbed by L-BFGS."""
    x = digits.x_test[:4]
    noise = anomaly.shared_noise(8, 3).astype("float64")
    weights = [np.asarray(weight, "float64") for weight in trained.decoder.weights]
    moments = np.concatenate(trained.encode(x), axis=1).astype("float64")

    def loss(q, x):
        mean, log_var = q[:3], q[3:]
        hidden = np.maximum((mean + np.exp(0.5 * log_var) * noise) @ weights[0] + weights[1], 0)
        logits = hidden @ weights[2] + weights[3]
        log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1).mean()
        return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum() - log_likelihood

    for image, q, regret in zip(x, moments, anomaly_score(trained, x, "likelihood_regret", 8), strict=True):
        best = optimize.minimize(loss, q, args=(image.ravel(),)).fun
        assert regret == pytest.approx(loss(q, image.ravel()) - best, abs=0.05, rel=0.02)


# What holds for every score


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_more_anomalous_than_digits(trained, digits, kind):
    noise = np.random.default_rng(0).random((100, 8, 8, 1))
    normal, strange = (anomaly_score(trained, x, kind) for x in (digits.x_test[:100], noise))
    assert normal.dtype == np.float32
    assert normal.shape == (100,)
    above = np.mean(strange[:, None] > normal)
    assert above > (0.6 if kind == "likelihood_regret" else 0.95)


@pytest.mark.parametrize("kind", FROM_SAMPLES)
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(trained, digits, kind):
    x = digits.x_test[:50]
    first = anomaly_score(trained, x, kind, num_samples=8, seed=1)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(anomaly_score(trained, x, kind, num_samples=8, seed=1), first)
    assert not np.any(anomaly_score(trained, x, kind, num_samples=8, seed=2) == first)


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_has_its_score_in_whatever_company(trained, digits, kind):
    x = digits.x_test[:30]
    together = anomaly_score(trained, x, kind, num_samples=8)
    order = np.random.default_rng(0).permutation(30)
    shuffled = anomaly_score(trained, x[order], kind, num_samples=8)
    np.testing.assert_allclose(shuffled, together[order], rtol=1e-3, atol=1e-2)
    alone = np.concatenate([anomaly_score(trained, x[i : i + 1], kind, num_samples=8) for i in range(3)])
    np.testing.assert_allclose(alone, together[:3], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_does_not_grow_with_the_batch(monkeypatch, digits, kind):
    monkeypatch.setattr(anomaly, "DECODED_AT_ONCE", 64)
    rows = []

    class Recorder(keras.layers.Layer):
        def call(self, z):
            tf.numpy_function(lambda n: rows.append(n), [tf.shape(z)[0]], [])
            return z

    z = keras.Input((2,))
    model = vaelib.mlp_vae((8, 8, 1), 2, (8,))
    model = vaelib.VAE(model.encoder, keras.Model(z, model.decoder(Recorder()(z))))
    assert anomaly_score(model, digits.x_test[:40], kind, num_samples=16).shape == (40,)
    assert max(rows) <= 64
    if kind in ("reconstruction_probability", "elbo", "nll"):
        in_pieces = anomaly_score(model, digits.x_test[:2], kind, num_samples=200)
        assert max(rows) <= 64
        monkeypatch.setattr(anomaly, "DECODED_AT_ONCE", 8192)
        np.testing.assert_allclose(
            in_pieces, anomaly_score(model, digits.x_test[:2], kind, num_samples=200), rtol=1e-5
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_cell_adds_nothing(moved_vae, ppca, ppca_data, kind):
    """Left out by hand: a decoder of the observed features, with the encoder fed 0 for the rest."""
    x = ppca_data[:50].copy()
    x[:, 3:] = np.nan
    first = keras.Input((3,))
    zeros = keras.layers.ZeroPadding1D((0, 2))(keras.layers.Reshape((3, 1))(first))
    z = keras.Input((2,))
    observed = keras.layers.Dense(3)
    part = vaelib.VAE(
        keras.Model(first, moved_vae.encoder(keras.layers.Flatten()(zeros))),
        keras.Model(z, observed(z)),
        moved_vae.likelihood,
    )
    observed.set_weights([ppca.weights.T[:, :3], ppca.mean[:3]])
    np.testing.assert_allclose(
        anomaly_score(moved_vae, x, kind), anomaly_score(part, x[:, :3], kind), rtol=1e-3, atol=1e-3
    )


def test_noise_has_the_moments_of_a_standard_normal_and_less_variance():
    noise = anomaly.shared_noise(256, 6)
    assert noise.shape == (256, 6)
    assert noise.dtype == np.float32
    np.testing.assert_allclose(noise.T @ noise / 256, np.eye(6), atol=0.15)
    assert stats.kstest(noise[:, 0], "norm").pvalue > 0.9  # more even than independent draws would be
    assert np.abs(noise.mean(axis=0)).max() < 0.5 / math.sqrt(256)
    single = np.concatenate([anomaly.shared_noise(1, 1, seed=s)[0] for s in range(500)])
    assert stats.kstest(single, "norm").pvalue > 0.01  # each draw alone is exactly normal


# The threshold


@pytest.mark.parametrize(("n", "rate", "rank"), [(19, 0.05, 19), (99, 0.05, 95), (9, 0.3, 7), (100, 0.1, 91)])
def test_the_threshold_is_the_conformal_order_statistic(n, rate, rank):
    scores = np.random.default_rng(n).permutation(np.arange(1, n + 1))
    assert conformal_threshold(scores, rate) == rank


def test_too_few_scores_promise_nothing_finite():
    assert conformal_threshold(np.arange(18), 0.05) == math.inf
    assert conformal_threshold(np.arange(19), 0.05) == 18


@pytest.mark.parametrize(("n", "rate"), [(19, 0.05), (24, 0.1), (60, 0.05), (200, 0.05)])
def test_fresh_normals_are_called_anomalies_no_more_often_than_asked(n, rate):
    """On average over many splits it is floor(rate (n + 1)) / (n + 1); with n for n + 1 it is more."""
    splits, fresh = 4000, 50
    rng = np.random.default_rng(0)
    scores = rng.gumbel(size=(splits, n + fresh))
    rates = [np.mean(row[n:] > conformal_threshold(row[:n], rate)) for row in scores]
    expected = math.floor(round(rate * (n + 1), 9)) / (n + 1)
    standard_error = np.std(rates) / math.sqrt(splits)
    assert abs(np.mean(rates) - expected) < 4 * standard_error
    assert np.mean(rates) < rate + 4 * standard_error


def test_ties_do_not_break_the_promise():
    """Scores with few values: ``>=`` in place of ``>`` would call far more than 5 % anomalies."""
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, size=(2000, 99 + 50))
    rates = [np.mean(row[99:] > conformal_threshold(row[:99], 0.05)) for row in scores]
    assert np.mean(rates) < 0.05


def test_a_threshold_from_held_out_digits_holds_on_fresh_ones(trained, digits):
    scores = anomaly_score(trained, digits.x_test)
    rng, rates = np.random.default_rng(0), []
    for _ in range(300):
        shuffled = rng.permutation(scores)
        rates.append(np.mean(shuffled[180:] > conformal_threshold(shuffled[:180], 0.05)))
    assert 0.03 < np.mean(rates) <= 0.053
