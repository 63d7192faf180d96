"""The conditional VAE against exact evidence; the adversarial autoencoder against its equations."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from sklearn.neighbors import KNeighborsClassifier

import vaelib
from vaelib import networks

NUM_CLASSES = 3


def conditional_vae(data_shape=(8, 8, 1), latent_dim=4, num_classes=10, **options):
    cells = int(np.prod(data_shape))
    encoder = networks.mlp_encoder((cells + num_classes,), latent_dim, (64,))
    decoder = networks.mlp_decoder(data_shape, latent_dim + num_classes, (64,))
    return vaelib.ConditionalVAE(encoder, decoder, **options)


def adversarial_autoencoder(latent_dim=2, **options):
    return vaelib.AdversarialAutoencoder(
        networks.mlp_encoder((8, 8, 1), latent_dim, (32,), outputs=("code",)),
        networks.mlp_decoder((8, 8, 1), latent_dim, (32,)),
        networks.mlp_encoder((latent_dim,), 1, (32,), outputs=("logit",)),
        **options,
    )


# Conditional probabilistic PCA: the same axes for every class, a mean of its own for each.


@pytest.fixture(scope="module")
def class_means():
    return np.random.default_rng(5).normal(scale=2.0, size=(NUM_CLASSES, 5))


@pytest.fixture(scope="module")
def labels(ppca_data):
    return np.random.default_rng(6).integers(NUM_CLASSES, size=len(ppca_data))


@pytest.fixture(scope="module")
def pair(ppca_data, class_means, labels):
    return (ppca_data + class_means[labels]).astype("float32"), labels


@pytest.fixture(scope="module")
def log_evidence(ppca, class_means, pair):
    """log p(x given class), exactly: each class is a probabilistic PCA with its mean moved."""
    of_class = [
        vaelib.LinearGaussian(ppca.weights, ppca.mean + mean, ppca.noise_variance) for mean in class_means
    ]
    return np.array([of_class[label].log_evidence(x[None])[0] for x, label in zip(*pair, strict=True)])


@pytest.fixture
def exact(ppca, class_means):
    """The same as a conditional VAE: linear networks that hold the exact posterior of every class."""
    likelihood = vaelib.Gaussian(variance=ppca.noise_variance)
    encoder = networks.mlp_encoder((5 + NUM_CLASSES,), 2, ())
    decoder = networks.mlp_decoder((5,), 2 + NUM_CLASSES, ())
    gain = ppca.weights @ ppca.posterior_covariance / ppca.noise_variance
    mean_weights = np.concatenate([gain, -class_means @ gain])
    encoder.get_layer("mean").set_weights([mean_weights, -ppca.mean @ gain])
    log_var = np.log(np.diag(ppca.posterior_covariance))
    encoder.get_layer("log_var").set_weights([np.zeros((5 + NUM_CLASSES, 2)), log_var])
    decoder.get_layer("params").set_weights([np.concatenate([ppca.weights.T, class_means]), ppca.mean])
    return vaelib.ConditionalVAE(encoder, decoder, likelihood)


def test_with_the_exact_posterior_every_sample_gives_the_conditional_evidence(exact, pair, log_evidence):
    assert (exact.num_classes, exact.latent_dim, exact.data_shape) == (NUM_CLASSES, 2, (5,))
    for samples in (1, 7):
        bound = exact.log_likelihood(pair, num_samples=samples, seed=4)
        np.testing.assert_allclose(bound, log_evidence, atol=1e-3)


def test_the_conditional_elbo_never_exceeds_the_conditional_evidence(exact, pair, log_evidence):
    head = exact.encoder.get_layer("mean")
    head.bias.assign(head.bias + [0.4, -0.3])
    draws = np.mean([exact.elbo(pair, seed=s).total for s in range(100)], axis=0)
    assert np.all(draws < log_evidence + 0.5)
    assert draws.mean() < log_evidence.mean() - 0.1
    tighter = exact.log_likelihood(pair, num_samples=1000).mean()
    assert draws.mean() < tighter < log_evidence.mean() + 0.01


def test_a_wrong_class_costs_what_it_costs_exactly(exact, ppca, class_means, pair):
    wrong = (pair[1] + 1) % NUM_CLASSES
    moved = pair[0] - class_means[wrong]  # what a class with that mean would have to explain
    bound = exact.log_likelihood((pair[0], wrong), num_samples=3)
    np.testing.assert_allclose(bound, ppca.log_evidence(moved), rtol=1e-4)


def test_a_conditional_vae_is_one_vae_for_each_class(pair):
    model = conditional_vae((5,), 2, NUM_CLASSES, likelihood="gaussian", beta=2.0)
    x, labels = pair
    for label in range(NUM_CLASSES):
        rows = x[labels == label]
        told, alone = (
            model.elbo((rows, labels[labels == label]), seed=1),
            model.for_class(label).elbo(rows, 1),
        )
        np.testing.assert_allclose(told.kl, alone.kl, rtol=1e-5)
        np.testing.assert_allclose(told.reconstruction, alone.reconstruction, rtol=1e-5)
    assert model.for_class(0).beta == 2.0


# The conditional VAE as a Keras model


def test_both_networks_are_told_the_class(digits):
    model, x = conditional_vae(), digits.x_test[:5]
    threes, eights = np.full(5, 3), np.full(5, 8)
    assert not np.allclose(model.encode((x, threes))[0], model.encode((x, eights))[0])
    z = np.zeros((5, 4))
    assert not np.allclose(model.decode(z, threes), model.decode(z, eights))


def test_it_draws_the_digit_it_is_asked_for(digits):
    model = conditional_vae()
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    pair, test = (digits.x_train, digits.y_train), (digits.x_test, digits.y_test)
    history = model.fit(pair, epochs=25, verbose=0, validation_data=(test,)).history
    assert history["val_loss"][-1] == pytest.approx(-model.elbo(test).total.mean(), rel=0.02)
    asked = np.arange(200) % 10
    drawn = model.generate(asked, seed=1)
    judge = KNeighborsClassifier(3).fit(digits.x_train.reshape(-1, 64), digits.y_train)
    assert judge.score(drawn.reshape(-1, 64), asked) > 0.9
    np.testing.assert_array_equal(drawn, model.generate(asked, seed=1))
    assert not np.allclose(drawn, model.generate(asked, seed=2))
    guess = np.argmax(
        [model.log_likelihood((digits.x_test, np.full(len(test[0]), c)), 10) for c in range(10)], 0
    )
    assert np.mean(guess == digits.y_test) > 0.85  # Bayes' rule makes it a classifier


def test_every_door_takes_the_pair(digits):
    model, pair = conditional_vae(seed=1), (digits.x_test, digits.y_test)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(pair, epochs=1, verbose=0)
    np.testing.assert_allclose(model.predict(pair, verbose=0), model.reconstruct(pair), atol=1e-6)
    mean, _ = model.encode(pair)
    np.testing.assert_allclose(model.decode(mean, pair[1]), model.reconstruct(pair), atol=1e-6)
    expected = pytest.approx(-model.elbo(pair).total.mean(), rel=0.02)
    assert model.evaluate(pair, verbose=0, return_dict=True)["loss"] == expected
    batches = tf.data.Dataset.from_tensor_slices((pair,)).batch(64)
    np.testing.assert_allclose(model.predict(batches, verbose=0), model.reconstruct(pair), atol=1e-6)
    assert model.evaluate(batches, verbose=0, return_dict=True)["loss"] == expected


def test_it_comes_back_from_disk_the_same(digits, tmp_path):
    model, pair = conditional_vae(beta=0.5, num_importance_samples=2), (digits.x_test, digits.y_test)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(pair, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.elbo(pair, seed=3).total, model.elbo(pair, seed=3).total)
    np.testing.assert_array_equal(copy.generate([3, 1], seed=3), model.generate([3, 1], seed=3))
    assert (float(copy.beta), copy.num_importance_samples) == (0.5, 2)
    assert copy.optimizer.iterations == model.optimizer.iterations


def test_the_same_seed_trains_the_same_weights(digits):
    def trained():
        keras.utils.set_random_seed(0)
        model = conditional_vae(seed=4)
        model.compile("adam", jit_compile=False)
        model.fit((digits.x_train, digits.y_train), epochs=1, verbose=0)
        return model.encode((digits.x_test, digits.y_test))[0]

    np.testing.assert_array_equal(trained(), trained())


def test_missing_cells_are_left_out_and_filled_given_the_class(digits):
    model, (x, labels) = conditional_vae(), (digits.x_test[:20], digits.y_test[:20])
    holes, _ = vaelib.corrupt(x, "missing", 0.5, seed=0)
    assert np.all(np.isfinite(model.elbo((holes, labels)).total))
    assert np.all(model.elbo((holes, labels)).reconstruction > model.elbo((x, labels)).reconstruction)
    filled = vaelib.impute(model.for_class(3), holes, num_samples=10)
    np.testing.assert_array_equal(filled[~np.isnan(holes)], x[~np.isnan(holes)])


# The adversarial autoencoder


def drawn_by_its_noise(model, shape):
    """The draws of the prior that the model will make next."""
    seed = keras.random.SeedGenerator(0)
    seed.state.assign(model.noise.state)
    return keras.random.normal(shape, seed=seed)


def test_the_three_losses_are_those_of_the_paper(digits):
    model, x = adversarial_autoencoder(seed=2), digits.x_test
    code, prior = model.encode(x), drawn_by_its_noise(model, (len(x), 2))
    of_code, of_prior = (1 / (1 + np.exp(-np.asarray(model.discriminator(z))[:, 0])) for z in (code, prior))
    terms = {name: np.asarray(value) for name, value in model(x).items()}
    np.testing.assert_allclose(terms["generator_loss"], -np.log(of_code), rtol=1e-4)
    np.testing.assert_allclose(
        terms["discriminator_loss"], -np.log(of_prior) - np.log(1 - of_code), rtol=1e-4
    )
    p = np.clip(np.asarray(model.reconstruct(x), "float64"), 1e-7, 1 - 1e-7)
    log_p = (x * np.log(p) + (1 - x) * np.log1p(-p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["reconstruction"], log_p, rtol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_each_network_follows_the_gradient_that_is_meant_for_it(digits, weight):
    model, x = adversarial_autoencoder(seed=2, adversarial_weight=weight), digits.x_test
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    prior = drawn_by_its_noise(model, (len(x), 2))
    meant_for = {"encoder": "both", "decoder": "rebuilt", "discriminator": "seen through"}
    with tf.GradientTape(persistent=True) as tape:
        code = model.encoder(x)
        of_code, of_prior = model.discriminator(code), model.discriminator(prior)
        losses = {
            "rebuilt": -ops.mean(model.log_prob_per_example(x, code)),
            "seen through": ops.mean(ops.softplus(-of_prior)) + ops.mean(ops.softplus(of_code)),
        }
        losses["both"] = losses["rebuilt"] + weight * ops.mean(ops.softplus(-of_code))
    after = {}
    for name, loss in meant_for.items():
        weights = getattr(model, name).trainable_weights
        gradients = tape.gradient(losses[loss], weights)
        after[name] = [w - gradient for w, gradient in zip(weights, gradients, strict=True)]
    model.train_on_batch(x)
    for name, weights in after.items():
        for theirs, ours in zip(getattr(model, name).trainable_weights, weights, strict=True):
            np.testing.assert_allclose(theirs, ours, atol=2e-5, err_msg=name)


def test_its_codes_look_more_like_the_prior_than_a_plain_autoencoders(digits):
    def furthest(weight):
        """The worst of a code's means and standard deviations, from those of the prior."""
        keras.utils.set_random_seed(0)
        model = adversarial_autoencoder(seed=0, adversarial_weight=weight)
        model.compile(keras.optimizers.Adam(1e-3, beta_1=0.5), jit_compile=False)
        model.fit(digits.x_train, epochs=30, verbose=0)
        code = model.encode(digits.x_test)
        return max(np.abs(code.mean(axis=0)).max(), np.abs(code.std(axis=0) - 1).max())

    assert furthest(1.0) < 0.6
    assert furthest(0.0) > 1.2


