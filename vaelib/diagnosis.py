"""What ails a VAE: numbers measured on it from outside, and what they mean in plain words.

A training pass is watched: what it hands to the decoder is compared with what the encoder said, and the loss
that comes out with the two terms of the ELBO, worked out anew from the two networks and the likelihood.
"""

import textwrap
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from vaelib import gaussian
from vaelib.checks import check_examples
from vaelib.model import in_batches
from vaelib.vae import VAE

LINE = 88  # characters of a printed finding, as many as the book's page is wide
EXAMPLES = 1000  # that are looked at; the limits below are wide against the noise of so many
OVERFLOW = 88.7  # exp of more is infinite in float32

# The limits. A fault in code is off by a factor of two or more; a healthy model, by a few per cent of noise.
FACTOR = 1.5
REST = 0.1  # nats in the loss that its two terms do not account for; rounding leaves a hundredth of that
IN_USE = 0.1  # nats that a unit carries on average; as in the chapters
MOSTLY_QUIET = 0.1  # share of units in use; spare units are no illness, but nine in ten are
AT_LIMIT = 0.005  # share of a head's outputs that are its extreme to the bit; of real numbers, just one is
LARGE_LOG_VAR = 12.0  # a std of 1/400, or of 400: over 5 nats a unit for its width alone
FAR = 2.0  # in the std of the aggregate posterior, or its mean in stds; trained models are within 1.6
MISFIT = 10.0  # in the likelihood's variance; one that was fixed at a sensible guess is off by less
WORSE = 0.85  # share of x worse than the training data's median; anomalies alone would have to be 70% of x
TAIL = 0.1  # share of x beyond the worst hundredth of the training data; a good fit puts some there


class Finding(NamedTuple):
    """One fault: its name, the number seen, what that means, and the entries of the field guide to read."""

    name: str
    value: float
    message: str
    entries: tuple

    def __str__(self):
        text = f"{self.name}: {self.message} (Field guide: {', '.join(map(str, self.entries))}.)"
        return textwrap.fill(text, LINE, subsequent_indent="    ")


class Diagnosis(tuple):
    """Findings, causes before consequences. Printed, each begins a line, and goes on indented."""

    __slots__ = ()

    def __str__(self):
        return "\n".join(map(str, self)) or "Nothing found."

    __repr__ = __str__

    @property
    def names(self):
        """The findings' names, in order."""
        return [finding.name for finding in self]


def diagnose(vae, x, x_train=None, score=None, threshold=None, repair=None, seed=0):
    """Faults of a VAE, of its training or of its use, each with the number that gives it away.

    Nothing about the model is changed, the state of its training noise included. No finding does not mean
    that the model is good: it may be too small, or trained for too short a time.

    Args:
        vae: a :class:`~vaelib.vae.VAE`, or a subclass that computes its loss in its own way.
        x: healthy examples that it was not trained on, shape ``(batch, *data_shape)``, without NaN. A
            thousand of them, drawn at random, are looked at.
        x_train: what it was trained on, for over-fitting, test data in training and anomalies in ``x``.
        score: a function from examples to anomaly scores; None means minus the ELBO.
        threshold: above which score an alarm is raised; with ``x_train`` it is asked of both how often it is.
        repair: a function from examples to repaired ones.
        seed: an int: the same seed gives the same findings.

    Returns:
        A :class:`Diagnosis`, a tuple of :class:`Finding`, causes before consequences. It is empty if nothing
        was found.

    Raises:
        TypeError: if ``vae`` is not a VAE.
        TypeError, ValueError: if ``x`` or ``x_train`` is not finite data of the VAE's shape. Data outside the
            likelihood's support are a finding.
    """
    if not isinstance(vae, VAE):
        raise TypeError(
            f"diagnose expects a VAE; got {vae!r}. Give its encoder, decoder and likelihood to vaelib.VAE."
        )
    rng = np.random.default_rng(seed)
    x = _some(check_examples(x, vae.data_shape), rng)
    if x_train is not None:
        x_train = check_examples(x_train, vae.data_shape, name="x_train")
    seen = _Pass(vae, x, seed)
    findings = [*_range(vae, x), *_finite(vae, seen)]
    if all(finding.name != "not_finite" for finding in findings):
        findings += _loss(vae, seen)
    if {finding.name for finding in findings} & {"not_finite", "sign"}:  # all else would be their consequence
        return Diagnosis(findings)
    findings += _noise(seen)
    if x_train is not None:
        findings += _data(vae, x, x_train, rng)
    if "out_of_range" not in {finding.name for finding in findings}:
        findings += _likelihood(vae, x, seen)
    findings += [*_heads(vae, x, seen, rng), *_latent(vae, seen)]
    findings += _use(vae, x, x_train, score, threshold, repair, seed)
    return Diagnosis(findings)


