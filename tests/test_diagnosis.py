"""``diagnose`` names the fault of each broken VAE of the field guide, and is silent about healthy ones."""

from functools import cached_property

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import numpy as np  # isort: skip
import pytest  # isort: skip
import tensorflow as tf  # isort: skip
from keras import layers, ops  # isort: skip

from vaelib import diagnose, gaussian, networks  # isort: skip


class OpenVAE(vaelib.VAE):
    """A VAE whose training pass is in the open, so that one line of it can be broken."""

    def draw(self, mean, log_var):
        return gaussian.sample(mean, log_var, self.noise)

    def reconstruction(self, x, z):
        return self.log_prob_per_example(x, z)

    def divergence(self, mean, log_var):
        return gaussian.kl_to_standard_normal(mean, log_var)

    def cost(self, reconstruction, kl):
        return -(reconstruction - self.beta * kl)

    def call(self, x):
        mean, log_var = self.encoder(x)
        reconstruction = self.reconstruction(x, self.draw(mean, log_var))
        kl = self.divergence(mean, log_var)
        elbo = reconstruction - kl
        return {
            "loss": self.cost(reconstruction, kl),
            "elbo": elbo,
            "reconstruction": reconstruction,
            "kl": kl,
        }


class KlClampedToItsCapacity(OpenVAE):
    def divergence(self, mean, log_var):
        return ops.clip(super().divergence(mean, log_var), 0.0, 0.0)


class MeanOverCells(OpenVAE):
    def reconstruction(self, x, z):
        return super().reconstruction(x, z) / np.prod(self.data_shape)


class MeanOverCellsAndUnits(MeanOverCells):
    def divergence(self, mean, log_var):
        return super().divergence(mean, log_var) / self.latent_dim


class MeanOverUnits(OpenVAE):
    def divergence(self, mean, log_var):
        return super().divergence(mean, log_var) / self.latent_dim


class KlTwice(OpenVAE):
    def cost(self, reconstruction, kl):
        return -(reconstruction - kl) + kl


class ElboMinimized(OpenVAE):
    def cost(self, reconstruction, kl):
        return reconstruction - kl


class KlFromSoftmax(OpenVAE):
    def divergence(self, mean, log_var):
        return -ops.sum(ops.log_softmax(mean), axis=-1)


class KlFromSoftmaxWithLabels(OpenVAE):
    def divergence(self, mean, log_var):  # TensorFlow's gradient takes for granted that labels add up to one
        return tf.nn.softmax_cross_entropy_with_logits(logits=mean, labels=tf.ones_like(mean))


class NoiseScaledByTheMean(OpenVAE):
    def draw(self, mean, log_var):
        norm = ops.sqrt(ops.sum(ops.square(ops.stop_gradient(mean)), axis=1, keepdims=True))
        return mean + norm * keras.random.normal(ops.shape(mean), seed=self.noise)


class Normalized(OpenVAE):
    def draw(self, mean, log_var):
        return (mean - ops.mean(mean, axis=0)) / (ops.std(mean, axis=0) + 1e-3) + 1e-7


class NoSampling(OpenVAE):
    def draw(self, mean, log_var):
        return mean


class HalfMissing(OpenVAE):
    def draw(self, mean, log_var):
        return mean + ops.exp(log_var) * keras.random.normal(ops.shape(mean), seed=self.noise)


class StdIsLogVar(OpenVAE):
    def draw(self, mean, log_var):
        return mean + log_var * keras.random.normal(ops.shape(mean), seed=self.noise)


class Overflowing(OpenVAE):
    def divergence(self, mean, log_var):
        return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)


class FixedNoise(OpenVAE):
    def draw(self, mean, log_var):
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=3)


class OneNoiseVector(OpenVAE):
    def draw(self, mean, log_var):
        return mean + ops.exp(0.5 * log_var) * np.random.default_rng(1).normal(size=6).astype("float32")


def coin(gray, seed):
    return (np.random.default_rng(seed).random(gray.shape) < gray).astype("float32")


def fit(vae, x, epochs=10):
    vae.compile(keras.optimizers.Adam(4e-3), jit_compile=False)
    vae.fit(x, epochs=epochs, batch_size=64, verbose=0)
    return vae


def build(kind, shape, likelihood="bernoulli", encoder=None, latent_dim=6, hidden_units=(64,), **options):
    likelihood = vaelib.likelihoods.get(likelihood)
    encoder = encoder or networks.mlp_encoder(shape, latent_dim, hidden_units)
    decoder = networks.mlp_decoder(shape, latent_dim, hidden_units[::-1], likelihood.params_per_cell)
    return kind(encoder, decoder, likelihood, **options)


