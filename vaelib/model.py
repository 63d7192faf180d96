"""What the autoencoder and the VAE share: two networks, a likelihood, and Keras's own training.

A subclass says what one example costs, in ``call``; Keras does the rest: ``compile``, ``fit``,
``evaluate``, ``predict``, ``save`` and ``load_model`` are its own.
"""

import inspect

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from vaelib import likelihoods
from vaelib.checks import check_examples

BATCH_SIZE = 1000  # examples that the methods outside training hold at a time
ONLY_KERAS_CAN = {"validation_split", "class_weight", "steps_per_epoch", "validation_steps"}
XLA_STEPS_PER_EXECUTION = 8  # a compiled dense step is so short that calling it from Python would show


class EncoderDecoder(keras.Model):
    """A Keras model made of an encoder, a decoder and a likelihood.

    Args:
        encoder: network from examples to ``encoder_outputs`` vectors, with a fixed input shape.
        decoder: network from one such vector to the parameters of the likelihood.
        likelihood: a name or an object of :mod:`vaelib.likelihoods`.

    Raises:
        ValueError: if the networks do not fit each other or the likelihood.
    """

    encoder_outputs = 1
    takes_targets = False  # whether ``fit(x, y)`` means anything
    may_be_missing = False  # whether NaN in x means a missing cell
    reported = ()  # what is reported besides the loss: entries of what ``call`` returns

    def __init__(self, encoder, decoder, likelihood="bernoulli", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihoods.get(likelihood)
        self.data_shape, self.latent_dim = self._shapes()
        self.trackers = [keras.metrics.Mean(name) for name in self.reported]
        self.built = True

    # Training: what Keras's train and test steps ask of a model.

    def compile(self, optimizer="adam", jit_compile="auto", **options):
        """Keras's ``compile``, which here chooses XLA where it is faster.

        On a CPU that is for dense networks and not for convolutions; on a GPU, and under a
        distribution strategy, Keras's own choice stands. Where it chooses XLA it also runs eight steps
        in one call, unless ``steps_per_execution`` says otherwise: callbacks for batches then come
        every eighth batch.

        Args:
            optimizer: a Keras optimizer or its name.
            jit_compile: True, False or ``"auto"``.
            **options: any other argument of ``keras.Model.compile``.
        """
        on_cpu = not tf.config.list_physical_devices("GPU") and not tf.distribute.has_strategy()
        if jit_compile == "auto" and on_cpu and not options.get("run_eagerly"):
            jit_compile = not any(len(weight.shape) > 2 for weight in self.weights)  # no kernels
            if jit_compile:
                options.setdefault("steps_per_execution", XLA_STEPS_PER_EXECUTION)
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)
        with self.distribute_strategy.scope():  # or the first step would be traced twice, to make these
            self.optimizer.build(self.trainable_variables)

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if y is not None and not self.takes_targets:
            raise ValueError(
                f"{type(self).__name__} learns from x alone; got targets y as well. Call fit(x), or map "
                "a data set to its x."
            )
        loss = self.example_losses(x if y is None else y, y_pred)
        if sample_weight is not None:
            loss = loss * ops.cast(sample_weight, loss.dtype)
        loss = ops.mean(loss) + sum(self.losses)  # regularizers of the networks, if any
        return loss / tf.distribute.get_strategy().num_replicas_in_sync  # replicas are added up

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        for tracker in self.trackers:
            tracker.update_state(y_pred[tracker.name])
        return self.get_metrics_result()

    def predict_step(self, data):
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self._reconstruct(x)

    # The public doors that Keras leaves open: look at the data once, then hand over.

    def fit(self, x=None, y=None, *args, **kwargs):
        """Keras's ``fit``, with batches of arrays made here.

        Keras has them made under tf.data's autotuner, and to close that at the end of an epoch takes up
        to as long as the epoch took, with nothing at work (TensorFlow 2.21). Batches out of memory need
        no tuning. A data set of your own is used as it is.

        Args:
            x: examples, as for ``check``, or a ``tf.data.Dataset`` of batches.
            y: targets, where the model takes any.
            *args: other arguments of ``keras.Model.fit``, by place.
            **kwargs: and by name.

        Returns:
            Keras's ``History``.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`.
        """
        x, y = self._checked(x, y, **kwargs)
        options = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs).arguments
        shuffle = options.get("shuffle", True)
        if not options.keys() & ONLY_KERAS_CAN and shuffle in (True, False) and is_in_memory(x):
            data = keras.utils.pack_x_y_sample_weight(x, y, options.pop("sample_weight", None))
            size = options.pop("batch_size", None) or 32
            options["x"], options["y"] = batches(data, size, shuffle), None
            options["shuffle"] = False  # done
            if is_in_memory(held_out := options.get("validation_data")):
                x, y, weight = keras.utils.unpack_x_y_sample_weight(held_out)
                held_out = keras.utils.pack_x_y_sample_weight(*self._checked(x, y), weight)
                size = options.pop("validation_batch_size", None) or size
                options["validation_data"] = batches(held_out, size, shuffle=False)
        del options["self"]
        return super().fit(**options)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        return super().evaluate(*self._checked(x, y, **kwargs), *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        return super().predict(self.check(x), *args, **kwargs)

    def check(self, x, name="x"):
        """Raise a clear error unless ``x`` is data that this model can explain.

        Args:
            x: an array of examples; anything that is not one, such as a ``tf.data.Dataset``, passes
                unseen.
            name: what to call it in the message.

        Returns:
            The data, as float32 if it is an array.

        Raises:
            TypeError: if ``x`` is not numeric.
            ValueError: if it is empty, has another shape, or holds values that the likelihood cannot
                explain, or NaN where the model knows no missing cells.
        """
        if not isinstance(x, (list, tuple)) and not hasattr(x, "__array__"):
            return x
        return check_examples(x, self.data_shape, self.likelihood.support, name, self.may_be_missing)

    # Arrays in, arrays out.

    def decode(self, z):
        """Expected value of x for each latent vector.

        Args:
            z: latent vectors, shape (batch, latent_dim).

        Returns:
            Means of p(x given z), shape ``(batch, *data_shape)``, a NumPy array.

        Raises:
            ValueError: if ``z`` is empty, has another shape or holds NaN.
        """
        z = check_examples(z, (self.latent_dim,), name="z")
        return in_batches(lambda z: self.likelihood.mean(self._params(z)), z)

    def reconstruct(self, x):
        """Decode the encoder's best guess; ``predict`` gives the same.

        Args:
            x: examples, shape ``(batch, *data_shape)``.

        Returns:
            Reconstructions, same shape, a NumPy array.

        Raises:
            TypeError, ValueError: as :meth:`~vaelib.model.EncoderDecoder.check`.
        """
        return in_batches(self._reconstruct, self.check(x))

    def log_prob_per_example(self, x, z):
        """Log density of examples given latent vectors, summed over observed cells, differentiable.

        Args:
            x: examples, shape ``(batch, *data_shape)``; a NaN cell is missing and adds nothing.
            z: latent vectors, shape (..., batch, latent_dim).

        Returns:
            log p(x given z) in nats, shape (..., batch).
        """
        params = self._params(ops.reshape(z, (-1, z.shape[-1])))
        params = ops.reshape(params, (*ops.shape(z)[:-1], *params.shape[1:]))
        observed, x = split_missing(x)
        log_prob = self.likelihood.log_prob(x, params)
        return ops.sum(ops.where(observed, log_prob, 0.0), axis=tuple(range(-len(self.data_shape), 0)))

    def get_config(self):
        return {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "likelihood": keras.saving.serialize_keras_object(self.likelihood),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        parts = {
            key: keras.saving.deserialize_keras_object(config[key])
            for key in ("encoder", "decoder", "likelihood")
        }
        return cls(**{**config, **parts})

    def _params(self, z):
        return ops.cast(self.decoder(z), "float32")  # whatever the decoder computes in

    def _checked(self, x, y, sample_weight=None, **_):
        if sample_weight is not None and y is None:
            raise ValueError(
                f"{type(self).__name__}.fit takes no sample_weight without y: Keras would drop it unseen. "
                "Draw the examples in those proportions instead."
            )
        return self.check(x), self.check(y, "y") if self.takes_targets else y

    def _check_built(self):
        for name, network in (("encoder", self.encoder), ("decoder", self.decoder)):
            if not isinstance(network, keras.Model) or not hasattr(network, "input_shape"):
                raise ValueError(
                    f"{type(self).__name__} expects a built Keras model as its {name}; got "
                    f"{network!r}. Begin the network with keras.Input(shape)."
                )

    def _shapes(self):
        self._check_built()
        data_shape = tuple(self.encoder.input_shape[1:])
        heads = (
            self.encoder.output if isinstance(self.encoder.output, (list, tuple)) else [self.encoder.output]
        )
        latent_shapes = {tuple(head.shape) for head in heads} | {tuple(self.decoder.input_shape)}
        if len(heads) != self.encoder_outputs or len(latent_shapes) != 1:
            raise ValueError(
                f"{type(self).__name__} expects an encoder with {self.encoder_outputs} output(s), each of "
                f"the decoder's input shape {tuple(self.decoder.input_shape)}; got "
                f"{[tuple(head.shape) for head in heads]}. A VAE's encoder gives mean and log_var, an "
                "autoencoder's one code."
            )
        expected = (*data_shape[:-1], data_shape[-1] * self.likelihood.params_per_cell)
        if tuple(self.decoder.output_shape[1:]) != expected:
            raise ValueError(
                f"The decoder expects to give {self.likelihood.params_per_cell} number(s) for each cell of "
                f"data of shape {data_shape}, shape {expected}; got {tuple(self.decoder.output_shape[1:])}. "
                "Change its last layer or the likelihood."
            )
        return data_shape, self.decoder.input_shape[-1]


def is_in_memory(data):
    """Whether data are arrays, or tuples of them: something that can be indexed by rows."""
    parts = keras.tree.flatten(data)
    return bool(parts) and all(isinstance(part, (np.ndarray, tf.Tensor)) for part in parts)


def batches(data, batch_size, shuffle):
    """A data set of batches of rows.

    Args:
        data: an array, or nested tuples of arrays with as many rows.
        batch_size: how many rows; the last batch has those that are left.
        shuffle: whether the rows come in random order, another one in each pass.

    Returns:
        A ``tf.data.Dataset``, without an autotuner.

    Raises:
        ValueError: if the arrays differ in their number of rows.
    """
    with tf.device("CPU"):
        data = keras.tree.map_structure(tf.convert_to_tensor, data)
    counts = {len(part) for part in keras.tree.flatten(data)}
    if len(counts) > 1:
        raise ValueError(f"fit expects arrays with as many rows as each other; got {sorted(counts)}.")
    (count,) = counts

    def gather(rows):
        return keras.tree.map_structure(lambda part: tf.gather(part, rows), data)

    rows = tf.data.Dataset.range(count)
    rows = rows.shuffle(count) if shuffle else rows
    gathered = rows.batch(batch_size).map(gather).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return gathered.with_options(options)


def split_missing(x):
    """Which cells are observed, and the data with 0 in the others.

    The zeros keep NaN out of the arithmetic: NaN times a gradient of zero is still NaN.

    Args:
        x: examples, NaN where a cell is missing.

    Returns:
        A bool tensor and a float32 tensor, both of ``x``'s shape.
    """
    x = ops.cast(x, "float32")
    observed = ops.logical_not(ops.isnan(x))
    return observed, ops.where(observed, x, 0.0)


def in_batches(function, x):
    """Apply a function to a thousand examples at a time and join the results.

    Args:
        function: takes examples and returns a tensor, or a tuple of tensors, with as many rows.
        x: examples, shape (batch, ...).

    Returns:
        What ``function`` returns for all of ``x``, as NumPy arrays.
    """
    parts = [function(x[start : start + BATCH_SIZE]) for start in range(0, len(x), BATCH_SIZE)]
    return keras.tree.map_structure(lambda *rows: np.concatenate([np.asarray(r) for r in rows]), *parts)