def test_an_adversarial_autoencoder_comes_back_from_disk_and_goes_on_the_same(digits, tmp_path):
    model, x = adversarial_autoencoder(seed=3, adversarial_weight=2.0), digits.x_train[:256]
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(x, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.encode(x), model.encode(x))
    np.testing.assert_array_equal(copy.generate(5, seed=1), model.generate(5, seed=1))
    assert copy.adversarial_weight == 2.0
    copy.noise.state.assign(model.noise.state)
    histories = [m.fit(x, epochs=2, verbose=0, shuffle=False).history for m in (model, copy)]
    assert histories[0] == histories[1]


def test_it_reports_the_same_in_training_and_evaluation(digits):
    model, x = adversarial_autoencoder(seed=3), digits.x_test
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    trained = model.fit(x, batch_size=len(x), verbose=0).history
    evaluated = model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)
    assert set(trained) == {"loss", "reconstruction", "generator_loss", "discriminator_loss"}
    for name, value in evaluated.items():
        assert trained[name][0] == pytest.approx(value, rel=0.05), name
    parts = evaluated["generator_loss"] - evaluated["reconstruction"]
    assert evaluated["loss"] == pytest.approx(parts, rel=1e-5)


def test_the_loss_that_is_reported_is_that_of_all_examples_in_batches_of_any_size(digits):
    model = adversarial_autoencoder(seed=0)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    history = model.fit(digits.x_train[:50], batch_size=40, verbose=0).history
    expected = model.adversarial_weight * history["generator_loss"][0] - history["reconstruction"][0]
    assert history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_two_replicas_step_as_one_does():
    """A process of its own: logical devices must be made before TensorFlow is used."""
    code = """
import numpy as np, keras, tensorflow as tf, vaelib
from vaelib import networks
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.tile(vaelib.load_images("digits").x_train[:1], (64, 1, 1, 1))
def discriminator_after_a_step(strategy):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = vaelib.AdversarialAutoencoder(
            networks.mlp_encoder((8, 8, 1), 2, (4,), outputs=("code",)),
            networks.mlp_decoder((8, 8, 1), 2, (4,)),
            networks.mlp_encoder((2,), 1, (), outputs=("logit",)), seed=0)
        model.compile(keras.optimizers.SGD(1.0), jit_compile=False)
    bias = model.discriminator.layers[-1].bias
    bias.assign([8.0])  # it takes all for the prior's: the step is nearly 1, whatever is drawn
    before = bias.numpy()
    loss = model.fit(x, batch_size=64, verbose=0).history["loss"][0]
    return bias.numpy() - before, loss
one, loss = discriminator_after_a_step(tf.distribute.get_strategy())
two, loss_of_two = discriminator_after_a_step(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
np.testing.assert_allclose(two, one, rtol=0.05)
np.testing.assert_allclose(loss_of_two, loss, rtol=1e-4)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
