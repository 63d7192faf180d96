"""The same VAE, trained by what people use, a process for each: one training, which goes on when it is asked.

Each learns from the same images in batches of 128 with Adam at 1e-3. The dense network is
784-512-2-512-784; the convolutional one is vaelib.conv_vae. The loss is minus the ELBO with a Bernoulli
likelihood; PyOD's is its own (squared error and a KL). training.py starts these processes; alone this script
is of no use to a person:

    python benchmarks/peers.py PEER NETWORK IMAGES.npy

After the first epoch, in which things are traced and compiled, it prints the number of parameters. Then it
trains an epoch for each line that it reads, and prints the epoch's seconds and mean loss.
"""

import json
import os
import sys
import tempfile
import time

BATCH_SIZE, LATENT_DIM, UNITS, LEARNING_RATE = 128, 2, 512, 1e-3
EVER = 10**6  # epochs; the asker ends it


class Turns:
    """An epoch begins when a line is read; when it ends its seconds are said."""

    def __init__(self, answers):
        self.answers, self.parameters, self.warm = answers, None, False

    def begin(self):
        if self.warm and not sys.stdin.readline():
            sys.exit()
        self.start = time.perf_counter()

    def end(self, loss=None):
        seconds = time.perf_counter() - self.start
        answer = {"seconds": seconds, "loss": loss} if self.warm else self.parameters
        print(json.dumps(answer), file=self.answers)
        self.warm = True

    def as_callback(self):
        import keras

        return keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self.begin(),
            on_epoch_end=lambda epoch, logs: self.end(float(logs["loss"])),
        )


def our_vae(network):
    import vaelib

    if network == "dense":
        return vaelib.mlp_vae((784,), LATENT_DIM, hidden_units=(UNITS,))
    return vaelib.conv_vae((28, 28, 1), LATENT_DIM)


def by_vaelib(x, network, turns):
    vae = our_vae(network)
    turns.parameters = vae.encoder.count_params() + vae.decoder.count_params()
    vae.compile("adam")
    fit(vae, x, network, turns)


def fit(model, x, network, turns):
    x = x if network == "dense" else x.reshape(-1, 28, 28, 1)
    model.fit(x, epochs=EVER, batch_size=BATCH_SIZE, callbacks=[turns.as_callback()], verbose=0)


def by_keras(x, network, turns):
    """A VAE as in Keras's own example: a model with a train_step, compiled with the defaults."""
    import keras
    import tensorflow as tf
    from keras import ops

    networks = our_vae(network)  # for its encoder and decoder, which are plain Keras models

    class PlainVAE(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = networks.encoder, networks.decoder
            self.noise = keras.random.SeedGenerator(0)
            self.loss_tracker = keras.metrics.Mean("loss")

        def train_step(self, x):
            with tf.GradientTape() as tape:
                mean, log_var = self.encoder(x)
                z = mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.noise)
                logits = self.decoder(z)
                cells = tuple(range(1, len(x.shape)))
                log_likelihood = ops.sum(x * logits - ops.softplus(logits), axis=cells)
                kl = 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)
                loss = ops.mean(kl - log_likelihood)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
            self.loss_tracker.update_state(loss)
            return {"loss": self.loss_tracker.result()}

    turns.parameters = networks.encoder.count_params() + networks.decoder.count_params()
    model = PlainVAE()
    model.compile("adam")
    fit(model, x, network, turns)


def torch_layers(network):
    """Layers of the encoder, which ends with [mean, log_var], and of the decoder, which ends with logits."""
    from torch import nn

    if network == "dense":
        encoder = [nn.Linear(784, UNITS), nn.ReLU(), nn.Linear(UNITS, 2 * LATENT_DIM)]
        return encoder, [nn.Linear(LATENT_DIM, UNITS), nn.ReLU(), nn.Linear(UNITS, 784)]
    encoder = [
        *(nn.Conv2d(1, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 2 * LATENT_DIM)),
    ]
    decoder = [
        *(nn.Linear(LATENT_DIM, 128), nn.ReLU(), nn.Linear(128, 64 * 49), nn.ReLU()),
        nn.Unflatten(1, (64, 7, 7)),
        *(nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU()),
        *(nn.ConvTranspose2d(32, 32, 3, stride=2, padding=1, output_padding=1), nn.ReLU()),
        nn.Conv2d(32, 1, 3, padding=1),
    ]
    return encoder, decoder


def channels_first(x, network):
    return x if network == "dense" else x.reshape(-1, 1, 28, 28)


def by_torch(x, network, turns, compiled=False):
    """A plain loop: shuffled indices, fused Adam, nothing else."""
    import torch
    from torch.nn.functional import softplus

    torch.manual_seed(0)
    encoder, decoder = (torch.nn.Sequential(*layers) for layers in torch_layers(network))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
    data = torch.from_numpy(channels_first(x, network))

    def negative_elbo(batch):
        mean, log_var = encoder(batch).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        logits = decoder(z)
        log_likelihood = (batch * logits - softplus(logits)).flatten(1).sum(dim=1)
        kl = 0.5 * (mean.square() + log_var.exp() - 1.0 - log_var).sum(dim=1)
        return (kl - log_likelihood).mean()

    loss_of = torch.compile(negative_elbo) if compiled else negative_elbo

    turns.parameters = sum(p.numel() for p in parameters)
    for _ in range(EVER):
        turns.begin()
        total = 0.0
        for rows in torch.randperm(len(data)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss = loss_of(data[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        turns.end(total / len(data))


def by_torch_compile(x, network, turns):
    by_torch(x, network, turns, compiled=True)


def by_pythae(x, network, turns):
    """Its trainer's own epoch."""
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    encoder, decoder = torch_layers(network)
    shape = (784,) if network == "dense" else (1, 28, 28)

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(*encoder)

        def forward(self, x):
            mean, log_var = self.layers(x).chunk(2, dim=1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(*decoder, torch.nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    config = VAEConfig(input_dim=shape, latent_dim=LATENT_DIM, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder())
    data = torch.from_numpy(channels_first(x, network))
    trainer = BaseTrainer(
        model,
        BaseDataset(data, torch.zeros(len(data))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            no_cuda=True,
        ),
    )
    trainer.prepare_training()
    turns.parameters = sum(p.numel() for p in model.parameters())
    for epoch in range(1, EVER):
        turns.begin()
        turns.end(float(trainer.train_step(epoch)))


def by_pyod(x, network, turns):
    """Dense only. Its detector trains inside ``fit``; an epoch ends where it updates itself for the next."""
    from pyod.models.vae import VAE

    class Timed(VAE):
        def epoch_update(self):
            super().epoch_update()
            turns.parameters = sum(p.numel() for p in self.model.parameters())
            turns.end()
            turns.begin()

    detector = Timed(
        encoder_neuron_list=[UNITS], decoder_neuron_list=[UNITS], latent_dim=LATENT_DIM, dropout_rate=0,
        batch_norm=False, batch_size=BATCH_SIZE, epoch_num=EVER, preprocessing=False, verbose=0,
        random_state=0,
    )  # fmt: skip
    turns.begin()
    detector.fit(x)


PEERS = {
    "vaelib": by_vaelib,
    "Keras fit": by_keras,
    "PyTorch loop": by_torch,
    "torch.compile": by_torch_compile,
    "pythae": by_pythae,
    "PyOD": by_pyod,
}


def main():
    import numpy as np

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the libraries print must not be taken for an answer
    peer, network, path = sys.argv[1:]
    PEERS[peer](np.load(path), network, Turns(answers))


if __name__ == "__main__":
    main()
