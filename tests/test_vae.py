import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import vaelib
from vaelib import gaussian, networks, vae
from vaelib.model import EncoderDecoder, batches

LIKELIHOODS = ["bernoulli", "continuous_bernoulli", "gaussian", "shared", "per_cell"]


def likelihood_of(name):
    return vaelib.Gaussian(name) if name in ("shared", "per_cell") else name


def small_vae(shape=(8, 8, 1), likelihood="bernoulli", **options):
    return vaelib.mlp_vae(shape, 2, (32,), likelihood_of(likelihood), **options)


# The bounds, against probabilistic PCA


def test_with_the_exact_posterior_every_sample_gives_the_evidence(exact_vae, ppca, ppca_data):
    evidence = ppca.log_evidence(ppca_data)
    for samples in (1, 7):
        bound = exact_vae.log_likelihood(ppca_data, num_samples=samples, seed=4)
        np.testing.assert_allclose(bound, evidence, atol=2e-4)


def test_elbo_averages_to_the_closed_form_of_each_term(moved_vae, ppca, ppca_data):
    mean, log_var = moved_vae.encode(ppca_data)
    draws = np.stack([moved_vae.elbo(ppca_data, seed=s).reconstruction for s in range(200)])
    expected = ppca.reconstruction(ppca_data, mean, log_var)
    standard_error = draws.std(axis=0) / math.sqrt(len(draws))
    z_scores = (draws.mean(axis=0) - expected) / standard_error
    assert abs(z_scores.mean()) < 4 / math.sqrt(len(z_scores))
    assert abs(z_scores).max() < 6  # the largest of 400, a little skewed
    kl = moved_vae.elbo(ppca_data).kl
    gap = ppca.kl_to_posterior(ppca_data, mean, log_var)
    np.testing.assert_allclose(expected - kl + gap, ppca.log_evidence(ppca_data), atol=1e-4)


def test_the_importance_weighted_bound_climbs_from_the_elbo_to_the_evidence(moved_vae, ppca, ppca_data):
    evidence = ppca.log_evidence(ppca_data).mean()
    single = moved_vae.log_likelihood(ppca_data, 1, seed=1)
    more = [moved_vae.log_likelihood(ppca_data, k, seed=1).mean() for k in (10, 100, 1000)]
    bounds = [single.mean(), *more]
    elbo = np.mean([moved_vae.elbo(ppca_data, seed=s).total.mean() for s in range(20)])
    assert abs(bounds[0] - elbo) < 4 * single.std() / math.sqrt(len(single))
    assert np.all(np.diff(bounds) > 0)
    assert evidence - 0.02 < bounds[-1] < evidence + 0.01


def test_elbo_never_exceeds_the_evidence(moved_vae, ppca, ppca_data):
    draws = np.mean([moved_vae.elbo(ppca_data, seed=s).total for s in range(100)], axis=0)
    assert np.all(draws < ppca.log_evidence(ppca_data) + 0.5)
    assert draws.mean() < ppca.log_evidence(ppca_data).mean() - 0.2


def test_training_reaches_the_maximum_likelihood_of_probabilistic_pca(ppca):
    x = ppca.sample(2000, seed=3)[0].astype("float32")
    best = vaelib.LinearGaussian.fit(x, 2).log_evidence(x).mean()
    linear = vaelib.mlp_vae(5, 2, (), vaelib.Gaussian("shared"))
    linear.compile(keras.optimizers.Adam(0.02))
    linear.fit(x, epochs=40, batch_size=200, verbose=0)
    assert best - 0.05 < linear.log_likelihood(x, 50).mean() < best + 0.005


# What is trained


def terms_by_hand(model, x, noise):
    """The ELBO's terms in NumPy from the networks' outputs and given noise (samples, batch, latent)."""
    mean, log_var = (np.asarray(head, "float64") for head in model.encoder(x))
    z = mean + np.exp(0.5 * log_var) * noise
    logits = np.stack([np.asarray(model.decoder(sample), "float64") for sample in z.astype("float32")])
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=(2, 3, 4))
    log_q = -0.5 * (math.log(2 * math.pi) + log_var + noise**2).sum(axis=-1)
    log_p = -0.5 * (math.log(2 * math.pi) + z**2).sum(axis=-1)
    kl = 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)
    return log_likelihood, log_q, log_p, kl


