import keras
import numpy as np
import pytest

import vaelib
from vaelib import networks


def small_autoencoder(likelihood="bernoulli"):
    encoder = networks.mlp_encoder((8, 8, 1), 4, (32,), outputs=("code",))
    return vaelib.Autoencoder(encoder, networks.mlp_decoder((8, 8, 1), 4, (32,)), likelihood)


def test_the_loss_is_the_summed_cross_entropy(digits):
    model, x = small_autoencoder(), digits.x_test
    model.compile("adam")
    probability = np.asarray(model.reconstruct(x), "float64")
    cross_entropy = -(x * np.log(probability) + (1 - x) * np.log1p(-probability)).sum(axis=(1, 2, 3))
    assert model.evaluate(x, verbose=0) == pytest.approx(cross_entropy.mean(), rel=1e-4)


def test_under_a_gaussian_the_loss_is_half_the_squared_error_and_a_constant(digits):
    model, x = small_autoencoder("gaussian"), digits.x_test
    model.compile("adam")
    squared_error = np.square(x - model.reconstruct(x)).sum(axis=(1, 2, 3)).mean()
    expected = 0.5 * squared_error + 32 * np.log(2 * np.pi)
    assert model.evaluate(x, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_it_learns_to_rebuild_and_comes_back_from_disk(digits, tmp_path):
    model, x = small_autoencoder(), digits.x_train
    model.compile(keras.optimizers.Adam(5e-3))
    losses = model.fit(x, epochs=10, verbose=0, validation_data=(digits.x_test,)).history["val_loss"]
    assert losses[-1] < losses[0] - 3
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.reconstruct(x), model.reconstruct(x))
    np.testing.assert_array_equal(copy.encode(x), model.encode(x))


def test_a_target_of_its_own_makes_it_denoise(digits):
    noisy, _ = vaelib.corrupt(digits.x_train, "uniform", 0.3, seed=0)
    model = small_autoencoder()
    model.compile(keras.optimizers.Adam(5e-3))
    model.fit(noisy, digits.x_train, epochs=30, verbose=0)
    damaged, _ = vaelib.corrupt(digits.x_test, "uniform", 0.3, seed=1)
    error = np.square(model.reconstruct(damaged) - digits.x_test).mean()
    assert error < 0.7 * np.square(damaged - digits.x_test).mean()


def test_methods_give_arrays_of_the_stated_shapes(digits):
    model, x = small_autoencoder(), digits.x_test[:5]
    code = model.encode(x)
    assert code.shape == (5, 4)
    np.testing.assert_allclose(model.decode(code), model.reconstruct(x), atol=1e-6)
    np.testing.assert_allclose(model.predict(x, verbose=0), model.reconstruct(x), atol=1e-6)


def test_an_example_counts_as_much_as_its_weight(digits):
    model, x = small_autoencoder(), digits.x_test[:40]
    model.compile("adam", jit_compile=False)
    weights = np.linspace(0, 2, 40, dtype="float32")
    losses = np.array(model.example_losses(x, model(x)))
    loss = model.evaluate(x, x, batch_size=40, sample_weight=weights, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(np.mean(weights * losses), rel=1e-5)
