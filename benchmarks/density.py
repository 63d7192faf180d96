"""How good a density is a VAE of MNIST, in the protocol that most papers share, and how soon?

Burda, Grosse & Salakhutdinov (2016), table 1: one layer of 50 latent variables, networks of 784-200-200 and
back, tanh; every time an image is used its pixels are tossed anew, white with their gray value as
probability; NLL of the 10,000 test images, tossed once, with 5,000 importance samples. They trained for 3,280
epochs: VAE 86.76, IWAE with k = 5 85.54, with k = 50 84.78.

A recipe is a list of stages, each some epochs with k importance samples. The learning rate rises for two
epochs and then falls along a cosine over all of them; how high was chosen by the NLL of 2,000 training images
that 40 epochs on the first 50,000 had not seen. With more than one sample the gradient goes through one of
them, drawn by its weight. The time is that of training alone, on this machine.
Results are added to results/density.json, one entry for each recipe and seed: a long list may be made in
parts, also side by side, each on a core of its own (taskset -c 0 python ...); an entry says on how many.

    VAELIB_DATA=... python benchmarks/density.py ["VAE, quick" "VAE" "IWAE, k = 5" ...] [--seeds 0 1 2]
"""

import argparse
import json
import time

import vaelib  # first: it keeps TensorFlow quiet
from vaelib import gaussian, networks
from vaelib.vae import log_mean_exp

import joblib  # isort: skip
import keras  # isort: skip
import numpy as np  # isort: skip
import tensorflow as tf  # isort: skip
from keras import ops  # isort: skip
import report  # isort: skip

LATENT_DIM, UNITS = 50, (200, 200)
BATCH_SIZE, LEARNING_RATE = 200, 4e-3
TEST_SAMPLES, PROGRESS_SAMPLES, PROGRESS_IMAGES, IMAGES_AT_ONCE = 5000, 200, 1000, 20

# name: stages of (epochs, importance samples)
RECIPES = {
    "VAE, quick": [(340, 1)],
    "VAE": [(1000, 1)],
    "IWAE, k = 5": [(340, 1), (320, 5)],
    "IWAE, k = 50": [(340, 1), (320, 5), (45, 50)],
    "IWAE, k = 50, two stages": [(200, 1), (60, 50)],  # tried first; the one above was set after it
}


def tossed(x, coins):
    """Each pixel white with its gray value as probability."""
    return (coins.random(x.shape, dtype="float32") < x).astype("float32")


def fresh_batches(x, seed):
    """Shuffled batches; each pixel is tossed anew whenever it is used."""
    coins = np.random.default_rng(seed)  # NumPy tosses in one thread: the other goes on training

    def toss(rows):
        batch = tf.numpy_function(lambda rows: tossed(x[rows], coins), [rows], tf.float32)
        return tf.ensure_shape(batch, (BATCH_SIZE, x.shape[1]))

    options = tf.data.Options()
    options.autotune.enabled = False  # to close it can take as long as an epoch
    order = tf.data.Dataset.range(len(x)).shuffle(len(x), seed=seed)
    return order.batch(BATCH_SIZE, drop_remainder=True).map(toss).prefetch(8).with_options(options)


class ResampledVAE(vaelib.VAE):
    """An IWAE that learns from one of its k samples: two thirds of the arithmetic is in the way back.

    The k samples are weighted on the way forward alone; one is drawn by its weight. For the decoder, the
    gradient of its log weight is on average that of the importance-weighted bound. For the encoder it is
    doubly reparameterized: taken along z alone, and times the weight once more.

    Source: Tucker, Lawson, Gu & Maddison (2019), whose sum over the samples is drawn from here.
    """

    def call(self, x, training=False):
        if self.num_importance_samples == 1:
            return super().call(x, training)
        mean, log_var = self._posterior(x)
        q = ops.stop_gradient(mean), ops.stop_gradient(log_var)
        noise = gaussian.standard_normal((self.num_importance_samples, *ops.shape(mean)), self.noise)
        z = gaussian.reparameterize(*q, noise)
        log_likelihood = ops.stop_gradient(self.log_prob_per_example(x, z))  # (k, batch)
        log_weight = log_likelihood - self._log_density_ratio(z, *q)

        weight = ops.softmax(log_weight, axis=0)
        up_to = keras.random.uniform(ops.shape(weight)[1:], seed=self.noise)
        drawn = ops.sum(ops.cumsum(weight, axis=0)[:-1] < up_to, axis=0)  # the first whose sum exceeds it
        drawn = ops.one_hot(drawn, self.num_importance_samples, axis=0)
        weight = ops.sum(drawn * weight, axis=0)[:, None]
        z = gaussian.reparameterize(mean, log_var, ops.sum(drawn[..., None] * noise, axis=0))
        z = weight * z + ops.stop_gradient((1 - weight) * z)  # the same z; its gradient times the weight
        log_weight_drawn = self.log_prob_per_example(x, z[None])[0] - self._log_density_ratio(z, *q)
        bound = log_mean_exp(log_weight)
        reconstruction, kl = ops.mean(log_likelihood, axis=0), gaussian.kl_to_standard_normal(*q)
        return {
            "loss": -(log_weight_drawn + ops.stop_gradient(bound - log_weight_drawn)),
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }


def new_vae(x, seed):
    """The decoder's last bias starts at each pixel's log odds: black corners need not be learned."""
    keras.utils.set_random_seed(seed)
    encoder = networks.mlp_encoder((784,), LATENT_DIM, UNITS, activation="tanh")
    decoder = networks.mlp_decoder((784,), LATENT_DIM, UNITS[::-1], activation="tanh")
    white = np.clip(x.mean(axis=0), 1e-3, 1 - 1e-3)
    decoder.get_layer("params").bias.assign(np.log(white / (1 - white)))
    return ResampledVAE(encoder, decoder, seed=seed)


class Trajectory(keras.callbacks.Callback):
    """Nats against minutes and epochs; the clock stands still while it looks."""

    def __init__(self, x, stages):
        super().__init__()
        self.x, self.points, self.minutes, self.epoch = x, [], 0.0, 0
        ends = np.cumsum([0, *(epochs for epochs, _ in stages)])
        of_stages = [np.linspace(*ends[i : i + 2], 9).astype(int) for i in range(len(stages))]
        self.looks = set(np.concatenate([np.geomspace(1, ends[-1], 25).astype(int), *of_stages]).tolist())

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.minutes += (time.perf_counter() - self.start) / 60
        self.epoch += 1
        if self.epoch in self.looks:
            nll = -float(self.model.log_likelihood(self.x, PROGRESS_SAMPLES).mean())
            self.points.append({"epoch": self.epoch, "minutes": round(self.minutes, 2), "nll": round(nll, 2)})
            print(f"  epoch {self.epoch:5}  {self.minutes:6.1f} min  NLL about {nll:.2f}", flush=True)


def train(stages, x, x_look, seed):
    """Train along the stages with one optimizer; returns the VAE and its trajectory."""
    steps = len(x) // BATCH_SIZE
    total = sum(epochs for epochs, _ in stages)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, (total - 2) * steps, warmup_target=LEARNING_RATE, warmup_steps=2 * steps
    )
    optimizer = keras.optimizers.Adam(schedule)
    vae, batches, trajectory = new_vae(x, seed), fresh_batches(x, seed), Trajectory(x_look, stages)
    for epochs, samples in stages:
        vae.num_importance_samples = samples
        vae.compile(optimizer)
        vae.fit(batches, epochs=epochs, callbacks=[trajectory], shuffle=False, verbose=0)
    return vae, trajectory


def nll_of(vae, x, num_samples):
    """What vae.log_likelihood bounds, with the other sign; compiled, which takes half the time.

    A VAE's loss with k importance samples is that bound. len(x) is a multiple of IMAGES_AT_ONCE.
    """
    vae.num_importance_samples = num_samples
    loss = tf.function(lambda x: vaelib.VAE.call(vae, x)["loss"], jit_compile=True)
    starts = range(0, len(x), IMAGES_AT_ONCE)
    return float(np.mean([loss(tf.constant(x[start : start + IMAGES_AT_ONCE])) for start in starts]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="the quick one if none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    images = vaelib.load_images("mnist")
    x_train, x_test = (part.reshape(-1, 784) for part in (images.x_train, images.x_test))
    x_test = tossed(x_test, np.random.default_rng(2016))
    path = report.RESULTS / "density.json"
    for seed in options.seeds:
        for recipe in options.recipes or ["VAE, quick"]:
            print(f"{recipe}, seed {seed}", flush=True)
            vae, trajectory = train(RECIPES[recipe], x_train, x_test[:PROGRESS_IMAGES], seed)
            start = time.perf_counter()
            nll = nll_of(vae, x_test, TEST_SAMPLES)
            elbo = float(vae.elbo(x_test, seed=seed).total.mean())
            print(f"  NLL {nll:.2f}, -ELBO {-elbo:.2f}, trained {trajectory.minutes:.1f} min, "
                  f"evaluated {(time.perf_counter() - start) / 60:.1f} min", flush=True)  # fmt: skip
            runs = json.loads(path.read_text())["results"] if path.exists() else {}  # others may have added
            runs.setdefault(recipe, {})[str(seed)] = {
                "nll": nll, "elbo": elbo, "stages": RECIPES[recipe], "minutes": trajectory.minutes,
                "cores": joblib.cpu_count(), "trajectory": trajectory.points,
            }  # fmt: skip
            report.write("density", runs)


if __name__ == "__main__":
    main()