@pytest.mark.parametrize(("samples", "beta"), [(1, 1.0), (1, 4.0), (1, 0.0), (5, 1.0), (5, 0.5)])
def test_the_loss_is_minus_the_bound_written_out_by_hand(digits, samples, beta):
    x = digits.x_train[:16]
    model = small_vae(num_importance_samples=samples, beta=beta, seed=9)
    noise = keras.random.normal((samples, 16, 2), seed=keras.random.SeedGenerator(9))
    log_likelihood, log_q, log_p, kl = terms_by_hand(model, x, np.asarray(noise))
    terms = {name: np.asarray(value) for name, value in model(x).items()}
    np.testing.assert_allclose(terms["reconstruction"], log_likelihood.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(terms["elbo"], log_likelihood.mean(axis=0) - kl, rtol=1e-4)
    if samples == 1:
        bound = log_likelihood[0] - beta * kl
    else:
        bound = np.logaddexp.reduce(log_likelihood + beta * (log_p - log_q), axis=0) - math.log(samples)
    np.testing.assert_allclose(terms["loss"], -bound, rtol=1e-4)


def test_log_mean_exp_is_numpys_without_overflow():
    values = np.random.default_rng(0).normal(size=(5, 3))
    expected = np.log(np.mean(np.exp(values), axis=0))
    np.testing.assert_allclose(vae.log_mean_exp(values), expected, rtol=1e-6)
    np.testing.assert_allclose(vae.log_mean_exp(values - 2000.0), expected - 2000, rtol=1e-6)


def test_fit_and_evaluate_report_the_same_sums_in_nats(digits):
    model = small_vae(num_importance_samples=1)
    model.compile("adam")
    history = model.fit(digits.x_train, epochs=2, verbose=0, validation_data=(digits.x_test,)).history
    assert set(history) == {f"{p}{n}" for p in ("", "val_") for n in ("loss", "elbo", "reconstruction", "kl")}
    result = model.evaluate(digits.x_test, return_dict=True, verbose=0)
    terms = [model.elbo(digits.x_test, seed=s) for s in range(10)]
    assert result["kl"] == pytest.approx(terms[0].kl.mean(), rel=1e-4)
    assert result["reconstruction"] == pytest.approx(np.mean([t.reconstruction for t in terms]), abs=0.3)
    assert result["elbo"] == pytest.approx(result["reconstruction"] - result["kl"], rel=1e-5)
    assert result["loss"] == pytest.approx(-result["elbo"], rel=1e-5)


def test_beta_can_be_assigned_between_epochs_and_weighs_only_the_loss(digits):
    model = small_vae()
    model.compile("adam")
    model.fit(digits.x_train, epochs=2, verbose=0)
    model.beta.assign(3.0)
    result = model.evaluate(digits.x_test, return_dict=True, verbose=0)
    assert result["loss"] == pytest.approx(-result["reconstruction"] + 3 * result["kl"], rel=1e-5)
    assert result["elbo"] == pytest.approx(result["reconstruction"] - result["kl"], rel=1e-5)


def test_training_does_not_move_beta(digits):
    model = small_vae(beta=0.5)
    model.compile("adam")
    model.fit(digits.x_train[:64], verbose=0)
    assert float(model.beta) == 0.5


def test_what_a_vae_cannot_use_is_refused_rather_than_ignored(digits):
    model = small_vae()
    model.compile("adam")
    with pytest.raises(ValueError, match=r"learns from x alone.*Call fit\(x\)"):
        model.fit(digits.x_train, digits.y_train, verbose=0)
    with pytest.raises(ValueError, match="takes no sample_weight without y"):
        model.evaluate(digits.x_test, sample_weight=np.ones(360), verbose=0)


# Keras's own machinery


@pytest.mark.parametrize(
    "options",
    [
        {"jit_compile": True},
        {"jit_compile": False},
        {"run_eagerly": True},
        {"jit_compile": True, "steps_per_execution": 3},
        {"jit_compile": True, "steps_per_execution": 1},
        {"jit_compile": True, "optimizer": keras.optimizers.Adam(gradient_accumulation_steps=2)},
    ],
    ids=["xla", "no-xla", "eagerly", "three-steps-at-once", "one-step-at-once", "accumulated-gradients"],
)
def test_every_way_of_compiling_trains(digits, options):
    model = small_vae()
    model.compile(**options)
    before = model.evaluate(digits.x_test, verbose=0, return_dict=True)["elbo"]
    model.fit(digits.x_train[:500], epochs=2, batch_size=50, verbose=0)
    assert model.evaluate(digits.x_test, verbose=0, return_dict=True)["elbo"] > before + 0.5


def test_xla_and_plain_execution_train_alike(digits):
    losses = []
    for jit_compile in (True, False):
        keras.utils.set_random_seed(1)
        model = small_vae()
        model.compile("adam", jit_compile=jit_compile)
        history = model.fit(digits.x_train, epochs=5, verbose=0).history
        losses.append(history["loss"][-1])
    assert losses[0] == pytest.approx(losses[1], abs=0.3)


@pytest.mark.parametrize("kind", ["vae", "autoencoder", "adversarial"])
def test_batch_normalization_learns_in_training_and_holds_still_in_use(digits, kind):
    outputs = ("mean", "log_var") if kind == "vae" else ("code",)
    encoder = networks.mlp_encoder((8, 8, 1), 2, (16,), outputs=outputs)
    normalize = keras.layers.BatchNormalization()
    cells = keras.Input((8, 8, 1))
    encoder = keras.Model(cells, encoder(normalize(cells)))
    decoder = networks.mlp_decoder((8, 8, 1), 2, (16,))
    if kind == "adversarial":
        critic = networks.mlp_encoder((2,), 1, (16,), outputs=("logit",))
        model = vaelib.AdversarialAutoencoder(encoder, decoder, critic)
    else:
        model = (vaelib.VAE if kind == "vae" else vaelib.Autoencoder)(encoder, decoder)
    model.compile("adam")
    model.fit(digits.x_train[:100], verbose=0)
    learned = keras.ops.convert_to_numpy(normalize.moving_mean)
    assert np.abs(learned).max() > 0  # where it began
    model.evaluate(digits.x_test, verbose=0)
    model.reconstruct(digits.x_test)
    np.testing.assert_array_equal(normalize.moving_mean, learned)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_training_step_is_traced_once(digits, monkeypatch, jit_compile):
    traced = []
    bound = vaelib.VAE.call
    monkeypatch.setattr(
        vaelib.VAE, "call", lambda self, x, training=False: traced.append(1) or bound(self, x, training)
    )
    model = small_vae()
    model.compile("adam", jit_compile=jit_compile)
    model.fit(digits.x_train[:100], batch_size=50, epochs=2, verbose=0)
    assert len(traced) == 1  # twice, if the optimizer's variables were made in the first step


@pytest.mark.xla_by_default
def test_xla_is_chosen_for_dense_networks_and_not_for_convolutions_on_a_cpu():
    dense, convolutional = small_vae(), vaelib.conv_vae((8, 8, 1), 2)
    for model in (dense, convolutional):
        model.compile("adam")
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("on a GPU the choice is Keras's")
    assert dense.jit_compile
    assert dense.steps_per_execution == 8
    assert not convolutional.jit_compile
    assert convolutional.steps_per_execution == 1
    dense.compile("adam", steps_per_execution=2)
    assert dense.steps_per_execution == 2
    dense.compile("adam", jit_compile=False)
    assert not dense.jit_compile
    assert dense.steps_per_execution == 1


def test_callbacks_data_sets_and_validation_split_work(digits, tmp_path):
    model = small_vae()
    model.compile("adam")
    callbacks = [
        keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=1, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "val_elbo", mode="max", save_best_only=True),
    ]
    model.fit(digits.x_train[:500], epochs=3, validation_split=0.2, callbacks=callbacks, verbose=0)
    assert (tmp_path / "best.keras").exists()
    pipeline = tf.data.Dataset.from_tensor_slices(digits.x_train[:500]).batch(50)
    model.fit(pipeline, verbose=0)
    assert np.isfinite(model.evaluate(pipeline, verbose=0, return_dict=True)["elbo"])
    np.testing.assert_allclose(
        model.predict(pipeline, verbose=0), model.reconstruct(digits.x_train[:500]), atol=1e-5
    )


