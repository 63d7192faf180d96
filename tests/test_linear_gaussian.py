import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA

import vaelib
from vaelib import gaussian


def some_q(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)), rng.normal(-1, 0.7, (n, 2))


@pytest.fixture
def general():
    """Weights that are not orthogonal: the posterior is correlated."""
    rng = np.random.default_rng(3)
    return vaelib.LinearGaussian(rng.normal(size=(4, 2)), rng.normal(size=4), 0.5)


def test_log_evidence_is_scipys_normal_density(general):
    x, _ = general.sample(50, seed=0)
    covariance = general.weights @ general.weights.T + 0.5 * np.eye(4)
    expected = stats.multivariate_normal(general.mean, covariance).logpdf(x)
    np.testing.assert_allclose(general.log_evidence(x), expected, rtol=1e-10)


def test_posterior_is_the_joint_normal_conditioned_on_x(general):
    x, _ = general.sample(5, seed=1)
    to_x = general.weights.T @ np.linalg.inv(general.weights @ general.weights.T + 0.5 * np.eye(4))
    mean, covariance = general.posterior(x)
    np.testing.assert_allclose(mean, (x - general.mean) @ to_x.T, rtol=1e-10)
    np.testing.assert_allclose(covariance, np.eye(2) - to_x @ general.weights, rtol=1e-10)


def test_evidence_is_elbo_plus_kl_to_the_posterior_for_any_q(general):
    x, _ = general.sample(30, seed=2)
    mean, log_var = some_q(30)
    elbo = general.reconstruction(x, mean, log_var) - gaussian.kl_to_standard_normal(mean, log_var)
    np.testing.assert_allclose(
        elbo + general.kl_to_posterior(x, mean, log_var), general.log_evidence(x), rtol=0, atol=1e-9
    )


def test_reconstruction_is_the_average_over_q(general):
    x, _ = general.sample(1, seed=4)
    mean, log_var = some_q(1)
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(5).standard_normal((200_000, 2))
    draws = stats.norm(z @ general.weights.T + general.mean, 0.5**0.5).logpdf(x).sum(axis=1)
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean() - general.reconstruction(x, mean, log_var)[0]) < 4 * error


def test_kl_to_posterior_is_scipys_average_of_log_ratios(general):
    x, _ = general.sample(1, seed=6)
    mean, log_var = some_q(1)
    z = mean + np.exp(0.5 * log_var) * np.random.default_rng(7).standard_normal((200_000, 2))
    target, covariance = general.posterior(x)
    q = stats.norm(mean, np.exp(0.5 * log_var)).logpdf(z).sum(axis=1)
    ratios = q - stats.multivariate_normal(target[0], covariance).logpdf(z)
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - general.kl_to_posterior(x, mean, log_var)[0]) < 4 * error


def test_fit_is_scikit_learns_probabilistic_pca(general):
    x, _ = general.sample(500, seed=8)
    fitted, pca = vaelib.LinearGaussian.fit(x, 2), PCA(2).fit(x)
    unbiased = 500 / 499  # scikit-learn divides by n - 1
    np.testing.assert_allclose(fitted.covariance * unbiased, pca.get_covariance(), rtol=1e-8)
    assert fitted.log_evidence(x).sum() >= general.log_evidence(x).sum()
    np.testing.assert_allclose(fitted.log_evidence(x).mean(), pca.score(x), rtol=1e-4)


def test_samples_have_the_models_mean_and_covariance_and_repeat(general):
    x, z = general.sample(200_000, seed=9)
    np.testing.assert_allclose(np.cov(x.T), general.covariance, atol=0.05)
    np.testing.assert_allclose(x.mean(axis=0), general.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.02)
    np.testing.assert_array_equal(general.sample(3, seed=9)[0], general.sample(3, seed=9)[0])