class _Pass:
    """Training passes over ``x``: what went through the model, and what should have, in NumPy arrays."""

    def __init__(self, vae, x, seed):
        self.mean, self.log_var = (np.array(head, "float32") for head in vae.encoder(x))
        self.kl_per_unit = np.array(gaussian.kl_to_standard_normal_per_unit(self.mean, self.log_var))
        self.kl = self.kl_per_unit.sum(axis=1)
        half = len(x) // 2
        company = np.concatenate([x[:half], x[: len(x) - half]])  # the first half, among others than before
        (self.z, self.terms), (self.z_again, _), (self.z_in_company, _) = _watch(vae, [x, x, company], seed)
        self.z_own = np.array(gaussian.sample(self.mean, self.log_var, seed))  # as the encoder says
        self.reconstruction = _log_prob(vae, x, self.z)


def _watch(vae, batches, seed):
    """The z that the decoder is given and what ``vae(x)`` returns, for each batch, in one graph as in fit."""
    decoder, state, given = vae.decoder, vae.noise.state.numpy(), []

    def tapped(z):
        given.append(z)
        return decoder(z)

    def training_pass(x):
        terms = vae(x)
        return tf.reshape(given[0], (-1, tf.shape(x)[0], vae.latent_dim))[0], terms

    vae.noise.state.assign(keras.random.SeedGenerator(seed).state)
    vars(vae)["decoder"] = tapped  # not by setattr: Keras would register it as a layer of the model
    try:
        signature = tf.TensorSpec((None, *vae.data_shape), "float32")
        graph = tf.function(training_pass).get_concrete_function(signature)
        return [keras.tree.map_structure(np.array, graph(tf.constant(x))) for x in batches]
    finally:
        vars(vae)["decoder"] = decoder
        vae.noise.state.assign(state)


def _log_prob(vae, x, z):
    return np.array(vae.log_prob_per_example(x, z), "float64")


def _elbo(vae, x, seed=0):
    """The ELBO of each example from what the encoder says, whatever the model itself computes."""
    mean, log_var = vae.encoder(x)
    z = gaussian.sample(mean, log_var, seed)
    return _log_prob(vae, x, z) - np.array(gaussian.kl_to_standard_normal(mean, log_var))


def _some(x, rng):
    return x if len(x) <= EXAMPLES else x[np.sort(rng.choice(len(x), EXAMPLES, replace=False))]


def _range(vae, x):
    low, high = vae.likelihood.support
    share = np.mean((x < low) | (x > high))
    if share:
        yield Finding(
            "out_of_range",
            share,
            f"x goes from {x.min():.3g} to {x.max():.3g}; the likelihood explains {low:g} to {high:g}."
            f" {share:.0%} of the cells lie outside, and a loss below zero means nothing.",
            (13,),
        )


def _finite(vae, seen):
    weights = sum(int(np.sum(~np.isfinite(weight))) for weight in vae.get_weights())
    bad = np.mean(~np.isfinite(np.broadcast_to(seen.terms["loss"], seen.kl.shape)))
    if weights:
        yield Finding(
            "not_finite",
            weights,
            f"{weights:,} weights are not finite: a step was taken on a loss that was not. Build the model"
            " anew and ask before that step.",
            (11, 4),
        )
    elif bad:
        yield Finding(
            "not_finite",
            bad,
            f"The loss is infinite or NaN for {bad:.0%} of x. The largest log variance is "
            f"{np.max(seen.log_var):.3g}; exp overflows above {OVERFLOW}.",
            (11,),
        )