def fitted_losses(fit, model_of, data, **options):
    keras.utils.set_random_seed(3)
    model = model_of()
    model.compile("adam", jit_compile=False)
    history = fit(model, *data, batch_size=48, epochs=3, verbose=0, **options).history
    return {name: history[name] for name in history if "loss" in name}


def small_autoencoder():
    encoder = networks.mlp_encoder((8, 8, 1), 2, (32,), outputs=("code",))
    return vaelib.Autoencoder(encoder, networks.mlp_decoder((8, 8, 1), 2, (32,)))


def small_conditional_vae():
    encoder = networks.mlp_encoder((64 + 10,), 2, (32,))
    return vaelib.ConditionalVAE(encoder, networks.mlp_decoder((8, 8, 1), 2 + 10, (32,)))


@pytest.mark.parametrize("kind", ["x", "x, y, weights", "(x, labels)"])
def test_fit_takes_the_batches_that_keras_would_take(digits, kind):
    x, labels = digits.x_train[:200], digits.y_train[:200]
    model_of, data, options = {
        "x": (small_vae, (x,), {"validation_data": x[:70]}),
        "x, y, weights": (
            small_autoencoder,
            (x, x[::-1].copy()),
            {"sample_weight": np.linspace(0, 1, 200), "validation_data": (x[:70], x[70:140])},
        ),
        "(x, labels)": (
            small_conditional_vae, ((x, labels),), {"validation_data": ((x[:70], labels[:70]),)}
        ),
    }[kind]  # fmt: skip
    theirs = fitted_losses(keras.Model.fit, model_of, data, shuffle=False, **options)
    ours = fitted_losses(EncoderDecoder.fit, model_of, data, shuffle=False, **options)
    assert ours.keys() == theirs.keys() == {"loss", "val_loss"}
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)


