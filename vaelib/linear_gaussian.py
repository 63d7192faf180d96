"""Probabilistic PCA: the latent-variable model in which nothing has to be approximated.

x = weights · z + mean + noise, with z standard normal and the noise N(0, noise_variance · I). Its posterior,
its evidence log p(x) and its ELBO are closed forms, so every formula of the book can be tried on it. This
file alone computes in float64, with NumPy: it is the ruler, not the thing measured.
"""

import math

import numpy as np


class LinearGaussian:
    """Probabilistic PCA with given parameters.

    Args:
        weights: shape (features, latent_dim).
        mean: shape (features,).
        noise_variance: variance of each feature around its expectation, positive.

    Raises:
        ValueError: if the shapes do not fit or the variance is not positive.

    Source: Tipping & Bishop (1999).
    """

    def __init__(self, weights, mean, noise_variance):
        self.weights = np.asarray(weights, "float64")
        self.mean = np.asarray(mean, "float64")
        self.noise_variance = float(noise_variance)
        if self.weights.ndim != 2 or self.mean.shape != self.weights.shape[:1]:
            raise ValueError(
                "LinearGaussian expects weights (features, latent_dim) and mean (features,); got "
                f"{self.weights.shape} and {self.mean.shape}."
            )
        if not 0 < self.noise_variance < math.inf:
            raise ValueError(f"noise_variance expects a positive number; got {noise_variance!r}.")
        features, latent_dim = self.weights.shape
        precision = np.eye(latent_dim) + self.weights.T @ self.weights / self.noise_variance
        self.posterior_covariance = np.linalg.inv(precision)
        self.covariance = self.weights @ self.weights.T + self.noise_variance * np.eye(features)

    @classmethod
    def fit(cls, x, latent_dim):
        """Maximum-likelihood parameters, in closed form.

        Args:
            x: data, shape (batch, features), with latent_dim < features.
            latent_dim: dimensions of z.

        Returns:
            A :class:`LinearGaussian`.

        Source: Tipping & Bishop (1999), eqs. 7 and 8.
        """
        x = np.asarray(x, "float64")
        variances, axes = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))
        variances, axes = variances[::-1], axes[:, ::-1]  # largest first
        noise_variance = variances[latent_dim:].mean()
        scales = np.sqrt(np.maximum(variances[:latent_dim] - noise_variance, 0.0))
        return cls(axes[:, :latent_dim] * scales, x.mean(axis=0), noise_variance)

    def sample(self, n, seed=0):
        """Draw latent vectors from the prior, then data given them.

        Args:
            n: how many.
            seed: an int.

        Returns:
            x, shape (n, features), and z, shape (n, latent_dim).
        """
        rng = np.random.default_rng(seed)
        z = rng.standard_normal((n, self.weights.shape[1]))
        noise = rng.standard_normal((n, len(self.mean)))
        return z @ self.weights.T + self.mean + math.sqrt(self.noise_variance) * noise, z

    def posterior(self, x):
        """Exact p(z given x), a Gaussian whose covariance is the same for every x.

        Args:
            x: data, shape (batch, features).

        Returns:
            Means, shape (batch, latent_dim), and covariance, shape (latent_dim, latent_dim).
        """
        centred = np.asarray(x, "float64") - self.mean
        return (
            centred @ self.weights @ self.posterior_covariance / self.noise_variance,
            self.posterior_covariance,
        )

    def log_evidence(self, x):
        """Exact log p(x).

        Args:
            x: data, shape (batch, features).

        Returns:
            Log density in nats, shape (batch,).
        """
        centred = np.asarray(x, "float64") - self.mean
        mahalanobis = np.einsum("bi,bi->b", centred, np.linalg.solve(self.covariance, centred.T).T)
        log_determinant = np.linalg.slogdet(2 * math.pi * self.covariance)[1]
        return -0.5 * (mahalanobis + log_determinant)

    def reconstruction(self, x, mean, log_var):
        """Exact E_q[log p(x given z)] for a diagonal Gaussian q.

        Args:
            x: data, shape (batch, features).
            mean: means of q, shape (batch, latent_dim).
            log_var: log variances of q, same shape.

        Returns:
            Expectations in nats, shape (batch,).
        """
        residual = np.asarray(x, "float64") - self.mean - np.asarray(mean, "float64") @ self.weights.T
        variance = np.exp(np.asarray(log_var, "float64"))
        spread = variance @ np.square(self.weights).sum(axis=0)
        squared_error = np.square(residual).sum(axis=1) + spread
        log_normalizer = len(self.mean) * math.log(2 * math.pi * self.noise_variance)
        return -0.5 * (squared_error / self.noise_variance + log_normalizer)

    def kl_to_posterior(self, x, mean, log_var):
        """Exact KL(q ‖ p(z given x)) for a diagonal Gaussian q: the gap of its ELBO.

        Args:
            x: data, shape (batch, features).
            mean: means of q, shape (batch, latent_dim).
            log_var: log variances of q, same shape.

        Returns:
            Divergences in nats, shape (batch,).
        """
        target, covariance = self.posterior(x)
        precision = np.linalg.inv(covariance)
        log_var = np.asarray(log_var, "float64")
        difference = np.asarray(mean, "float64") - target
        distance = np.einsum("bi,ij,bj->b", difference, precision, difference)
        log_determinants = np.linalg.slogdet(covariance)[1] - log_var.sum(axis=1)
        trace = np.exp(log_var) @ np.diag(precision)
        return 0.5 * (distance + trace - difference.shape[1] + log_determinants)
