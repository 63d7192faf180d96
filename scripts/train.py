"""Train a VAE on one machine or on many, so that it can be killed at any moment and started again.

    python scripts/train.py --data mnist --out run
    python scripts/train.py --data shards --out run --batch-size 1024 --steps 50000

The same command after a kill goes on from the newest checkpoint and ends where an undisturbed run ends, to
the bit on the same machine: the weights, the optimizer, the noise and the place in the shuffled data are all
restored. Several workers: start the same command on each machine with TF_CONFIG set as TensorFlow describes
(cluster managers do), and --out in a folder that all of them see. As many workers as you like, as long as
they divide the batch evenly, follow the same curve. When one dies, the others end too, with an exit code
that is not 0: start all of them again. Watch it: tensorboard --logdir run/logs
"""

import argparse
import contextlib
import json
import math
import os
import sys
from pathlib import Path

from shards import MANIFEST

STREAMS = 8  # that an image set in memory is dealt to; shards on disk are as many as there are
SHUFFLE_BUFFER = 4096  # records of a stream, which is how far a record may move from its place on disk
REPORTED = ("loss", "elbo", "reconstruction", "kl")
MAY_CHANGE = ("steps", "checkpoint_every", "log_every")  # between a run and its continuation


def at_least(smallest, kind=int):
    """A type for argparse: a finite number that is not too small; with 0 as a float, above it."""

    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (smallest <= value < math.inf) or (kind is float and value == smallest):
            bound = f"a number above {smallest:g}" if kind is float else f"an integer of at least {smallest}"
            raise argparse.ArgumentTypeError(f"expects {bound}; got {text!r}.")
        return value

    return parse


def make_parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for checkpoints, logs and the finished model.keras")
    add(
        "--data", default="auto", help="a folder that scripts/shards.py wrote, or an image set by name (auto)"
    )
    add("--network", choices=("mlp", "conv"), default="mlp", help="dense or convolutional networks (mlp)")
    add(
        "--widths",
        type=at_least(1),
        nargs="+",
        metavar="N",
        help="units or filters of its layers, outermost first",
    )
    add("--latent-dim", type=at_least(1), default=32, help="dimensions of z (32)")
    add("--likelihood", default="bernoulli", help="a name of vaelib.likelihoods (bernoulli)")
    add("--batch-size", type=at_least(1), default=128, help="images in a step, all workers together (128)")
    add("--steps", type=at_least(1), default=5000, help="steps in all, also after a restart (5000)")
    add("--learning-rate", type=at_least(0, float), default=1e-3, help="of Adam (0.001)")
    add("--checkpoint-every", type=at_least(1), default=500, help="steps: what a kill can cost (500)")
    add("--log-every", type=at_least(1), default=50, help="steps (50)")
    add("--seed", type=at_least(0), default=0, help="of weights, order and noise (0)")
    return parser