def _loss(vae, seen):
    """How much minus the reconstruction and the KL count in the loss: exactly, since at the same z."""
    if vae.num_importance_samples > 1:  # another bound, which is no such sum
        return
    cells, units, size = int(np.prod(vae.data_shape)), vae.latent_dim, len(seen.kl)
    loss = np.broadcast_to(seen.terms["loss"], size).astype("float64")
    parts = np.stack([-seen.reconstruction, np.ones(size), seen.kl], axis=1)
    (weight, _, kl_weight), rest = _least_squares(parts, loss)
    _, spread = _least_squares(parts[:, :2], seen.kl)
    is_known = spread > 1e-5 * np.abs(parts[:, 0]).mean()  # else rounding hides what the KL does to the loss
    reported = np.broadcast_to(seen.terms.get("kl", seen.kl), size)
    _, foreign = _least_squares(seen.kl[:, None], reported)
    beta = round(kl_weight / weight, 6) + 0.0  # no -1e-17
    rounding = 1e-6 * np.abs(loss).mean()
    if rest > max(REST * abs(weight), rounding) or foreign > max(REST, rounding):  # the weights mean nothing
        yield Finding(
            "not_a_kl",
            reported.mean(),
            f"What stands for the KL is another quantity: {reported.mean():.3g} on average, where the KL of"
            f" the encoder's Gaussians is {seen.kl.mean():.3g} nats.",
            (5,),
        )
    elif weight < 0:
        yield Finding(
            "sign",
            weight,
            f"The loss rises by {-weight:.2g} for each nat that x becomes more probable: its sign is wrong.",
            (4,),
        )
    elif abs(weight * cells - 1) < 0.05 and cells > 1:
        yield Finding(
            "mean_for_sum",
            weight,
            f"A nat of reconstruction counts {weight:.2g} in the loss, 1/{cells}: a mean over cells where a"
            f" sum belongs, which is a beta of up to {cells}.",
            (2,),
        )
    elif is_known and units > 1 and abs(beta * units - 1) < 0.05 and abs(vae.beta - 1) < 0.05:
        yield Finding(
            "mean_for_sum",
            beta,
            f"A nat of KL counts {beta:.2g} in the loss, 1/{units}: a mean over units where a sum belongs.",
            (2,),
        )
    elif is_known and not 1 / FACTOR < beta < FACTOR:
        yield Finding(
            "kl_weight",
            beta,
            f"A nat of KL counts {beta:.2g} nats of reconstruction in the loss; in the ELBO it counts 1. (The"
            f" model's beta is {float(vae.beta):g}.)",
            (1,) if beta < 1 else (3,),
        )


def _least_squares(parts, target):
    """Coefficients, and the std of what they leave over."""
    coefficients = np.linalg.lstsq(parts, target, rcond=None)[0]
    return coefficients, np.std(target - parts @ coefficients)


def _noise(seen):
    """What the decoder is given, less the mean, in units of the std that the encoder says: N(0, 1), fresh."""
    std = np.exp(0.5 * np.clip(seen.log_var, -gaussian.LOG_VAR_LIMIT, gaussian.LOG_VAR_LIMIT))
    half = len(seen.z) // 2

    def same(a, b):  # to within rounding, against what the noise should be
        return np.mean(np.abs(a - b)) < 1e-3 * std.mean()

    if same(seen.z, seen.z_again):
        moved = np.mean(np.abs(seen.z[:half] - seen.z_in_company[:half]) / std[:half])
        if same(seen.z, seen.mean):
            yield Finding(
                "no_noise",
                0.0,
                f"The decoder is given the means; from a std of {np.median(std):.2g} nothing is drawn.",
                (6, 8, 16),
            )
        elif not same(seen.z[:half], seen.z_in_company[:half]):
            yield Finding(
                "batch_statistics",
                moved,
                f"z has no noise, but moves by {moved:.2g} posterior stds when the rest of the batch is"
                " another: normalized, not drawn.",
                (8,),
            )
        else:
            yield Finding(
                "frozen_noise",
                0.0,
                "Two passes over x draw the same z, to the last digit: the noise was drawn once.",
                (16,),
            )
        return
    log_square = 2 * np.log(np.maximum(np.abs(seen.z - seen.mean) / std, 1e-20))
    width = np.exp(0.5 * (np.mean(log_square) + 1.27))  # log e² of a standard normal e is -1.27 on average
    norm = np.log(np.sum(np.square(seen.mean), axis=1, keepdims=True) + 1e-12)
    by_variance = _slope(seen.log_var, log_square)
    by_norm = _slope(norm + 0 * seen.mean, log_square)
    seen_width = f"The noise in z is {width:.2g} times as wide as the encoder says"
    if by_norm > 0.5 and by_norm > abs(by_variance):
        yield Finding(
            "noise_width",
            width,
            f"{seen_width}, and the wider the longer the mean: no variance is learned.",
            (6,),
        )
    elif by_variance > 0.5:
        yield Finding(
            "noise_width",
            width,
            f"{seen_width}, as if log_var were the log of the std: a ½ is missing.",
            (10,),
        )
    elif by_variance < -0.5 or not 1 / FACTOR < width < FACTOR:
        yield Finding("noise_width", width, f"{seen_width}.", (6, 10))


