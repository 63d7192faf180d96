"""Write an image set as TFRecord shards, which scripts/train.py reads from disk.

    python scripts/shards.py --data mnist --out shards --shards 8

A record is the bytes of one image, one byte for each cell; shards.json says how many there are, and of what
shape. The images are dealt to the shards in a random order, so that each shard is a fair sample.
"""

import argparse
import json
from pathlib import Path

import numpy as np

MANIFEST = "shards.json"


def write_shards(x, folder, shards, seed=0):
    """Write images as TFRecord files of nearly equal size.

    Args:
        x: images in [0, 1], shape (n, height, width, channels).
        folder: where to; it is made if need be.
        shards: how many files.
        seed: of the order.
    """
    import tensorflow as tf

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    levels = np.rint(255 * x).astype("uint8")
    parts = np.array_split(np.random.default_rng(seed).permutation(len(x)), shards)
    records = {}
    for number, rows in enumerate(parts):
        name = f"{number:05d}-of-{shards:05d}.tfrecord"
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for row in rows:
                writer.write(levels[row].tobytes())
        records[name] = len(rows)
    (folder / MANIFEST).write_text(json.dumps({"shape": x.shape[1:], "records": records}, indent=1))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="auto", help="an image set that vaelib.load_images knows")
    parser.add_argument("--out", required=True, type=Path, help="folder to write to")
    parser.add_argument("--shards", type=int, default=8, help="how many files (8)")
    flags = parser.parse_args(arguments)
    import vaelib

    try:
        x = vaelib.load_images(flags.data).x_train
    except (ValueError, FileNotFoundError) as error:
        parser.error(f"--data: {error}")
    if not 1 <= flags.shards <= len(x):
        parser.error(f"--shards expects 1 to {len(x)}, an image for each; got {flags.shards}.")
    write_shards(x, flags.out, flags.shards)
    print(f"{len(x)} images in {flags.shards} shards: {flags.out}")


if __name__ == "__main__":
    main()