def rows_in_order(pairs):
    parts = [(first.numpy(), second.numpy()) for first, second in pairs]
    assert [len(first) for first, _ in parts] == [4, 4, 2]
    assert all((first == -second).all() for first, second in parts)
    return np.concatenate([first for first, _ in parts]).tolist()


def test_batches_hold_every_row_once_and_have_no_autotuner():
    x = np.arange(10)
    for shuffle in (True, False):
        pairs = batches((x, -x), batch_size=4, shuffle=shuffle)
        assert pairs.options().autotune.enabled is False
        assert len(pairs) == 3
        assert sorted(rows_in_order(pairs)) == x.tolist()
    assert rows_in_order(pairs) == x.tolist()


def test_each_epoch_has_an_order_of_its_own_and_the_seed_decides_which():
    """Keras's own batches come in the same order in each epoch once ``set_random_seed`` was called."""

    def orders():
        keras.utils.set_random_seed(3)
        pairs = batches((np.arange(10), -np.arange(10)), batch_size=4, shuffle=True)
        return [rows_in_order(pairs) for _ in range(3)]

    first = orders()
    assert len(set(map(tuple, first))) == 3
    assert orders() == first


def test_targets_and_examples_of_different_number_get_a_clear_message(digits):
    model = small_autoencoder()
    model.compile("adam")
    with pytest.raises(ValueError, match=r"as many rows as each other; got \[40, 50\]"):
        model.fit(digits.x_train[:40], digits.x_train[:50], verbose=0)


def test_validation_data_are_checked_like_the_examples(digits):
    model = small_vae()
    model.compile("adam")
    with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
        model.fit(digits.x_train[:50], validation_data=(16 * digits.x_test[:50],), verbose=0)