class Bench:
    """Digits as black and white and as gray, and models trained on them, under one seed."""

    def __init__(self, digits, seed):
        keras.utils.set_random_seed(seed)
        self.seed, self.shape = seed, digits.x_train.shape[1:]
        self.gray, self.gray_test = digits.x_train, digits.x_test
        self.x, self.x_test = coin(digits.x_train, seed), coin(digits.x_test, seed + 100)

    @cached_property
    def healthy(self):
        return self.train()

    def train(self, kind=OpenVAE, x=None, **options):
        return fit(build(kind, self.shape, seed=self.seed, **options), self.x if x is None else x)


def diagnosed(kind):
    """The diagnosis of a model that differs from a healthy one in its class."""
    return lambda bench: diagnose(bench.train(kind), bench.x_test)


def log_of_hidden(bench):
    x = keras.Input(bench.shape)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    hidden = layers.Dense(32, activation="relu")(hidden)
    log_var = layers.Lambda(lambda h: ops.log(h + 1e-7))(hidden)
    encoder = keras.Model(x, [layers.Dense(32)(hidden), log_var])
    return diagnose(bench.train(encoder=encoder, latent_dim=32), bench.x_test)


def relu_heads(bench):
    x = keras.Input(bench.shape)
    hidden = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    encoder = keras.Model(x, [layers.Dense(6, activation="relu")(hidden) for _ in range(2)])
    return diagnose(bench.train(encoder=encoder), bench.x_test)


def overflow(bench):
    table = vaelib.load_table("wdbc")  # in square millimeters and the like, up to 4,254
    return diagnose(build(Overflowing, (30,), vaelib.Gaussian("shared"), seed=bench.seed), table.x_train)


def overflow_trained(bench):
    table = vaelib.load_table("wdbc")
    return diagnose(
        fit(build(Overflowing, (30,), vaelib.Gaussian("shared")), table.x_train, 1), table.x_train
    )


def one_random_sample(bench):
    vae = bench.healthy
    noise = keras.random.SeedGenerator(0)

    def score(x):
        mean, log_var = vae.encode(x)
        return -np.array(vae.log_prob_per_example(x, gaussian.sample(mean, log_var, noise)))

    return diagnose(vae, bench.x_test, score=score)


def standard_table(seed):
    """Benign tumors to train on, and the test set with its malignant ones, in the training set's units."""
    table = vaelib.load_table("wdbc")
    scale = table.x_train.mean(axis=0), table.x_train.std(axis=0)
    return [((x - scale[0]) / scale[1]).astype("float32") for x in (table.x_train, table.x_test)]


def gray_cross_entropy(bench):
    return diagnose(bench.train(x=bench.gray), bench.gray_test)


def standardized(bench):
    vae = build(OpenVAE, (30,), seed=bench.seed)
    return diagnose(vae, standard_table(bench.seed)[0])


def memorized(bench):
    few = bench.x[:150]
    return fit(build(OpenVAE, bench.shape, hidden_units=(256,), seed=bench.seed), few, epochs=100), few


def threshold_on_training(bench):
    vae, few = memorized(bench)

    def score(x):
        return -vae.elbo(x).total

    return diagnose(vae, bench.x_test, few, score=score, threshold=np.quantile(score(few), 0.95))


def one_number_for_a_batch(bench):
    vae = bench.healthy
    return diagnose(vae, bench.x_test, score=lambda x: np.mean(np.square(x - vae.reconstruct(x))))


def shared_rows(bench):
    return diagnose(bench.healthy, np.concatenate([bench.x_test, bench.x[:40]]), bench.x)


def reconstruction_as_repair(bench):
    vae = bench.healthy
    return diagnose(vae, bench.x_test, repair=vae.reconstruct)


def collapse(bench):
    vae = bench.train(beta=30.0)
    vae.beta.assign(1.0)
    return diagnose(vae, bench.x_test)


def anomalies_in_validation(bench):
    normal, mixed = standard_table(bench.seed)
    vae = fit(build(OpenVAE, (30,), vaelib.Gaussian("shared"), seed=bench.seed), normal, epochs=30)
    return diagnose(vae, mixed, normal)


def inverted(bench):
    wrong = 1 - bench.x
    return diagnose(bench.train(x=wrong), bench.x_test)


