"""What the decoder's output says about the data: p(x given z), cell by cell.

A likelihood turns a decoder's output, ``params``, into a log density of ``x``. The cells of an example
are independent given z, so everything here is per cell; a model sums it over an example.
"""

import math

import keras
from keras import ops

from vaelib import gaussian
from vaelib.checks import check_name


class Likelihood(keras.layers.Layer):
    """Base of the likelihoods: a Keras layer, so that what it learns is trained and saved.

    A subclass gives ``log_prob``, ``mean`` and ``sample``. ``support`` is the closed interval of values
    it can explain; ``params_per_cell`` is how many numbers the decoder gives it for each cell.
    """

    params_per_cell = 1
    support = (-math.inf, math.inf)

    def __init__(self, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.built = True

    def log_prob(self, x, params):
        """Log density of each cell.

        Args:
            x: data, shape (batch, ..., channels).
            params: decoder output, shape (batch, ..., channels * params_per_cell).

        Returns:
            Log densities, or log probabilities, in nats, shape of ``x``.
        """
        raise NotImplementedError

    def mean(self, params):
        """Expected value of each cell.

        Args:
            params: decoder output, shape (batch, ..., channels * params_per_cell).

        Returns:
            Means, shape (batch, ..., channels).
        """
        raise NotImplementedError

    def sample(self, params, seed=None):
        """Draw each cell once.

        Args:
            params: decoder output, shape (batch, ..., channels * params_per_cell).
            seed: an int or a ``keras.random.SeedGenerator``.

        Returns:
            Draws, shape (batch, ..., channels).
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="vaelib")
class Bernoulli(Likelihood):
    """A cell is 1 with probability sigmoid(params), else 0.

    On grey values between 0 and 1 its ``log_prob`` is minus the familiar binary cross-entropy. That
    trains well but is the log density of nothing: see :class:`ContinuousBernoulli`.
    """

    support = (0.0, 1.0)

    def log_prob(self, x, params):
        return x * params - ops.softplus(params)

    def mean(self, params):
        return ops.sigmoid(params)

    def sample(self, params, seed=None):
        uniform = keras.random.uniform(ops.shape(params), seed=seed)
        return ops.cast(uniform < ops.sigmoid(params), "float32")


@keras.saving.register_keras_serializable(package="vaelib")
class ContinuousBernoulli(Likelihood):
    """Density proportional to p^x (1 - p)^(1 - x) on [0, 1], with p = sigmoid(params).

    It is the Bernoulli's formula made into a density: what it adds is the normalizing constant.

    Source: Loaiza-Ganem & Cunningham (2019).
    """

    support = (0.0, 1.0)

    def log_prob(self, x, params):
        return x * params - ops.softplus(params) + self.log_constant(params)

    @staticmethod
    def log_constant(logits):
        """Log of the constant that makes the density integrate to one.

        With a = abs(logit) / 2 it is log(2 a / tanh a); near zero its series replaces 0 / 0.

        Args:
            logits: decoder output, any shape.

        Returns:
            Log constants in nats, same shape.

        Source: Loaiza-Ganem & Cunningham (2019), eq. 8, written in logits.
        """
        a = 0.5 * ops.abs(logits)
        safe = ops.maximum(a, 0.1)
        exact = ops.log(2.0 * safe) - ops.log(ops.tanh(safe))
        series = math.log(2.0) + ops.square(a) / 3.0 - 7.0 * ops.square(ops.square(a)) / 90.0
        return ops.where(a < 0.1, series, exact)

    def mean(self, params):
        is_small = ops.abs(params) < 0.2
        safe = ops.where(is_small, 0.2, params)
        exact = -1.0 / ops.expm1(-safe) - 1.0 / safe
        series = 0.5 + params / 12.0 - ops.power(params, 3) / 720.0
        return ops.where(is_small, series, exact)

    def sample(self, params, seed=None):
        uniform = keras.random.uniform(ops.shape(params), seed=seed)
        a = ops.maximum(ops.abs(params), 1e-4)
        inverse_cdf = ops.log1p(uniform * ops.expm1(-a)) / -a  # for a logit of -a
        return ops.where(params < 0, inverse_cdf, 1.0 - inverse_cdf)


@keras.saving.register_keras_serializable(package="vaelib")
class Gaussian(Likelihood):
    """A cell is normal around the decoder's output.

    Args:
        variance: a positive number, fixed; ``"shared"``, one variance for all cells, learned with the
            weights; or ``"per_cell"``, given by the decoder, whose last axis then holds the means
            followed by the log variances.

    Raises:
        ValueError: if ``variance`` is none of these.

    Source: for ``"shared"``, Rybkin, Daniilidis & Levine (2021).
    """

    def __init__(self, variance=1.0, **kwargs):
        super().__init__(**kwargs)
        is_number = isinstance(variance, (int, float)) and not isinstance(variance, bool)
        if not (variance in ("shared", "per_cell") or (is_number and 0 < variance < math.inf)):
            raise ValueError(
                'Gaussian expects variance to be a positive number, "shared" or "per_cell"; '
                f"got {variance!r}. A fixed standard deviation s is variance=s**2."
            )
        self.variance = variance
        self.params_per_cell = 2 if variance == "per_cell" else 1
        if variance == "shared":
            self.shared_log_var = self.add_weight(
                shape=(), initializer="zeros", name="log_var", autocast=False
            )

    def moments(self, params):
        """Split the decoder's output into mean and log variance.

        Args:
            params: decoder output, shape (batch, ..., channels * params_per_cell).

        Returns:
            Means and log variances, each of a shape that broadcasts to (batch, ..., channels).
        """
        if self.variance == "per_cell":
            return ops.split(params, 2, axis=-1)
        if self.variance == "shared":
            return params, ops.convert_to_tensor(self.shared_log_var)
        return params, ops.convert_to_tensor(math.log(self.variance), dtype="float32")

    def log_prob(self, x, params):
        return gaussian.log_density_per_cell(x, *self.moments(params))

    def mean(self, params):
        return self.moments(params)[0]

    def sample(self, params, seed=None):
        mean, log_var = self.moments(params)
        return gaussian.sample(mean, log_var, seed)

    def get_config(self):
        return {**super().get_config(), "variance": self.variance}


BY_NAME = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
}


def get(likelihood):
    """The likelihood of that name, with its defaults, or the object itself.

    Args:
        likelihood: ``"bernoulli"``, ``"continuous_bernoulli"``, ``"gaussian"``, or a
            :class:`Likelihood`.

    Returns:
        A :class:`Likelihood`.

    Raises:
        ValueError: for a name that is none of these.
        TypeError: for anything else, such as a class instead of an object.
    """
    if isinstance(likelihood, Likelihood):
        return likelihood
    if not isinstance(likelihood, str):
        raise TypeError(
            f"likelihood expects one of {', '.join(map(repr, BY_NAME))} or a Likelihood object; "
            f"got {likelihood!r}. A class needs its parentheses: Gaussian()."
        )
    check_name(likelihood, BY_NAME, "likelihood")
    return BY_NAME[likelihood]()