def find_streams(data, batch_size):
    """The records, split into as many streams as divide both the files and the batch.

    Each step takes equally many rows from each stream, whichever worker reads it.

    Returns:
        For each stream, how many records it has and a function from an epoch's seed to a data set of
        them in that epoch's order; and the shape of an image.
    """
    import tensorflow as tf

    import vaelib

    if not Path(data).is_dir():
        try:
            x = vaelib.load_images(data).x_train
        except ValueError as error:
            raise ValueError(f"--data {data}: there is no such folder, and {error}") from error
        count = math.gcd(STREAMS, batch_size)
        parts = [x[number::count] for number in range(count)]

        def in_memory(part):
            return lambda seed: tf.data.Dataset.from_tensor_slices(part).shuffle(
                len(part), seed, reshuffle_each_iteration=False
            )

        return [(len(part), in_memory(part)) for part in parts], x.shape[1:]

    if not (Path(data) / MANIFEST).is_file():
        raise ValueError(f"the folder {data} has no {MANIFEST}. Write it with scripts/shards.py.")
    manifest = json.loads((Path(data) / MANIFEST).read_text())
    missing = [name for name in manifest["records"] if not (Path(data) / name).is_file()]
    if missing:
        raise ValueError(f"the folder {data} lacks {', '.join(missing)}. Copy it again, or write it anew.")
    names, shape = list(manifest["records"]), tuple(manifest["shape"])
    count = math.gcd(len(names), batch_size)

    def image(record):
        return tf.reshape(tf.cast(tf.io.decode_raw(record, tf.uint8), tf.float32) / 255.0, shape)

    def on_disk(files):
        def order(seed):
            shuffled = tf.data.Dataset.from_tensor_slices(files).shuffle(
                len(files), seed, reshuffle_each_iteration=False
            )
            records = shuffled.interleave(
                tf.data.TFRecordDataset, cycle_length=4, num_parallel_calls=4, deterministic=True
            )
            return records.shuffle(SHUFFLE_BUFFER, seed, reshuffle_each_iteration=False).map(image)

        return order

    streams = []
    for part in (names[number::count] for number in range(count)):
        files = [str(Path(data) / name) for name in part]
        streams.append((sum(manifest["records"][name] for name in part), on_disk(files)))
    return streams, shape


def batches(streams, batch_size, seed, step, worker=0, workers=1):
    """One worker's share of every batch from a given step on.

    The order depends on the seed and the epoch alone, so a restart finds its place by arithmetic: whole
    epochs are never read, and of the epoch that was interrupted the records before the place are skipped.
    """
    import tensorflow as tf

    rows = batch_size // len(streams)

    def endless(number):
        records, order = streams[number]
        epoch, done = divmod(step * rows, records)
        seeds = tf.data.Dataset.counter(epoch).map(lambda e: (seed * len(streams) + number) * 1_000_003 + e)
        return seeds.flat_map(order).skip(done).batch(rows, drop_remainder=True)

    share = len(streams) // workers
    mine = tuple(endless(number) for number in range(worker * share, (worker + 1) * share))
    joined = tf.data.Dataset.zip(mine).map(lambda *parts: tf.concat(parts, axis=0))
    return joined.prefetch(tf.data.AUTOTUNE)


def make_step(vae, optimizer, strategy):
    """One step of all replicas: from a batch to the means of loss, ELBO, reconstruction and KL, in nats."""
    import tensorflow as tf

    def on_replica(x):
        with tf.GradientTape() as tape:
            terms = vae(x, training=True)
            loss = vae.compute_loss(x, y_pred=terms)  # already divided by the number of replicas
        optimizer.apply(tape.gradient(loss, vae.trainable_variables), vae.trainable_variables)  # sums them
        return tf.stack([tf.reduce_mean(terms[name]) for name in REPORTED])

    @tf.function
    def on_all(iterator):
        return strategy.reduce("MEAN", strategy.run(on_replica, args=(next(iterator),)), axis=None)

    return on_all


def check_same_run(flags):
    """Complain if the folder belongs to another run; in a new one, write down what this is."""
    path = flags.out / "flags.json"
    settings = {name: str(value) for name, value in vars(flags).items() if name not in (*MAY_CHANGE, "out")}
    if not path.exists():
        flags.out.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(settings, indent=1))
        path.with_suffix(".part").replace(path)  # all of it or nothing, whenever we are killed
    before = json.loads(path.read_text())
    for name, value in settings.items():
        if before.get(name) != value:
            raise ValueError(
                f"--{name.replace('_', '-')} expects {before.get(name)}, with which the run in {flags.out} "
                f"began; got {value}. Go on with that, or choose another --out."
            )