def dense(bench):
    return bench.train(vaelib.VAE), bench.x, bench.x_test


def flat(bench):
    return bench.train(vaelib.VAE, latent_dim=2), bench.x, bench.x_test


def convolutional(bench):
    return (
        fit(vaelib.conv_vae(bench.shape, 6, (8, 16), seed=bench.seed), bench.x, epochs=25),
        bench.x,
        bench.x_test,
    )


def table(bench):
    normal, mixed = standard_table(bench.seed)
    is_normal = vaelib.load_table("wdbc").y_test == 0
    vae = build(vaelib.VAE, (30,), vaelib.Gaussian("shared"), seed=bench.seed)
    return fit(vae, normal, epochs=60), normal, mixed[is_normal]


def gray_levels(bench):
    vae = bench.train(vaelib.VAE, bench.gray, likelihood="zero_one_inflated")
    return vae, bench.gray, bench.gray_test


def continuous(bench):
    vae = bench.train(vaelib.VAE, bench.gray, likelihood="continuous_bernoulli")
    return vae, bench.gray, bench.gray_test


def importance_weighted(bench):
    return bench.train(vaelib.VAE, num_importance_samples=5), bench.x, bench.x_test


def heavy_tails(bench):
    normal, mixed = standard_table(bench.seed)
    is_normal = vaelib.load_table("wdbc").y_test == 0
    robust = vaelib.Contaminated(vaelib.StudentT(), "learned")
    vae = build(vaelib.VAE, (30,), robust, seed=bench.seed)
    return fit(vae, normal, epochs=60), normal, mixed[is_normal]


HEALTHY = [dense, flat, convolutional, table, gray_levels, continuous, importance_weighted, heavy_tails]

# For each of the guide's twenty entries but the eighteenth: a model or a use with that fault, and its name.
BROKEN = {
    1: (diagnosed(KlClampedToItsCapacity), "kl_weight"),
    2: (diagnosed(MeanOverCells), "mean_for_sum"),
    3: (diagnosed(KlTwice), "kl_weight"),
    4: (diagnosed(ElboMinimized), "sign"),
    5: (diagnosed(KlFromSoftmax), "not_a_kl"),
    6: (diagnosed(NoiseScaledByTheMean), "noise_width"),
    7: (log_of_hidden, "head_at_limit"),
    8: (diagnosed(Normalized), "batch_statistics"),
    9: (relu_heads, "one_sided_head"),
    10: (diagnosed(HalfMissing), "noise_width"),
    11: (overflow, "not_finite"),
    12: (one_random_sample, "noisy_score"),
    13: (gray_cross_entropy, "not_a_density"),
    14: (threshold_on_training, "threshold_on_training"),
    15: (reconstruction_as_repair, "repair_is_reconstruction"),
    16: (diagnosed(FixedNoise), "frozen_noise"),
    17: (collapse, "collapse"),
    19: (anomalies_in_validation, "anomalies_in_x"),
    20: (inverted, "inverted"),
}

ALSO_BROKEN = {  # cousins of the entries
    "mean over cells and units": (diagnosed(MeanOverCellsAndUnits), "mean_for_sum"),
    "mean over units": (diagnosed(MeanOverUnits), "mean_for_sum"),
    "softmax with TensorFlow's gradient": (diagnosed(KlFromSoftmaxWithLabels), "not_a_kl"),
    "no noise": (diagnosed(NoSampling), "no_noise"),
    "std is log_var": (diagnosed(StdIsLogVar), "noise_width"),
    "one noise vector": (diagnosed(OneNoiseVector), "frozen_noise"),
    "overflow, after a step": (overflow_trained, "not_finite"),
    "standardized data": (standardized, "out_of_range"),
    "one number for a batch": (one_number_for_a_batch, "score_of_batch"),
    "test data in training": (shared_rows, "seen_in_training"),
}


@pytest.fixture(scope="module")
def bench(digits):
    return Bench(digits, seed=0)


@pytest.mark.parametrize("entry", BROKEN)
def test_first_finding_names_the_fault(entry, bench):
    diagnosis, expected = BROKEN[entry][0](bench), BROKEN[entry][1]
    if entry == 14:  # it knows the training data by heart, and therefore the threshold is wrong
        assert diagnosis.names == ["overfitting", expected]
    else:
        assert diagnosis.names[0] == expected
    assert any(entry in finding.entries for finding in diagnosis)


def test_a_missing_half_is_told_from_another_width(bench):
    finding = BROKEN[10][0](bench)[0]
    assert finding.entries == (10,)
    assert "½" in str(finding)