def _slope(x, y):
    """Of a straight line of y on x; 0 if that is within six standard errors."""
    x, y = np.ravel(x - np.mean(x)), np.ravel(y - np.mean(y))
    spread = max(np.sum(np.square(x), dtype="float64"), 1e-12)
    slope = np.sum(x * y) / spread
    return slope if abs(slope) > 6 * np.std(y) / np.sqrt(spread) else 0.0


def _data(vae, x, x_train, rng):
    rows = {row.tobytes() for row in x_train}
    known = np.mean([row.tobytes() in rows for row in x])
    if known > 0.01:  # among real data a few rows may be twins
        yield Finding("seen_in_training", known, f"{known:.0%} of x are in x_train, to the bit.", (14,))
    train, held_out = -_elbo(vae, _some(x_train, rng)), -_elbo(vae, x)
    worse, tail = np.mean(held_out > np.median(train)), np.mean(held_out > np.quantile(train, 0.99))
    if worse > WORSE:
        yield Finding(
            "overfitting",
            worse,
            f"{worse:.0%} of x score worse than the median of the training data; the medians are"
            f" {np.median(held_out) - np.median(train):.3g} nats apart.",
            (14,),
        )
    elif tail > TAIL + 3 * np.sqrt(TAIL / len(x)):
        yield Finding(
            "anomalies_in_x",
            tail,
            f"{tail:.0%} of x score worse than all but 1% of x_train, and the others do not: anomalies, or"
            " data of another kind.",
            (19,),
        )


def _likelihood(vae, x, seen):
    low, high = vae.likelihood.support
    is_binary = bool(np.isin(x, (0, 1)).all())
    likelihood = getattr(vae.likelihood, "base", vae.likelihood)  # a mixture is a density if its base is
    area = _area(likelihood, vae._params(seen.z_own[:20]), is_binary)
    if not 1 / FACTOR < area < FACTOR:
        kind = (
            "black and white" if is_binary else f"gray in {np.mean((x > low) & (x < high)):.0%} of its cells"
        )
        yield Finding(
            "not_a_density",
            area,
            f"x is {kind}; over all such values exp(log_prob) has a sum or area of {area:.2f}, not 1. The"
            " loss is no likelihood, and bounds none.",
            (13,),
        )
    if np.isfinite(high - low):
        gain = np.mean(_elbo(vae, low + high - x) - _elbo(vae, x))
        if gain > 0:
            yield Finding(
                "inverted",
                gain,
                f"The negatives of x are {gain:.0f} nats likelier than x: it was trained on negatives.",
                (20,),
            )
    variance = np.broadcast_to(vae.likelihood.var(vae._params(seen.z_own)), x.shape)
    ratio = np.sum(np.square(x - vae.decode(seen.z_own)), dtype="float64") / max(
        variance.sum(dtype="float64"), 1e-12
    )
    if not 1 / MISFIT < ratio < MISFIT:
        yield Finding(
            "misfit",
            ratio,
            f"The squared distance of x from its mean given z is {ratio:.2g} times what the likelihood's"
            " variance says.",
            (2, 13),
        )


def _area(likelihood, params, is_binary):
    """Sum or integral of exp(log_prob) over a cell's values, averaged over cells; 1 of a probability."""
    low, high = likelihood.support
    if np.isfinite(high - low):
        levels = np.array([low, high] if is_binary else np.linspace(low, high, 256), "float32")
        shape = likelihood.mean(params).shape
        prob = np.array(
            [np.exp(likelihood.log_prob(np.full(shape, level), params)).mean() for level in levels]
        )
        total = prob.sum()  # of the probabilities of levels
        return (
            total if is_binary or 1 / FACTOR < total < FACTOR else np.trapezoid(prob, levels)
        )  # of a density
    mean, std = likelihood.mean(params), np.sqrt(likelihood.var(params))
    steps = np.linspace(-12, 12, 241, dtype="float32")
    prob = [np.mean(std * np.exp(likelihood.log_prob(mean + step * std, params))) for step in steps]
    return np.trapezoid(prob, steps)


