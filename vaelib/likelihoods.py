"""What the decoder's output says about the data: p(x given z), cell by cell.

A likelihood turns a decoder's output, ``params``, into a log density of ``x``. The cells of an example
are independent given z, so everything here is per cell; a model sums it over an example.
"""

import math
import numbers

import keras
from keras import ops

from vaelib import gaussian
from vaelib.checks import check_name

OUTLIER_PROBABILITY_AT_START = 0.05
GRAY_LEVELS = 256
LEVEL_WIDTH = 1 / (GRAY_LEVELS - 1)
LEAST_GRAY_LOG_VAR = 2 * math.log(LEVEL_WIDTH)  # below it a level's probability is not density times width
STUCK = 0.02  # of damaged pixels at each end: dead or saturated ones; the others may have any level
OUTLIER_SCALE = 5.0  # of outliers among standardized data: half of them are less than this from 0


class Likelihood(keras.layers.Layer):
    """Base of the likelihoods: a Keras layer, so that what it learns is trained and saved.

    A subclass gives ``log_prob``, ``mean``, ``var`` and ``sample``. ``support`` is the closed interval of
    values it can explain; ``params_per_cell`` is how many numbers the decoder gives it for each cell.
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

    def var(self, params):
        """Variance of each cell around its mean.

        Args:
            params: decoder output, shape (batch, ..., channels * params_per_cell).

        Returns:
            Variances, of a shape that broadcasts to (batch, ..., channels).
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

    def var(self, params):
        return ops.sigmoid(params) * ops.sigmoid(-params)

    def sample(self, params, seed=None):
        uniform = keras.random.uniform(ops.shape(params), dtype="float32", seed=seed)
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

    def var(self, params):
        is_small = ops.abs(params) < 0.5
        safe = ops.where(is_small, 0.5, params)
        exact = 1.0 / ops.square(safe) - 0.25 / ops.square(ops.sinh(ops.clip(0.5 * safe, -40.0, 40.0)))
        series = 1 / 12 - ops.square(params) / 240.0 + ops.power(params, 4) / 6048.0
        return ops.where(is_small, series, exact)

    def sample(self, params, seed=None):
        uniform = keras.random.uniform(ops.shape(params), dtype="float32", seed=seed)
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
        is_number = isinstance(variance, numbers.Real) and not isinstance(variance, bool)
        if not (variance in ("shared", "per_cell") or (is_number and 0 < variance < math.inf)):
            raise ValueError(
                'Gaussian expects variance to be a positive number, "shared" or "per_cell"; '
                f"got {variance!r}. A fixed standard deviation s is variance=s**2."
            )
        self.variance = float(variance) if is_number else variance
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

    def var(self, params):
        return ops.exp(gaussian.bounded(self.moments(params)[1]))

    def sample(self, params, seed=None):
        mean, log_var = self.moments(params)
        return gaussian.sample(mean, log_var, seed)

    def get_config(self):
        return {**super().get_config(), "variance": self.variance}