def test_mixed_precision_trains_with_bounds_in_float32(digits):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = small_vae()
        model.compile("adam", jit_compile=False)
        history = model.fit(digits.x_train, epochs=3, verbose=0).history
        assert type(model.optimizer).__name__ == "LossScaleOptimizer"
        terms = model(digits.x_test[:4])
        assert {keras.backend.standardize_dtype(value.dtype) for value in terms.values()} == {"float32"}
        assert history["elbo"][-1] > history["elbo"][0] + 1
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_two_replicas_take_the_steps_of_one_noise_included_and_can_be_saved(tmp_path):
    """In a process of its own: virtual devices must be made before TensorFlow starts."""
    import subprocess
    import sys

    code = """
import sys, numpy as np, vaelib, keras, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
x = vaelib.load_images("digits").x_train[:128]
def trained(strategy, num_importance_samples):
    with strategy.scope():
        keras.utils.set_random_seed(0)
        model = vaelib.mlp_vae((8, 8, 1), 2, (16,), beta=0.7, num_importance_samples=num_importance_samples)
        model.compile(keras.optimizers.SGD(1e-3), jit_compile=False)
    return model, model.fit(x, batch_size=64, epochs=3, shuffle=False, verbose=0).history["elbo"]
for num_importance_samples in (1, 3):
    one, elbo_one = trained(tf.distribute.get_strategy(), num_importance_samples)
    two, elbo_two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), num_importance_samples)
    for ours, theirs in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(elbo_one, elbo_two, rtol=1e-5)
    assert elbo_one[-1] > elbo_one[0]
two.save(sys.argv[1])
copy = keras.models.load_model(sys.argv[1])
np.testing.assert_array_equal(copy.reconstruct(x), two.reconstruct(x))
assert float(copy.beta) == np.float32(0.7)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


def test_a_reloaded_model_trains_on_with_the_moments_of_its_optimizer(digits, tmp_path):
    model = small_vae()
    model.compile("adam")
    model.fit(digits.x_train[:100], verbose=0)
    model.save(tmp_path / "vae.keras")
    again = keras.models.load_model(tmp_path / "vae.keras")
    assert len(again.optimizer.variables) == len(model.optimizer.variables) > 2
    for mine, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_reloaded_model_gives_the_same_elbo_to_the_bit(digits, tmp_path, likelihood):
    model = small_vae(likelihood=likelihood, beta=0.7, num_importance_samples=3)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)  # XLA would compile it twice
    model.fit(digits.x_train[:300], verbose=0)
    model.beta.assign(0.9)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model.elbo(digits.x_test, 5), copy.elbo(digits.x_test, 5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert type(copy.likelihood) is type(model.likelihood)
    assert getattr(copy.likelihood, "variance", None) == getattr(model.likelihood, "variance", None)
    assert float(copy.beta) == np.float32(0.9)
    assert copy.num_importance_samples == 3
    copy.fit(digits.x_train[:300], verbose=0)  # compiled as it was
    unweighted = vaelib.VAE.from_config(model.get_config())  # as keras.models.clone_model makes it
    assert float(unweighted.beta) == np.float32(0.9)


# Numbers that stay numbers


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("constant", [False, True])
def test_a_high_learning_rate_gives_no_nan(digits, likelihood, constant):
    x = np.ones_like(digits.x_train[:256]) if constant else digits.x_train[:256]
    model = small_vae(likelihood=likelihood)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    history = model.fit(x, epochs=50, batch_size=64, verbose=0).history  # 200 steps
    assert all(np.isfinite(values).all() for values in history.values())
    assert np.isfinite(model.log_likelihood(x[:10], 10)).all()


# Seeds, shapes, memory


def test_the_same_seed_gives_the_same_bits_and_another_does_not(digits):
    model, x = small_vae(), digits.x_test
    np.testing.assert_array_equal(model.elbo(x, 1).total, model.elbo(x, 1).total)
    np.testing.assert_array_equal(model.log_likelihood(x, 5, 1), model.log_likelihood(x, 5, 1))
    np.testing.assert_array_equal(model.generate(4, 1), model.generate(4, 1))
    assert not np.array_equal(model.elbo(x, 1).reconstruction, model.elbo(x, 2).reconstruction)
    assert not np.array_equal(model.log_likelihood(x, 5, 1), model.log_likelihood(x, 5, 2))
    assert not np.array_equal(model.generate(4, 1), model.generate(4, 2))


def test_training_repeats_from_one_random_seed_and_draws_fresh_noise(digits):
    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        model = small_vae()
        model.compile("adam")
        losses.append(model.fit(digits.x_train[:300], epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    first, second = (np.asarray(model(digits.x_test)["reconstruction"]) for _ in range(2))
    assert not np.array_equal(first, second)


def test_batches_of_examples_share_no_noise(monkeypatch):
    monkeypatch.setattr("vaelib.model.BATCH_SIZE", 4)
    model = small_vae()
    x = np.repeat(np.random.default_rng(0).random((1, 8, 8, 1), "float32"), 8, axis=0)
    model.encoder.get_layer("log_var").bias.assign([2.0, 2.0])
    assert len(np.unique(model.elbo(x, 0).reconstruction)) == 8


def test_scoring_decodes_a_bounded_number_of_latents_at_a_time(monkeypatch, digits):
    monkeypatch.setattr(vae, "SAMPLES_AT_ONCE", 50)
    model, rows = small_vae(), []
    monkeypatch.setattr(
        type(model.decoder), "__call__", lambda self, z: rows.append(len(z)) or model_call(self, z)
    )
    model_call = keras.layers.Layer.__call__
    bound = model.log_likelihood(digits.x_test[:30], num_samples=20)
    assert max(rows) <= 50
    model.log_likelihood(digits.x_test[:3], num_samples=120)
    assert max(rows) <= 50
    assert bound.shape == (30,)


def test_pieces_of_samples_add_up(exact_vae, ppca, ppca_data, monkeypatch):
    monkeypatch.setattr(vae, "SAMPLES_AT_ONCE", 50)
    bound = exact_vae.log_likelihood(ppca_data[:3], num_samples=120)
    np.testing.assert_allclose(bound, ppca.log_evidence(ppca_data[:3]), atol=2e-4)


def test_a_saved_model_keeps_its_seed(tmp_path):
    small_vae(seed=9).save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    assert loaded.get_config()["seed"] == 9
    assert np.array_equal(loaded.noise.state, keras.random.SeedGenerator(9).state)


def test_methods_take_and_give_arrays_of_the_stated_shapes(digits):
    model, x = small_vae(), digits.x_test[:7]
    mean, log_var = model.encode(x)
    assert mean.shape == log_var.shape == (7, 2)
    for images in (model.decode(mean), model.reconstruct(x), model.generate(7), model.predict(x, verbose=0)):
        assert isinstance(images, np.ndarray)
        assert images.shape == (7, 8, 8, 1)
        assert images.dtype == np.float32
        assert images.min() >= 0
        assert images.max() <= 1
    elbo = model.elbo(x)
    assert elbo.reconstruction.shape == elbo.kl.shape == elbo.total.shape == (7,)
    np.testing.assert_allclose(elbo.kl, gaussian.kl_to_standard_normal(mean, log_var), rtol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x), model.decode(mean), atol=1e-6)


@pytest.mark.parametrize("build", [vaelib.mlp_vae, vaelib.conv_vae])
@pytest.mark.parametrize("likelihood", ["bernoulli", "per_cell"])
def test_builders_fit_images_with_channels(build, likelihood):
    model = build((16, 12, 3), 4, likelihood=likelihood_of(likelihood))
    assert model.reconstruct(np.zeros((2, 16, 12, 3))).shape == (2, 16, 12, 3)


def test_a_table_is_a_number_of_features():
    model = vaelib.mlp_vae(6, 2, likelihood="gaussian")
    assert model.reconstruct(np.zeros((3, 6))).shape == (3, 6)


# Missing cells


def with_holes(x, share=0.4):
    holes = np.random.default_rng(8).random(x.shape) < share
    return np.where(holes, np.nan, x).astype("float32"), holes


def test_the_masked_elbo_is_the_elbo_of_the_model_of_the_observed_cells(moved_vae, ppca, ppca_data):
    observed = [0, 2, 3]
    x = np.full_like(ppca_data, np.nan)
    x[:, observed] = ppca_data[:, observed]
    marginal = vaelib.LinearGaussian(ppca.weights[observed], ppca.mean[observed], ppca.noise_variance)
    mean, log_var = moved_vae.encode(x)
    expected = marginal.log_evidence(x[:, observed]) - marginal.kl_to_posterior(x[:, observed], mean, log_var)
    draws = np.stack([moved_vae.elbo(x, seed=seed).total for seed in range(200)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(abs(draws.mean(axis=0) - expected) < 5 * error)


def test_the_bound_on_incomplete_data_tightens_to_the_evidence_of_the_observed_cells(
    moved_vae, ppca, ppca_data
):
    x = ppca_data[:50].copy()
    x[:, [1, 4]] = np.nan
    kept = [0, 2, 3]
    marginal = vaelib.LinearGaussian(ppca.weights[kept], ppca.mean[kept], ppca.noise_variance)
    bound = moved_vae.log_likelihood(x, num_samples=20_000)
    np.testing.assert_allclose(bound, marginal.log_evidence(x[:, kept]), atol=0.15)


def test_an_example_with_nothing_observed_is_explained_by_the_prior():
    vae = vaelib.mlp_vae(5, 3, (8,), "gaussian")
    vae.encoder.set_weights([np.zeros_like(weight) for weight in vae.encoder.get_weights()])  # q is the prior
    x = np.zeros((2, 5), "float32")
    x[1] = np.nan
    elbo, log_likelihood = vae.elbo(x), vae.log_likelihood(x, num_samples=10)
    assert elbo.reconstruction[0] < -1
    assert log_likelihood[0] < -1
    assert elbo.total[1] == 0  # the log of a probability of one
    assert log_likelihood[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("likelihood", ["bernoulli", vaelib.Contaminated("gaussian"), "gaussian"])
def test_training_on_incomplete_data_learns_and_stays_finite(digits, likelihood):
    x, _ = with_holes(digits.x_train)
    vae = vaelib.mlp_vae(x.shape[1:], 4, (64,), likelihood)
    vae.compile("adam")
    losses = vae.fit(x, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())
    assert np.isfinite(vae.reconstruct(x)).all()


def test_a_missing_cell_changes_nothing_whatever_it_would_have_been(digits):
    vae = vaelib.mlp_vae((8, 8, 1), 2, (16,))
    x, holes = with_holes(digits.x_test[:20])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(vae(x)["loss"])
    gradients = tape.gradient(loss, vae.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    filled = np.where(holes, 0.0, x)  # what the encoder is fed, but here as if it had been seen
    assert np.all(vae.elbo(filled).reconstruction < vae.elbo(x).reconstruction)
    np.testing.assert_array_equal(vae.elbo(filled).kl, vae.elbo(x).kl)


def test_a_penalty_on_the_weights_is_added_to_the_loss(digits):
    x, plain, penalized = digits.x_test[:50], small_vae(seed=0), small_vae(seed=0)
    penalized.set_weights(plain.get_weights())
    kernel = penalized.decoder.get_layer("params").kernel
    kernel.regularizer = keras.regularizers.L2(0.1)
    for model in (plain, penalized):
        model.compile("adam", jit_compile=False)
    difference = penalized.evaluate(x, verbose=0, return_dict=True)["loss"]
    difference -= plain.evaluate(x, verbose=0, return_dict=True)["loss"]
    assert difference == pytest.approx(0.1 * float(np.sum(np.square(kernel))), rel=1e-3)


def test_what_numpy_can_read_is_looked_at_like_an_array():
    """A data frame, for one."""

    class Frame:
        def __array__(self, dtype=None, copy=None):
            return np.full((3, 8, 8, 1), 255.0)

    with pytest.raises(ValueError, match=r"Gray levels 0 to 255 become x / 255"):
        small_vae().elbo(Frame())
