"""Where does the time of a training step go?

The dense 784-512-2-512-784 VAE in batches of 128, taken apart: its five large matrix products in NumPy and in
TensorFlow; loss and gradients; these and Adam; and a step of fit, with shuffling, copying and metrics. Apart
from these the noise of a VAE with 50 latent dimensions, drawn by Keras and by vaelib. Each part is timed in
turn, a hundred steps at a time, seven rounds; the compiler is XLA throughout, as vaelib has it. Prints
milliseconds a step, medians, and writes them to results/step.json.

    VAELIB_DATA=... python benchmarks/step.py
"""

import argparse
import statistics
import time

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip
from vaelib import gaussian  # isort: skip
import report  # isort: skip
from peers import BATCH_SIZE, LATENT_DIM, UNITS  # isort: skip

NOISE_SHAPE = (BATCH_SIZE, 50)
STEPS, ROUNDS = 104, 7  # a multiple of the eight steps that fit runs in one call


def products(multiply, transpose, x, gradient, hidden, w_in, w_out):
    """Those of a step with 784 on one side: two forwards, and backwards to the weights and one input."""
    return (
        multiply(x, w_in),
        multiply(hidden, w_out),
        multiply(gradient, transpose(w_out)),
        multiply(transpose(hidden), gradient),
        multiply(transpose(x), hidden),
    )


def seconds_of_steps(function):
    start = time.perf_counter()
    for _ in range(STEPS):
        function()
    return time.perf_counter() - start


def parts(x):
    """The parts by name, each a function that does it for STEPS steps and returns the seconds."""
    rng = np.random.default_rng(0)
    shapes = (BATCH_SIZE, 784), (BATCH_SIZE, 784), (BATCH_SIZE, UNITS), (784, UNITS), (UNITS, 784)
    arrays = [rng.random(shape, dtype="float32") for shape in shapes]
    tensors = [tf.constant(array) for array in arrays]
    vae = vaelib.mlp_vae((784,), LATENT_DIM, hidden_units=(UNITS,))
    vae.compile("adam")
    batch = tf.constant(x[:BATCH_SIZE])

    @tf.function(jit_compile=True)
    def compiled_products():
        return products(tf.matmul, tf.transpose, *tensors)

    def gradients():
        with tf.GradientTape() as tape:
            loss = vae.compute_loss(batch, y_pred=vae(batch, training=True))
        return tape.gradient(loss, vae.trainable_variables)

    @tf.function(jit_compile=True)
    def step():
        vae.optimizer.apply(gradients(), vae.trainable_variables)

    seed = keras.random.SeedGenerator(0)
    noise_by_keras = tf.function(lambda: keras.random.normal(NOISE_SHAPE, seed=seed), jit_compile=True)
    noise_by_us = tf.function(lambda: gaussian.standard_normal(NOISE_SHAPE, seed), jit_compile=True)
    compiled_gradients, fitted = tf.function(gradients, jit_compile=True), x[: STEPS * BATCH_SIZE]
    return {
        "matrix products, NumPy": lambda: seconds_of_steps(
            lambda: products(np.matmul, np.transpose, *arrays)
        ),
        "matrix products, TensorFlow": lambda: seconds_of_steps(compiled_products),
        "loss and gradients": lambda: seconds_of_steps(compiled_gradients),
        "with Adam": lambda: seconds_of_steps(step),
        "through fit": lambda: seconds_of_an_epoch(vae, fitted),
        "noise in 50 dimensions, Keras": lambda: seconds_of_steps(noise_by_keras),
        "noise in 50 dimensions, vaelib": lambda: seconds_of_steps(noise_by_us),
    }


def seconds_of_an_epoch(vae, x):
    """Without what fit does once: the second of two epochs."""
    times = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: times.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()),
    )
    vae.fit(x, epochs=2, batch_size=BATCH_SIZE, callbacks=[clock], verbose=0)
    return times[3] - times[2]


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter).parse_args()
    work = parts(vaelib.load_images("mnist").x_train.reshape(-1, 784))
    seconds = {name: [] for name in work}
    for _ in range(ROUNDS + 1):  # the first warms up
        for name, measure in work.items():
            seconds[name].append(measure() / STEPS)
    results = {name: 1000 * statistics.median(values[1:]) for name, values in seconds.items()}
    print("milliseconds a step")
    for name, milliseconds in results.items():
        print(f"{name:30}{milliseconds:7.2f}")
    report.write("step", results)


if __name__ == "__main__":
    main()