@keras.saving.register_keras_serializable(package="vaelib")
class StudentT(Likelihood):
    """A cell has Student's t distribution around the decoder's output: rare values need not be damage.

    The decoder's last axis holds the means followed by the log squared scales, as for a per-cell Gaussian.

    Args:
        dof: degrees of freedom, more than 2, so that there is a variance; fewer are heavier tails.

    Raises:
        ValueError: if ``dof`` is not such a number.

    Source: Lange, Little & Taylor (1989); as a decoder, Takahashi et al. (2018).
    """

    params_per_cell = 2

    def __init__(self, dof=4.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(dof, bool) or not isinstance(dof, numbers.Real) or not 2 < dof < math.inf:
            raise ValueError(f"StudentT expects dof to be a number above 2; got {dof!r}. Try 4.")
        self.dof = float(dof)

    def log_prob(self, x, params):
        mean, log_scale2 = self._split(params)
        half = 0.5 * (self.dof + 1.0)
        constant = math.lgamma(half) - math.lgamma(0.5 * self.dof) - 0.5 * math.log(math.pi * self.dof)
        distance = ops.square(x - mean) * ops.exp(-log_scale2)
        return constant - 0.5 * log_scale2 - half * ops.log1p(distance / self.dof)

    def mean(self, params):
        return self._split(params)[0]

    def var(self, params):
        return ops.exp(self._split(params)[1]) * (self.dof / (self.dof - 2.0))

    def sample(self, params, seed=None):
        mean, log_scale2 = self._split(params)
        seed = keras.random.SeedGenerator(seed) if isinstance(seed, int) else seed  # for two draws
        normal = gaussian.sample(ops.zeros_like(mean), log_scale2, seed)
        chi2 = keras.random.gamma(ops.shape(mean), 0.5 * self.dof, dtype="float32", seed=seed)
        return mean + normal / ops.sqrt(chi2 / (0.5 * self.dof))

    def get_config(self):
        return {**super().get_config(), "dof": self.dof}

    @staticmethod
    def _split(params):
        mean, log_scale2 = ops.split(params, 2, axis=-1)
        return mean, gaussian.bounded(log_scale2)


@keras.saving.register_keras_serializable(package="vaelib")
class ZeroOneInflated(Likelihood):
    """A cell is one of 256 gray levels between 0 and 1, of which black and white are levels apart.

    Most pixels of a drawing are exactly black or nearly white, and a bell curve around a mean in between
    would give both little probability. So the decoder gives each cell three numbers: the log odds that it is
    black and that it is white, both against gray, and the logit of the mean m that it has if it is gray.
    Black is level 0. White and gray are normal densities times the width of a level: white around a level
    and with a variance that are learned, cut off at 1; gray around m with log variance a + b log(m (1 - m)),
    a and b learned. What gray puts outside [0, 1] is lost, so that the probabilities add up to one or, up to
    rounding, to less: a bound stays a bound. ``mean`` and ``var`` take white as if it were not cut off, and
    ``sample`` puts what lies beyond at 1.

    Source: zero-or-one inflation, Ospina & Ferrari (2010), here of a normal variable.
    """

    params_per_cell = 3
    support = (0.0, 1.0)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        start = {"white": 0.99, "white_log_var": -7.0, "gray_intercept": -1.0, "gray_slope": 1.0}
        self.white, self.white_log_var, self.gray_intercept, self.gray_slope = (
            self.add_weight(
                shape=(), initializer=keras.initializers.Constant(value), name=name, autocast=False
            )
            for name, value in start.items()
        )

    def components(self, params):
        """Log weight, mean and log variance of black, white and gray.

        Args:
            params: decoder output, shape (batch, ..., channels * 3).

        Returns:
            Three tensors, each of shape (3, batch, ..., channels).
        """
        black, white, gray = ops.split(params, 3, axis=-1)
        zero = ops.zeros_like(gray)
        log_weight = ops.log_softmax(ops.stack([black, white, zero]), axis=0)
        mean = ops.stack([zero, zero + ops.minimum(self.white, 1.0), ops.sigmoid(gray)])
        gray_log_var = self.gray_intercept - self.gray_slope * (ops.softplus(-gray) + ops.softplus(gray))
        log_var = ops.stack([zero, zero + self.white_log_var, gray_log_var])
        return log_weight, mean, ops.maximum(log_var, LEAST_GRAY_LOG_VAR)

    def log_prob(self, x, params):
        log_weight, mean, log_var = self.components(params)
        is_black = ops.where(x < 0.5 * LEVEL_WIDTH, 0.0, -1e4) + ops.zeros_like(mean[0])
        bells = gaussian.log_density_per_cell(x, mean[1:], log_var[1:]) + math.log(LEVEL_WIDTH)
        is_white, is_gray = bells[0] - self._log_white_mass(), bells[1]
        return ops.logsumexp(log_weight + ops.stack([is_black, is_white, is_gray]), axis=0)

    def _log_white_mass(self):
        """Log of the share of the bell around white that lies below 1, where it is cut off."""
        std = ops.exp(0.5 * ops.maximum(self.white_log_var, LEAST_GRAY_LOG_VAR))
        distance = (1.0 + 0.5 * LEVEL_WIDTH - ops.minimum(self.white, 1.0)) / std
        return ops.log(0.5 * (1.0 + ops.erf(distance / math.sqrt(2.0))))

    def mean(self, params):
        log_weight, mean, _ = self.components(params)
        return ops.sum(ops.exp(log_weight) * mean, axis=0)

    def var(self, params):
        log_weight, mean, log_var = self.components(params)
        within = ops.exp(log_weight[1:] + log_var[1:])  # black has no variance
        between = ops.exp(log_weight) * ops.square(mean - self.mean(params))
        return ops.sum(within, axis=0) + ops.sum(between, axis=0)

    def sample(self, params, seed=None):
        seed = keras.random.SeedGenerator(seed) if isinstance(seed, int) else seed  # for two draws
        log_weight, mean, log_var = self.components(params)
        below = ops.cumsum(ops.exp(log_weight), axis=0)
        uniform = keras.random.uniform(ops.shape(mean[0]), dtype="float32", seed=seed)
        noisy = gaussian.sample(mean, log_var, seed)
        draw = ops.where(uniform < below[0], 0.0, ops.where(uniform < below[1], noisy[1], noisy[2]))
        return ops.round(ops.clip(draw, 0.0, 1.0) / LEVEL_WIDTH) * LEVEL_WIDTH


@keras.saving.register_keras_serializable(package="vaelib")
class Contaminated(Likelihood):
    """Each cell is explained by ``base``, or with some probability it is an outlier.

    log p(x given z) = log((1 - π) p_base(x given z) + π p_outlier(x)), cell by cell. The density of outliers
    is broad and knows nothing of z. ``mean`` and ``sample`` are those of ``base``: of what the cell should
    have been.

    Args:
        base: the likelihood of undamaged cells, a name or an object.
        outlier_probability: π, a number between 0 and 1, or ``"learned"``, one π for all cells, trained
            with the weights from 0.05 on.
        outlier_range: (low, high), between which an outlier is uniform and all data must lie. None means the
            support of ``base`` where that is bounded; among gray levels a few more outliers are stuck at
            either end, as dead and saturated pixels are. Without bounds outliers have a Cauchy distribution
            around 0 of scale 5, for standardized data: none lies so far out that ``base`` would explain it
            better.

    Raises:
        ValueError: if a number is out of range, or ``base`` is itself contaminated.

    Source: the contaminated normal of Tukey (1960) and Huber (1964), as a decoder; compare Eduardo et al.
    (2020), eq. 3.
    """

    def __init__(self, base, outlier_probability=0.05, outlier_range=None, **kwargs):
        super().__init__(**kwargs)
        self.base = get(base)
        if isinstance(self.base, Contaminated):
            raise ValueError("Contaminated expects a base that is not contaminated itself. Give its base.")
        is_number = isinstance(outlier_probability, (int, float))
        if not (outlier_probability == "learned" or (is_number and 0 < outlier_probability < 1)):
            raise ValueError(
                'outlier_probability expects a number between 0 and 1, exclusive, or "learned"; '
                f"got {outlier_probability!r}. 5 per cent is 0.05."
            )
        if outlier_range is not None and not -math.inf < outlier_range[0] < outlier_range[1] < math.inf:
            raise ValueError(
                f"outlier_range expects (low, high) with low < high; got {outlier_range!r}. "
                "For images it is (0, 1)."
            )
        low, high = self.base.support
        if outlier_range is not None and math.isfinite(high - low):
            raise ValueError(
                f"outlier_range expects None for a base with bounds of its own; got {outlier_range!r} and a "
                f"{type(self.base).__name__}, whose outliers lie within {self.base.support}."
            )
        self.outlier_probability = outlier_probability
        self.outlier_range = outlier_range
        self.params_per_cell = self.base.params_per_cell
        self.support = outlier_range or self.base.support
        start = OUTLIER_PROBABILITY_AT_START if outlier_probability == "learned" else outlier_probability
        self.log_odds = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(math.log(start) - math.log1p(-start)),
            trainable=outlier_probability == "learned",
            name="outlier_log_odds",
            autocast=False,
        )

    def outlier_log_prob(self, x):
        """Log density of each cell if it is an outlier.

        Args:
            x: data, any shape.

        Returns:
            Log densities in nats, same shape.
        """
        if isinstance(self.base, Bernoulli):
            return ops.full_like(x, -math.log(2))
        if isinstance(self.base, ZeroOneInflated):
            is_end = (x < 0.5 * LEVEL_WIDTH) | (x > 1.0 - 0.5 * LEVEL_WIDTH)
            return ops.log((1.0 - 2.0 * STUCK) / GRAY_LEVELS + STUCK * ops.cast(is_end, "float32"))
        low, high = self.support
        if math.isinf(high - low):
            log_square = 2.0 * ops.log(ops.abs(x) / OUTLIER_SCALE)  # the square itself may overflow
            return -ops.softplus(log_square) - math.log(math.pi * OUTLIER_SCALE)
        return ops.full_like(x, -math.log(high - low))

    def components(self, x, params, log_odds=None):
        """Log of the two terms of the mixture, for each cell.

        Args:
            x: data, shape (batch, ..., channels).
            params: decoder output, shape (batch, ..., channels * params_per_cell).
            log_odds: log(π / (1 - π)), broadcastable to ``x``, in place of the likelihood's own.

        Returns:
            log((1 - π) p_base) and log(π p_outlier) in nats, each of ``x``'s shape.
        """
        log_odds = ops.cast(self.log_odds if log_odds is None else log_odds, "float32")
        clean = self.base.log_prob(x, params) - ops.softplus(log_odds)  # log(1 - π)
        outlier = self.outlier_log_prob(x) - ops.softplus(-log_odds)  # log(π)
        return clean, outlier

    def outlier_responsibility(self, x, params, log_odds=None):
        """Posterior probability that each cell is an outlier, given z.

        Args:
            x, params, log_odds: as for :meth:`components`.

        Returns:
            Probabilities, shape of ``x``.
        """
        clean, outlier = self.components(x, params, log_odds)
        return ops.sigmoid(outlier - clean)

    def log_prob(self, x, params):
        return ops.logaddexp(*self.components(x, params))

    def mean(self, params):
        return self.base.mean(params)

    def var(self, params):
        return self.base.var(params)

    def sample(self, params, seed=None):
        return self.base.sample(params, seed)

    def get_config(self):
        return {
            **super().get_config(),
            "base": keras.saving.serialize_keras_object(self.base),
            "outlier_probability": self.outlier_probability,
            "outlier_range": self.outlier_range,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "base": keras.saving.deserialize_keras_object(config["base"])})


BY_NAME = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "student_t": StudentT,
    "zero_one_inflated": ZeroOneInflated,
}


def get(likelihood):
    """The likelihood of that name, with its defaults, or the object itself.

    Args:
        likelihood: ``"bernoulli"``, ``"continuous_bernoulli"``, ``"gaussian"``,
            ``"student_t"``, ``"zero_one_inflated"``, or a :class:`Likelihood`.

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
