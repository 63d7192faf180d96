"""Dense and convolutional encoders and decoders: plain functional Keras models.

The last layer computes in float32 under any mixed-precision policy: what it gives is exponentiated.
"""

import math

from keras import Input, Model, layers


def mlp_encoder(
    data_shape, latent_dim, hidden_units=(512, 256), outputs=("mean", "log_var"), activation="relu"
):
    """Dense network from an example to one vector for each name in ``outputs``.

    Args:
        data_shape: shape of one example, such as (28, 28, 1).
        latent_dim: length of each output.
        hidden_units: width of each hidden layer, first to last.
        outputs: names of the linear output layers; ``("code",)`` for a plain autoencoder.
        activation: of the hidden layers.

    Returns:
        A ``keras.Model`` giving a list of tensors of shape (batch, latent_dim), or one tensor if
        there is one output.
    """
    x = Input(data_shape, name="x")
    hidden = layers.Flatten()(x) if len(data_shape) > 1 else x
    for units in hidden_units:
        hidden = layers.Dense(units, activation=activation)(hidden)
    return Model(x, _heads(hidden, latent_dim, outputs), name="encoder")


def mlp_decoder(data_shape, latent_dim, hidden_units=(256, 512), params_per_cell=1, activation="relu"):
    """Dense network from a latent vector to the parameters of the likelihood.

    Args:
        data_shape: shape of one example, such as (28, 28, 1).
        latent_dim: length of the latent vector.
        hidden_units: width of each hidden layer, first to last.
        params_per_cell: numbers for each cell, as the likelihood says.
        activation: of the hidden layers.

    Returns:
        A ``keras.Model`` giving shape ``(batch, *data_shape)``, the last axis ``params_per_cell`` times as
        long. There is no activation at the end: a Bernoulli's parameters are logits.
    """
    z = hidden = Input((latent_dim,), name="z")
    for units in hidden_units:
        hidden = layers.Dense(units, activation=activation)(hidden)
    shape = (*data_shape[:-1], data_shape[-1] * params_per_cell)
    params = layers.Dense(math.prod(shape), dtype="float32", name="params")(hidden)
    if len(shape) > 1:
        params = layers.Reshape(shape, dtype="float32")(params)
    return Model(z, params, name="decoder")


def conv_encoder(data_shape, latent_dim, filters=(32, 64), outputs=("mean", "log_var")):
    """Convolutional network from an image to one vector for each name in ``outputs``.

    Args:
        data_shape: (height, width, channels), sides divisible by 2 once for each entry of ``filters``.
        latent_dim: length of each output.
        filters: channels after each convolution; each halves height and width.
        outputs: names of the linear output layers.

    Returns:
        A ``keras.Model`` giving a list of tensors of shape (batch, latent_dim), or one tensor if
        there is one output.

    Raises:
        ValueError: if ``data_shape`` is not an image that can be halved that often.
    """
    _check_halves(data_shape, filters)
    x = hidden = Input(data_shape, name="x")
    for channels in filters:
        hidden = layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu")(hidden)
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(hidden))
    return Model(x, _heads(hidden, latent_dim, outputs), name="encoder")


def conv_decoder(data_shape, latent_dim, filters=(64, 32), params_per_cell=1):
    """Convolutional network from a latent vector to the parameters of the likelihood.

    Args:
        data_shape: (height, width, channels), sides divisible by 2 once for each entry of ``filters``.
        latent_dim: length of the latent vector.
        filters: channels before each doubling of height and width.
        params_per_cell: numbers for each cell, as the likelihood says.

    Returns:
        A ``keras.Model`` giving shape (batch, height, width, channels * params_per_cell), with no
        activation at the end.

    Raises:
        ValueError: if ``data_shape`` is not an image that can be halved that often.
    """
    _check_halves(data_shape, filters)
    height, width, channels = data_shape
    shape = (height >> len(filters), width >> len(filters), filters[0])  # 28x28 -> 7x7
    z = Input((latent_dim,), name="z")
    hidden = layers.Dense(128, activation="relu")(z)
    hidden = layers.Dense(math.prod(shape), activation="relu")(hidden)
    hidden = layers.Reshape(shape)(hidden)
    for following in (*filters[1:], filters[-1]):
        hidden = layers.Conv2DTranspose(following, 3, strides=2, padding="same", activation="relu")(hidden)
    params = layers.Conv2D(channels * params_per_cell, 3, padding="same", dtype="float32", name="params")(
        hidden
    )
    return Model(z, params, name="decoder")


def _heads(hidden, latent_dim, names):
    heads = [layers.Dense(latent_dim, dtype="float32", name=name)(hidden) for name in names]
    return heads if len(heads) > 1 else heads[0]


def _check_halves(data_shape, filters):
    divisor = 2 ** len(filters)
    if len(data_shape) != 3 or any(side % divisor for side in data_shape[:2]):
        raise ValueError(
            f"A convolutional network with {len(filters)} halvings expects data_shape (height, width, "
            f"channels) with sides divisible by {divisor}; got {tuple(data_shape)}. Pad the images, "
            "give fewer filters, or use the dense network."
        )