def cluster():
    """This worker's index and how many there are, from TF_CONFIG."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        workers, index = config["cluster"]["worker"], config["task"]["index"]
        if config["task"]["type"] != "worker" or not 0 <= index < len(workers):
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            'TF_CONFIG expects {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            f'"index": 0}}}}, with an index below the number of workers; got {text}'
        ) from error
    return index, len(workers)


@contextlib.contextmanager
def ending_with_the_others(worker, workers):
    """End with a message when another worker died, because without it no gradient can be agreed on."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        sys.exit(
            f"worker {worker} of {workers} has lost the others ({type(error).__name__}). Start all of them "
            "again with the same command: they go on from the newest checkpoint."
        )


def train(flags):
    """Train, or go on training, as the flags say."""
    worker, workers = cluster()
    import vaelib  # first: it keeps TensorFlow quiet

    import keras  # isort: skip
    import tensorflow as tf  # isort: skip
    from tqdm import tqdm

    # One worker, all of its devices; or many workers: the first thing that TensorFlow must hear of.
    gpus = tf.config.list_physical_devices("GPU")
    if workers > 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()
    streams, shape = find_streams(flags.data, flags.batch_size)
    if len(streams) % strategy.num_replicas_in_sync:
        raise ValueError(
            f"--batch-size {flags.batch_size} and the data make {len(streams)} streams, which "
            f"{strategy.num_replicas_in_sync} replicas cannot share evenly. Choose a batch size, or a number "
            "of shards, that is divisible by the replicas."
        )
    with strategy.scope():
        keras.utils.set_random_seed(flags.seed + 1)  # beside a global 0, shuffle takes no tensor as its seed
        make = vaelib.mlp_vae if flags.network == "mlp" else vaelib.conv_vae
        widths = [flags.widths] if flags.widths else []
        vae = make(shape, flags.latent_dim, *widths, likelihood=flags.likelihood, seed=flags.seed)
        optimizer = keras.optimizers.Adam(flags.learning_rate)
        optimizer.build(vae.trainable_variables)

    chief = worker == 0
    if chief:
        check_same_run(flags)
    # All there is to know of a run: its optimizer counts the steps, and the step says where the data are.
    state = tf.train.Checkpoint(
        encoder=vae.encoder, decoder=vae.decoder, noise=vae.noise.state, optimizer=optimizer
    )
    manager = tf.train.CheckpointManager(state, flags.out / "checkpoints", max_to_keep=3)
    if manager.latest_checkpoint:
        state.restore(manager.latest_checkpoint).assert_existing_objects_matched()
    start = int(optimizer.iterations.numpy())
    print(f"worker {worker} of {workers}: steps {start} to {flags.steps}", flush=True)

    def input_of(context):
        return batches(streams, flags.batch_size, flags.seed, start, worker, workers)

    iterator = iter(strategy.distribute_datasets_from_function(input_of))
    one_step = make_step(vae, optimizer, strategy)
    writer = (
        tf.summary.create_file_writer(str(flags.out / "logs")) if chief else tf.summary.create_noop_writer()
    )
    with writer.as_default(), ending_with_the_others(worker, workers):
        seconds = 0.1 if sys.stderr.isatty() else 30  # between two looks of the bar, which fill a log file
        bar = tqdm(initial=start, total=flags.steps, unit="step", disable=not chief, mininterval=seconds)
        for step in range(start + 1, flags.steps + 1):
            means = one_step(iterator)
            bar.update()
            if step % flags.log_every == 0:
                for name, value in zip(REPORTED, means, strict=True):
                    tf.summary.scalar(name, value, step)
                loss = float(means[0])
                bar.set_postfix_str(f"loss {loss:.2f} nats", refresh=False)
                if not math.isfinite(loss):
                    sys.exit(f"The loss is {loss} at step {step}: begin anew with a smaller --learning-rate.")
            if chief and (step % flags.checkpoint_every == 0 or step == flags.steps):
                writer.flush()
                manager.save(step)
    bar.close()
    if chief:
        vae.save(flags.out / "model.keras")
        print(f"done: {flags.out / 'model.keras'}")
    return vae


def main(arguments=None):
    parser = make_parser()
    flags = parser.parse_args(arguments)
    try:
        return train(flags)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
