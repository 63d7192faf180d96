"""How well does VAEOutlierDetector find the anomalies in seven tables, beside four other detectors?

Every method trains on half of the normal rows, standardized by them, and ranks the other half and the
anomalies; five seeds split the rows anew. Everything runs with its defaults: the detector's were chosen on
held-out normal rows and on damage done to them, never on labels. For the sake of the slow ones, all methods
train on the same 3,000 rows at most and are tested on the same 5,000 normal rows at most.

Prints the area under the ROC curve, the average precision, and the share of fresh normal rows that
``predict`` calls outliers where 5 % were asked for; writes them to results/detection.json.

    VAELIB_DATA=... python benchmarks/detection.py [--seeds 5] [--tables cardio thyroid ...]

The tables are in VAELIB_DATA/tables, as the ADBench benchmark publishes them. PyOD's VAE takes part where
there is an environment with benchmarks/requirements.txt, as `make bench` makes.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import vaelib  # first: it keeps TensorFlow quiet

import numpy as np  # isort: skip
import report  # isort: skip
import sklearn  # isort: skip
from sklearn.ensemble import IsolationForest  # isort: skip
from sklearn.metrics import average_precision_score, roc_auc_score  # isort: skip
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors  # isort: skip

TABLES = ("cardio", "thyroid", "shuttle", "pima", "breastw", "wdbc", "kdd_http")
TRAIN_ROWS, TEST_ROWS = 3_000, 5_000  # normal ones, at most
ASKED_RATE = 0.05
PYOD = """
import pathlib, sys
import numpy as np
from pyod.models.vae import VAE
for path in pathlib.Path(sys.argv[1]).glob("*.npz"):
    rows = np.load(path)
    detector = VAE(random_state=int(path.stem), verbose=0).fit(rows["train"])
    np.save(path.with_suffix(".npy"), detector.decision_function(rows["test"]))
"""


def rows_and_labels(name):
    if name in ("wdbc", "kdd_http"):
        table = vaelib.load_table(name)
        x = np.concatenate([table.x_train, table.x_test])
        return x, np.concatenate([np.zeros(len(table.x_train), "int64"), table.y_test])
    with np.load(Path(os.environ["VAELIB_DATA"]) / "tables" / f"{name}.npz") as file:
        return file["X"], file["y"].astype("int64")


def split(x, y, seed):
    """Normal rows to train on, and the others with their labels, standardized by the first."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    train, fresh = np.split(normal, [len(normal) // 2])
    test = np.concatenate([fresh[:TEST_ROWS], np.flatnonzero(y == 1)])
    train = x[train[:TRAIN_ROWS]].astype("float64")
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1.0
    return (train - mean) / std, (x[test] - mean) / std, y[test]


def vae_outlier_detector(train, test, seed):
    detector = vaelib.VAEOutlierDetector(false_positive_rate=ASKED_RATE, random_state=seed).fit(train)
    return -detector.decision_function(test)


def isolation_forest(train, test, seed):
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def nearest_neighbours(train, test, seed):
    return NearestNeighbors(n_neighbors=5).fit(train).kneighbors(test)[0][:, -1]


def local_outlier_factor(train, test, seed):
    return -LocalOutlierFactor(novelty=True).fit(train).score_samples(test)


def for_each_split(method):
    return lambda splits: [method(train, test, seed) for seed, (train, test, _) in enumerate(splits)]


def pyod_vae(splits):
    """In a process of its own: PyTorch and TensorFlow do not share one."""
    with tempfile.TemporaryDirectory() as folder:
        for seed, (train, test, _) in enumerate(splits):
            np.savez(Path(folder) / f"{seed}.npz", train=train, test=test)
        subprocess.run([report.PEERS, "-c", PYOD, folder], check=True, capture_output=True)
        return [np.load(Path(folder) / f"{seed}.npy") for seed in range(len(splits))]


METHODS = {
    "VAEOutlierDetector": for_each_split(vae_outlier_detector),
    "isolation forest": for_each_split(isolation_forest),
    "5 nearest neighbours": for_each_split(nearest_neighbours),
    "local outlier factor": for_each_split(local_outlier_factor),
    "PyOD's VAE": pyod_vae,
}


def measure(method, splits):
    """A method's AUROC and average precision on each split, and its seconds for one."""
    start = time.perf_counter()
    scores = METHODS[method](splits)
    seconds = (time.perf_counter() - start) / len(splits)
    labels = [labels for _, _, labels in splits]
    result = {
        "auroc": list(map(roc_auc_score, labels, scores)),
        "average_precision": list(map(average_precision_score, labels, scores)),
        "seconds": seconds,
    }
    if method == "VAEOutlierDetector":  # whose scores are above its threshold where they are above zero
        result["rates"] = [np.mean(s[y == 0] > 0) for s, y in zip(scores, labels, strict=True)]
    return result


def mean_and_spread(values):
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=min(1, len(values) - 1)):.3f}"


def print_table(results, methods, quantity):
    print(f"\n{quantity}, mean ± spread over seeds")
    print(f"{'':10}" + "".join(f"{method:>22}" for method in methods))
    for name, result in results.items():
        cells = [mean_and_spread(result[method][quantity]) for method in methods]
        print(f"{name:10}" + "".join(f"{cell:>22}" for cell in cells))
    means = {}
    for method in methods:
        of_seeds = np.mean([result[method][quantity] for result in results.values()], axis=0)
        means[method] = {"mean": float(np.mean(of_seeds)), "seeds": of_seeds.tolist()}
    cells = [mean_and_spread(means[method]["seeds"]) for method in methods]
    print(f"{'mean':10}" + "".join(f"{cell:>22}" for cell in cells))
    return means


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="splits of each table")
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    arguments = parser.parse_args()
    methods = list(METHODS)
    if not report.PEERS.exists():
        print(f"No {report.PEERS}: PyOD's VAE is skipped. make bench sets it up.")
        methods.remove("PyOD's VAE")
    splits = {}
    for name in arguments.tables:
        x, y = rows_and_labels(name)
        splits[name] = [split(x, y, seed) for seed in range(arguments.seeds)]
    results = {name: {} for name in splits}
    for method in methods:
        for name in splits:
            results[name][method] = measure(method, splits[name])
            print(f"{method} on {name}: AUROC {mean_and_spread(results[name][method]['auroc'])}", flush=True)
    means = {quantity: print_table(results, methods, quantity) for quantity in ("auroc", "average_precision")}
    print(f"\nShare of fresh normal rows that VAEOutlierDetector calls outliers, {ASKED_RATE:.0%} asked for")
    for name, result in results.items():
        rates = result["VAEOutlierDetector"]["rates"]
        print(f"{name:10}{mean_and_spread(rates):>22}   from {len(splits[name][0][0])} rows")
    versions = {"scikit-learn": sklearn.__version__}
    report.write("detection", {"means": means, "tables": results}, **versions)


if __name__ == "__main__":
    main()
