"""Break vaelib on purpose, one line at a time, and see whether the tests notice.

Each break is one that a person could make: a sign, a reduction, a missing half, a mask turned round. It is
made in a copy of the package; then the tests of that file run until the first one fails. A break that no
test notices has survived: a hole in the tests. What was found is kept in results/mutation.json, one entry for
each break.

    make mutate                                    an hour or so on two cores
    python benchmarks/mutate.py gaussian vae       these files only
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

import report

ROOT = Path(__file__).resolve().parent.parent

# The tests that read each file's promises; what is not listed here has the test file of its own name.
TESTS = {
    "model": ["vae", "autoencoder", "bad_input"],
    "linear_gaussian": ["linear_gaussian", "vae"],
}

# (file, line as it stands, line as it is broken)
BREAKS = [
    # Gaussian mathematics
    ("gaussian", "return -0.5 * (math.log(2 * math.pi)", "return -1.0 * (math.log(2 * math.pi)"),
    ("gaussian", "ops.square(z - mean) * ops.exp(-log_var))", "ops.square(z - mean) * ops.exp(log_var))"),
    ("gaussian", "(math.log(2 * math.pi) + log_var", "(math.log(2 * math.pi) - log_var"),
    ("gaussian", "return ops.sum(log_density_per_cell(z,", "return ops.mean(log_density_per_cell(z,"),
    ("gaussian", "return 0.5 * (ops.square(mean)", "return (ops.square(mean)"),
    ("gaussian", "+ ops.exp(log_var) - 1.0 - log_var)", "+ ops.exp(log_var) - log_var)"),
    ("gaussian", "return ops.sum(kl_to_standard_normal_per", "return ops.mean(kl_to_standard_normal_per"),
    ("gaussian", "per_unit = log_var_p - log_var_q +", "per_unit = log_var_q - log_var_p +"),
    ("gaussian", "squared_distance * ops.exp(-log_var_p)", "squared_distance * ops.exp(-log_var_q)"),
    ("gaussian", "return mean + ops.exp(0.5 * log_var)", "return mean + ops.exp(log_var)"),
    ("gaussian", "return ops.stop_gradient(clipped) + (", "return clipped + 0 * ("),
    ("gaussian", "ops.cast(seed.next() % (", "ops.cast(0 * seed.next() % ("),
    # probabilistic PCA
    ("linear_gaussian", "precision = np.eye(latent_dim) +", "precision = 2 * np.eye(latent_dim) +"),
    ("linear_gaussian", "return -0.5 * (mahalanobis + log_determinant)", "return -0.5 * mahalanobis"),
    ("linear_gaussian", "variances[latent_dim:].mean()", "variances[latent_dim:].sum()"),
    ("linear_gaussian", ".sum(axis=1) + spread", ".sum(axis=1)"),
    ("linear_gaussian", "return 0.5 * (distance + trace - diff", "return 0.5 * (distance + trace + diff"),
    # damage
    ("corruption", "rng.random(x.shape) < amount", "rng.random(x.shape) > amount"),
    ("corruption", "return np.where(mask, damaged, x)", "return np.where(mask, x, damaged)"),
    ("corruption", "rng = np.random.default_rng(seed)", "rng = np.random.default_rng()"),
    ("corruption", "round((amount * height * width) ** 0.5)", "round(amount * height * width)"),
    # likelihoods
    (
        "likelihoods",
        "return x * params - ops.softplus(params)\n",
        "return x * params + ops.softplus(params)\n",
    ),
    ("likelihoods", "exact = ops.log(2.0 * safe)", "exact = ops.log(safe)"),
    ("likelihoods", "-1.0 / ops.expm1(-safe) - 1.0 / safe", "-1.0 / ops.expm1(-safe) + 1.0 / safe"),
    ("likelihoods", "math.log(self.variance), dtype", "math.log(self.variance) / 2, dtype"),
    ("likelihoods", "constant - 0.5 * log_scale2 - half", "constant - log_scale2 - half"),
    ("likelihoods", "(self.dof / (self.dof - 2.0))", "((self.dof - 2.0) / self.dof)"),
    ("likelihoods", "+ math.log(LEVEL_WIDTH)\n", "\n"),
    ("likelihoods", "bells[0] - self._log_white_mass()", "bells[0] + self._log_white_mass()"),
    ("likelihoods", "- ops.softplus(log_odds)  # log(1 - π)", "- ops.softplus(-log_odds)"),
    ("likelihoods", "return ops.sigmoid(outlier - clean)", "return ops.sigmoid(clean - outlier)"),
    ("likelihoods", "-math.log(high - low)", "math.log(high - low)"),
    ("likelihoods", "(1.0 - 2.0 * STUCK) / GRAY_LEVELS", "1.0 / GRAY_LEVELS"),
    # networks and what the models share
    ("networks", "shape = (*data_shape[:-1], data_shape[-1] * params", "shape = (*data_shape[:-1], params"),
    ("networks", "layers.Dense(latent_dim, dtype=", 'layers.Dense(latent_dim, activation="relu", dtype='),
    ("model", "ops.where(observed, log_prob, 0.0)", "log_prob"),
    ("model", "return ops.sum(ops.where(observed", "return ops.mean(ops.where(observed"),
    ("model", "loss = ops.mean(loss) + sum(", "loss = ops.sum(loss) + sum("),
    ("model", "loss = ops.mean(loss) + sum(self.losses)", "loss = ops.mean(loss)"),
    ("model", "loss = loss * ops.cast(sample_weight, loss.dtype)", "loss = loss * 1.0"),
    ("model", "observed = ops.logical_not(ops.isnan(x))", "observed = ops.isnan(x)"),
    ("model", "rows.shuffle(count) if", "rows.shuffle(count, reshuffle_each_iteration=False) if"),
    ("model", "rows.shuffle(count) if shuffle else rows", "rows"),
    ("autoencoder", "return -ops.sum(log_prob", "return -ops.mean(log_prob"),
    # the VAE
    ("vae", "loss = -(reconstruction - self.beta * kl)", "loss = reconstruction - self.beta * kl"),
    ("vae", "loss = -(reconstruction - self.beta * kl)", "loss = -(reconstruction - kl)"),
    ("vae", '"elbo": reconstruction - kl,', '"elbo": reconstruction - self.beta * kl,'),
    ("vae", "return self.reconstruction - self.kl", "return self.reconstruction - 2 * self.kl"),
    ("vae", "log_likelihood - self.beta * self._log", "log_likelihood + self.beta * self._log"),
    ("vae", "bounds.append(total - math.log(num_samples))", "bounds.append(total)"),
    ("vae", "min(SAMPLES_AT_ONCE, num_samples - first)", "SAMPLES_AT_ONCE"),
    ("vae", "total = np.logaddexp(total, ", "total = np.maximum(total, "),
    ("vae", "- math.log(log_weight.shape[0])", ""),
    ("vae", "- gaussian.log_density(z, 0.0, 0.0)", "+ gaussian.log_density(z, 0.0, 0.0)"),
    (
        "vae",
        "noise = keras.random.SeedGenerator(seed)\n\n        def",
        "noise = keras.random.SeedGenerator()\n\n        def",
    ),
    ("vae", "self._params(self._posterior(x)[0])", "self._params(self._posterior(x)[1])"),
    ("vae", "start = replica.replica_id_in_sync_group * rows", "start = 0"),
    # anomaly scores and thresholds
    ("anomaly", "return kl - log_likelihood.mean(axis=0)", "return -kl - log_likelihood.mean(axis=0)"),
    ("anomaly", "return -log_likelihood.mean(axis=0)", "return -log_likelihood.max(axis=0)"),
    ("anomaly", "log_mean_exp(log_likelihood - log_density", "log_mean_exp(log_likelihood + log_density"),
    ("anomaly", "(len(scores) + 1), 9))", "len(scores), 9))"),
    ("anomaly", "np.sort(scores)[rank - 1]", "np.sort(scores)[rank - 2]"),
    ("anomaly", "(1 - false_positive_rate) * (", "false_positive_rate * ("),
    ("anomaly", "elbo(x, q[0], q[1])) - encoders", "elbo(x, q[0], q[1]))"),
    ("anomaly", "rng=np.random.default_rng(seed))", "rng=np.random.default_rng())"),
    # missing cells
    ("imputation", "+ gaussian.log_density(z, 0.0, 0.0)", "- gaussian.log_density(z, 0.0, 0.0)"),
    ("imputation", "np.where(missing[part], guess, x[part])", "guess"),
    ("imputation", "chosen = [(below <= u)", "chosen = [(below > u)"),
    ("imputation", "ops.softmax(log_weight, axis=0)", "ops.softmax(log_weight, axis=1)"),
    # repair
    (
        "correction",
        "outlier_probability[here] * mean[here] + (1 - outlier_probability[here]) * x[here]",
        "outlier_probability[here] * x[here] + (1 - outlier_probability[here]) * mean[here]",
    ),
    ("correction", "np.where(trusted[here], x[here], blend)", "np.where(trusted[here], mean[here], blend)"),
    ("correction", "weight * log_prob - gaussian.kl", "weight * log_prob + gaussian.kl"),
    ("correction", "q += rate *", "q -= rate *"),
    ("correction", "ops.logaddexp(clean, outlier), clean)", "clean, clean)"),
    ("correction", "1.0 / (1.0 + density)", "density / (1.0 + density)"),
    ("correction", "log_odds = _log_odds(likelihood, tf.sigmoid(outlier - clean), suspected)\n", "\n"),
    ("correction", "healthy = tf.where(observed, 1.0 - outlier", "healthy = tf.where(observed, outlier"),
    ("correction", "return mean + gain * std, std", "return mean - gain * std, std"),
    ("correction", "square - tf.square(mean)", "square"),
    (
        "correction",
        "return ops.log(outliers) - ops.log(others)",
        "return ops.log(others) - ops.log(outliers)",
    ),
    # the estimators
    ("estimators", "-conformal_threshold(-self._scores(", "conformal_threshold(-self._scores("),
    (
        "estimators",
        "np.where(self.decision_function(X) < 0, -1, 1)",
        "np.where(self.decision_function(X) < 0, 1, -1)",
    ),
    ("estimators", "self._fit_vae(X[calibration:], rng", "self._fit_vae(X, rng"),
    ("estimators", "else StandardScaler().fit(X)", "else StandardScaler(with_std=False).fit(X)"),
    ("estimators", "_robust_scaler(X) if robust else ", ""),
    ("estimators", "np.where(low < high, scaler.scale_,", "np.where(low <= high, scaler.scale_,"),
    ("estimators", "        self._finish(self._scale(X), rng)\n", ""),
    # variants
    ("variants", '["generator_loss"] - terms', '["generator_loss"] + terms'),
    ("variants", "ops.softplus(-of_code),", "ops.softplus(of_code),"),
    (
        "variants",
        "ops.softplus(-of_prior) + ops.softplus(of_code)",
        "ops.softplus(of_prior) + ops.softplus(-of_code)",
    ),
    ("variants", "+ np.pad(one_hot, behind)", "+ 0 * np.pad(one_hot, behind)"),
    ("variants", "tape.gradient(discriminator_scaled, judges)", "tape.gradient(scaled, judges)"),
    ("variants", 'ops.mean(terms["discriminator_loss"]) / replicas', 'ops.mean(terms["discriminator_loss"])'),
    ("variants", "sample_weight=ops.shape(x)[0]", "sample_weight=None"),
    # diagnosis
    ("diagnosis", "parts = np.stack([-seen.reconstruction,", "parts = np.stack([seen.reconstruction,"),
    ("diagnosis", "elif by_variance > 0.5:", "elif by_variance > 5:"),
    ("diagnosis", "if vae.num_importance_samples > 1:", "if vae.num_importance_samples > 10:"),
    ("diagnosis", "if rate > FACTOR * rate_train and", "if rate < FACTOR * rate_train and"),
    ("diagnosis", "is_known and not 1 / FACTOR < beta", "is_known and 1 / FACTOR < beta"),
    ("diagnosis", "np.sum(np.square(seen.mean), axis=1,", "np.sum(seen.mean, axis=1,"),
    # what numbers to expect
    ("expected", "statistics.stdev(values)", "statistics.pstdev(values)"),
    ("expected", "math.ceil(spread * 10**decimals - 1e-9)", "math.floor(spread * 10**decimals)"),
    (
        "expected",
        "max(statistics.stdev(values), LEAST_SPREAD * abs(mean))",
        "statistics.stdev(values) + 1e-9",
    ),
    ("expected", "if not abs(value - mean) <= SPREADS * spread", "if abs(value - mean) > SPREADS * spread"),
    ("expected", "if not abs(value - mean) <= SPREADS * spread", "if value - mean > SPREADS * spread"),
]


def test_files(module):
    return [f"tests/test_{name}.py" for name in TESTS.get(module, [module])]


def broken(module, before, after):
    """The file's text with the line broken.

    Raises:
        ValueError: unless the line stands in the file exactly once.
    """
    source = (ROOT / "vaelib" / f"{module}.py").read_text()
    if source.count(before) != 1:
        raise ValueError(
            f"{module}.py expects this once; it stands there {source.count(before)} times: {before}"
        )
    return source.replace(before, after)


def is_caught(change):
    """Whether a test fails in a copy of the project that has this break."""
    module = change[0]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("vaelib", "tests", "scripts", "benchmarks", "book"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / "vaelib" / f"{module}.py").write_text(broken(*change))
        environment = {**os.environ, "PYTHONPATH": folder, "VAELIB_IMAGES": "digits"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *test_files(module)]
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True).returncode == 1


def key(change):
    return f"{change[0]}: {change[1].strip()} -> {change[2].strip()}"


def record(changes, caught):
    """Add to what earlier runs found; breaks that are no longer in the list are dropped."""
    path = report.RESULTS / "mutation.json"
    found = json.loads(path.read_text())["results"] if path.exists() else {}
    found |= {key(change): was_caught for change, was_caught in zip(changes, caught, strict=True)}
    report.write("mutation", {key(change): found[key(change)] for change in BREAKS if key(change) in found})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="FILE", help="of vaelib, as in gaussian; all if none")
    modules = parser.parse_args().modules
    changes = [change for change in BREAKS if not modules or change[0] in modules]
    with ThreadPoolExecutor(max_workers=2) as pool:
        caught = list(tqdm(pool.map(is_caught, changes), total=len(changes), unit="break"))
    record(changes, caught)
    survivors = [change for change, found in zip(changes, caught, strict=True) if not found]
    print(f"{sum(caught)} of {len(changes)} breaks were caught.")
    for module, before, after in survivors:
        print(f"SURVIVED in {module}.py:\n    {before.strip()}\n -> {after.strip()}")
    sys.exit(bool(survivors))


if __name__ == "__main__":
    main()