@pytest.mark.parametrize("case", ALSO_BROKEN)
def test_cousins_of_the_faults_are_named(case, bench):
    diagnose_it, expected = ALSO_BROKEN[case]
    assert expected in diagnose_it(bench).names


@pytest.mark.parametrize(
    ("healthy", "seed"),
    [(healthy, seed) for healthy in HEALTHY for seed in (0, 1) if seed == 0 or healthy in HEALTHY[:5]],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_says_nothing_on_healthy_models(healthy, seed, digits):
    vae, x_train, x_test = healthy(Bench(digits, seed))
    assert diagnose(vae, x_test, x_train).names == []


def test_says_nothing_on_proper_use(bench):
    vae, half = bench.healthy, len(bench.x_test) // 2
    calibration, x = bench.x_test[:half], bench.x_test[half:]

    def score(x):
        return vaelib.anomaly_score(vae, x, num_samples=8)

    def repair(x):
        return vaelib.correct(vae, x).x

    threshold = vaelib.conformal_threshold(score(calibration), 0.05)
    assert diagnose(vae, x, bench.x, score, threshold, repair).names == []


def test_says_nothing_on_an_exact_model(exact_vae, ppca_data):
    assert diagnose(exact_vae, ppca_data).names == []


def test_a_declared_beta_is_reported_with_the_number_it_has(bench):
    finding = diagnose(build(OpenVAE, bench.shape, beta=3.0), bench.x_test)[0]
    assert finding.name == "kl_weight"
    assert finding.value == pytest.approx(3.0, rel=0.01)
    assert "beta is 3" in finding.message


@pytest.mark.parametrize(("kind", "value"), [(KlClampedToItsCapacity, 0.0), (KlTwice, 2.0)])
def test_weight_of_the_kl_is_exact(kind, value, bench):
    vae = build(kind, bench.shape)
    vae.set_weights(bench.healthy.get_weights())
    assert diagnose(vae, bench.x_test)[0].value == pytest.approx(value, abs=0.01)


def test_model_is_left_as_it_was(bench):
    vae = bench.healthy
    before, decoder, state = vae.get_weights(), vae.decoder, vae.noise.state.numpy()
    diagnose(vae, bench.x_test, bench.x)
    assert all(np.array_equal(a, b) for a, b in zip(vae.get_weights(), before, strict=True))
    assert vae.decoder is decoder
    assert np.array_equal(vae.noise.state, state)


def test_same_seed_gives_same_findings(bench):
    vae = build(KlTwice, bench.shape)
    assert diagnose(vae, bench.x, seed=1) == diagnose(vae, bench.x, seed=1)


def test_findings_begin_a_line_each_and_name_the_entries_to_read_on_a_page_without_scrolling(bench):
    diagnosis = diagnose(build(KlTwice, bench.shape, likelihood="gaussian"), bench.x_test)
    lines = str(diagnosis).splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith("    ")] == diagnosis.names
    assert lines[0].startswith("kl_weight: A nat of KL counts 2 nats")
    assert lines[1].endswith("(Field guide: 3.)")
    assert max(map(len, lines)) <= 88
    assert str(diagnose(bench.healthy, bench.x_test)) == "Nothing found."


def test_bad_input_is_refused_with_a_reason(bench):
    functional = keras.Model(bench.healthy.encoder.input, bench.healthy.encoder.output)
    with pytest.raises(TypeError, match="expects a VAE; got <Functional"):
        diagnose(functional, bench.x_test)
    with pytest.raises(ValueError, match="Add the axis of channels"):
        diagnose(bench.healthy, bench.x_test[..., 0])
    with pytest.raises(ValueError, match="x expects finite numbers; got 64 NaN"):
        diagnose(bench.healthy, bench.x_test[:1] * np.nan)
    with pytest.raises(ValueError, match="x_train expects shape"):
        diagnose(bench.healthy, bench.x_test, bench.x[0])


def test_a_mixture_with_outliers_is_a_density_if_its_base_is(digits):
    likelihood = vaelib.Contaminated(vaelib.Gaussian(0.01), 0.05, outlier_range=(0, 1))
    vae = vaelib.mlp_vae((8, 8, 1), 2, (32,), likelihood)
    vae.decoder.get_layer("params").bias.assign(np.zeros(64))  # half of each bell lies below 0
    assert "not_a_density" not in diagnose(vae, digits.x_test).names
