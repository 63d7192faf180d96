"""How well does vaelib find and repair damaged cells, having seen nothing but the damaged table?

wine_quality, all 6,497 rows, its 12 columns standardized. A row is dirty with probability 5 % or 20 %, each
of its cells damaged with probability 20 %, by noise N(0, 5²) added: the protocol of Eduardo et al. (2020).
All methods train on the dirty table and repair that same table. Prints, over five patterns of damage, and
writes to results/wine.json:

- SMSE of the expectation: squared error of what the model expects the damaged cells to have been, over the
  mean square of their true values. This is what Eduardo et al. measure (their repair is the decoder's mean
  wherever there is damage, noticed or not): published .643 and .645.
- SMSE of the repair, where the model has to notice the damage itself. Noise of less than two standard
  deviations looks natural, and keeping it costs .4 alone. A model that overwrites everything does better
  here than one that is right.
- squared error over all cells of the table, which no such trick improves.
- average precision of the cell scores: pooled over all cells, and the mean of the columns' own, as published:
  .624 and .743.

    VAELIB_DATA=... python benchmarks/wine.py [--seeds 0 1 2 3 4]

The model was chosen on damage seed 100 alone.
"""

import argparse
import time

import vaelib  # first: it keeps TensorFlow quiet

import numpy as np  # isort: skip
import report  # isort: skip
from sklearn.metrics import average_precision_score  # isort: skip
from sklearn.preprocessing import scale  # isort: skip

SEEDS = [0, 1, 2, 3, 4]
SHARES = {"5 %": 0.05, "20 %": 0.2}
ROBUST = {
    "robust": True,
    "batch_size": 128,
    "max_epochs": 40,
    "validation_fraction": 0.05,
    "calibration_fraction": 0.05,
}
METRICS = {
    "smse_expectation": "SMSE expected",
    "smse_repair": "SMSE repair",
    "error_all_cells": "error all cells",
    "ap": "AP pooled",
    "ap_by_column": "AP by column",
}


def damage(x, share, seed):
    rng = np.random.default_rng(seed)
    is_dirty = rng.random(len(x)) < share
    mask = is_dirty[:, None] & (rng.random(x.shape) < 0.2)
    return np.where(mask, x + rng.normal(0, 5, x.shape), x), mask


def median(dirty, seed):
    """Nothing is noticed by it: its repair is its expectation."""
    expected = np.broadcast_to(np.median(dirty, axis=0), dirty.shape)
    return expected, expected, np.abs(scale(dirty))


def plain_vae(dirty, seed):
    detector = vaelib.VAEOutlierDetector(variance=1.0, max_epochs=20, batch_size=128, random_state=seed)
    scaled = detector.fit(dirty).scaler_.transform(dirty)
    expected = detector.vae_.reconstruct(scaled)
    score = np.square(expected - scaled)
    expected = detector.scaler_.inverse_transform(expected)
    return expected, expected, score


def robust_vae(dirty, seed):
    detector = vaelib.VAEOutlierDetector(**ROBUST, random_state=seed).fit(dirty)
    scaled = detector.scaler_.transform(dirty)
    found = vaelib.correct(
        detector.vae_, scaled, leave_one_out=True
    )  # as in detector.correct and cell_scores
    expected, repair = (detector.scaler_.inverse_transform(part) for part in (found.mean, found.x))
    return expected, repair, found.outlier_probability


METHODS = {
    "column median, distance from mean": median,
    "plain VAE, squared error": plain_vae,
    "VAEOutlierDetector(robust=True)": robust_vae,
}


def measure(x, mask, expected, repair, score):
    square = np.mean(x[mask] ** 2)
    columns = [average_precision_score(mask[:, j], score[:, j]) for j in range(x.shape[1])]
    return {
        "smse_expectation": np.mean((expected - x)[mask] ** 2) / square,
        "smse_repair": np.mean((repair - x)[mask] ** 2) / square,
        "error_all_cells": np.mean((repair - x) ** 2),
        "ap": average_precision_score(mask.ravel(), score.ravel()),
        "ap_by_column": np.mean(columns),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="patterns of damage")
    seeds = parser.parse_args().seeds
    table = vaelib.load_table("wine_quality")
    x = scale(np.concatenate([table.x_train, table.x_test]).astype("float64"))
    runs = {(share, name): [] for share in SHARES for name in METHODS}
    for seed in seeds:
        for share, probability in SHARES.items():
            dirty, mask = damage(x, probability, seed)
            for name, method in METHODS.items():
                start = time.perf_counter()
                found = method(dirty, seed)
                run = {**measure(x, mask, *found), "seconds": time.perf_counter() - start}
                runs[share, name].append({key: round(float(value), 4) for key, value in run.items()})
                row = ", ".join(f"{key} {value:.3f}" for key, value in runs[share, name][-1].items())
                print(f"seed {seed}, {share}, {name}: {row}", flush=True)
    print("\n" + f"{'rows':5} {'method':34}" + "".join(f"{title:>17}" for title in METRICS.values()))
    results = []
    for (share, name), found in runs.items():
        line, entry = f"{share:5} {name:34}", {"rows": share, "method": name, "runs": found}
        for key in METRICS:
            values = [run[key] for run in found]
            mean, spread = np.mean(values), np.std(values, ddof=1) if len(seeds) > 1 else 0.0
            line += f"{mean:>9.3f} ± {spread:.3f}"
            entry[key] = {"mean": mean, "spread": spread}
        print(line)
        results.append(entry)
    if seeds == SEEDS:
        report.write("wine", results, seeds=seeds, settings=ROBUST)


if __name__ == "__main__":
    main()