def _heads(vae, x, seen, rng):
    """A limit of the heads shows best on what they have never seen: noise ten times as wide as the data."""
    strange = (x.mean(axis=0) + 10 * x.std() * rng.standard_normal(x.shape)).astype("float32")
    elsewhere = [np.array(head) for head in vae.encoder(strange)]
    for name, head, values in zip(("mean", "log_var"), (seen.mean, seen.log_var), elsewhere, strict=True):
        values = np.concatenate([head, values])
        values = values[:, np.ptp(values, axis=0) > 0]  # a unit may be constant, as in a linear model
        ends = (values.min(), values.max()) if values.size else ()
        share, limit = max(((np.mean(values == end), end) for end in ends), default=(0.0, 0.0))
        if head.min() >= 0 and (head.max() > 0.1 or not head.any()):  # a quiet log_var may be just above 0
            yield Finding(
                "one_sided_head",
                head.min(),
                f"None of {head.size:,} values of {name} is negative; the least is {head.min():.2g}. Is there"
                " an activation on the head?",
                (9,),
            )
        elif share > AT_LIMIT:  # of real numbers, hardly two are equal
            yield Finding(
                "head_at_limit",
                share,
                f"{share:.1%} of the values of {name}, on x and on noise, are {limit:.4g}, to the bit:"
                " something limits it.",
                (7,),
            )
    large = np.mean(np.abs(seen.log_var) > LARGE_LOG_VAR)
    if large > 0.02:
        yield Finding(
            "large_log_var",
            large,
            f"{large:.0%} of the log variances are beyond ±{LARGE_LOG_VAR:g}; they go from "
            f"{seen.log_var.min():.3g} to {seen.log_var.max():.3g}.",
            (7, 11, 5),
        )


def _latent(vae, seen):
    per_unit = seen.kl_per_unit.mean(axis=0)
    in_use = int(np.sum(per_unit >= IN_USE))
    if in_use <= MOSTLY_QUIET * len(per_unit):
        yield Finding(
            "collapse",
            in_use,
            f"{in_use} of {len(per_unit)} units carry {IN_USE} nats or more. The KL is {per_unit.sum():.2g}"
            f" nats, and beta {float(vae.beta):g}.",
            (17, 2),
        )
    mean, std = seen.z_own.mean(axis=0), seen.z_own.std(axis=0)
    distance = np.maximum(np.abs(np.log(std)) / np.log(FAR), np.abs(mean) / (FAR * std))
    worst = distance.argmax()
    if distance[worst] > 1:
        yield Finding(
            "far_from_prior",
            std[worst],
            f"Over all of x, unit {worst} has mean {mean[worst]:.2g} and std {std[worst]:.2g}; the prior has"
            " 0 and 1. What is drawn from it lands elsewhere.",
            (1, 9),
        )


def _use(vae, x, x_train, score, threshold, repair, seed):
    score = score or (lambda x: -in_batches(lambda part: _elbo(vae, part, seed), x))
    first, second = (np.asarray(score(x)) for _ in range(2))
    if first.shape != (len(x),):
        yield Finding(
            "score_of_batch",
            float(first.size),
            f"For {len(x)} examples the score has shape {first.shape}: it judges the batch, not an example.",
            (14,),
        )
        return
    difference = np.abs(second - first) / np.maximum(np.abs(first), 1e-12)
    if difference.mean() > 1e-4:  # float32 may round differently, a hundred times less
        yield Finding(
            "noisy_score",
            difference.mean(),
            f"Two calls give scores that differ by {difference.mean():.1%} on average, {difference.max():.0%}"
            " at worst.",
            (12,),
        )
    if threshold is not None and x_train is not None:
        train = np.asarray(score(x_train))
        rate, rate_train = np.mean(first > threshold), np.mean(train > threshold)
        error = np.sqrt(max(rate_train, 1 / len(train)) * (1 / len(x) + 1 / len(train)))
        if rate > FACTOR * rate_train and rate - rate_train > 4 * error:
            yield Finding(
                "threshold_on_training",
                rate,
                f"{rate_train:.1%} of x_train are above the threshold, and {rate:.1%} of x.",
                (14,),
            )
    if repair is not None:
        change, to_mean = np.asarray(repair(x)) - x, vae.reconstruct(x) - x
        share = np.sum(change * to_mean) / np.sum(np.square(to_mean))
        if share > 0.5:
            yield Finding(
                "repair_is_reconstruction",
                share,
                f"Healthy x comes back moved {share:.0%} of the way to its reconstruction, by an RMSE of "
                f"{np.sqrt(np.mean(np.square(change))):.2g}.",
                (15,),
            )
