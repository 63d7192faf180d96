import keras
import numpy as np
import pytest

from vaelib import networks


def test_dense_networks_have_the_widths_asked_for():
    encoder = networks.mlp_encoder((28, 28, 1), 3, (64, 16), activation="tanh")
    dense = [layer for layer in encoder.layers if isinstance(layer, keras.layers.Dense)]
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (64, "tanh"), (16, "tanh"), (3, "linear"), (3, "linear"),
    ]  # fmt: skip
    decoder = networks.mlp_decoder((28, 28, 1), 3, (16, 64), params_per_cell=2)
    dense = [layer for layer in decoder.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [16, 64, 28 * 28 * 2]
    assert decoder.output_shape == (None, 28, 28, 2)
    color = networks.mlp_decoder((5, 6, 3), 2, (8,), params_per_cell=2)
    assert color.output_shape == (None, 5, 6, 3 * 2)


@pytest.mark.parametrize(
    ("shape", "filters"), [((8, 8, 1), (4, 8)), ((28, 28, 1), (4, 8)), ((16, 24, 3), (2, 4, 8))]
)
def test_convolutional_networks_halve_and_double_back(shape, filters):
    encoder = networks.conv_encoder(shape, 5, filters)
    decoder = networks.conv_decoder(shape, 5, filters[::-1], params_per_cell=2)
    mean, log_var = encoder(np.zeros((2, *shape)))
    assert mean.shape == log_var.shape == (2, 5)
    assert decoder(mean).shape == (2, *shape[:2], shape[2] * 2)
    strides = [layer.strides for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert strides == [(2, 2)] * len(filters)


def test_heads_and_parameters_are_linear_and_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        encoder, decoder = networks.mlp_encoder((4,), 2, (8,)), networks.mlp_decoder((4,), 2, (8,))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert encoder.layers[1].compute_dtype == "float16"
    for layer in (encoder.get_layer("mean"), encoder.get_layer("log_var"), decoder.get_layer("params")):
        assert layer.compute_dtype == "float32"
        assert layer.activation.__name__ == "linear"


def test_an_autoencoder_has_one_head():
    assert networks.mlp_encoder((4,), 2, (8,), outputs=("code",))(np.zeros((3, 4))).shape == (3, 2)
