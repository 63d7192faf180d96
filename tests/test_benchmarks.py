"""What the benchmarks promise: one network for all, fresh coins in each epoch, a page made of the results."""

import json
import re

import keras
import nbformat
import numpy as np
import pytest
import tensorflow as tf
from nbclient import NotebookClient

import density
import peers
import report
import training
import vaelib
from chapters import ROOT
from vaelib.networks import mlp_decoder, mlp_encoder

PAGE = ROOT / "book" / "benchmarks.ipynb"


def said(notebook):
    """Everything but the pictures, which another processor may draw a little differently."""
    return [
        output.get("text") or output["data"].get("text/markdown")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" not in output.get("data", {})
    ]


def test_the_page_of_benchmarks_says_what_the_results_say():
    committed = nbformat.read(PAGE, as_version=4)
    anew = nbformat.read(PAGE, as_version=4)
    NotebookClient(anew, timeout=120, resources={"metadata": {"path": PAGE.parent}}).execute()
    assert said(committed)
    assert said(anew) == said(committed)


@pytest.mark.parametrize("path", sorted(report.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_result_says_when_where_and_with_what_it_was_made(path):
    record = json.loads(path.read_text())
    assert all(
        record[key] for key in ("date", "machine", "python", "tensorflow", "keras", "numpy", "results")
    )


def of_wine(results):
    keys = "smse_expectation", "smse_repair", "ap", "ap_by_column"
    return [[f"{row[key]['mean']:.2f} ± {row[key]['spread']:.2f}" for key in keys] for row in results]


def of_correction(results):
    peers = ("damaged", "reconstruction", "median 3x3", "PCA 50", "5 nearest neighbors",
             "denoising autoencoder")  # fmt: skip
    return [
        [f"{row[peer]['mean']:.3f}" for peer in peers]
        + ["{mean:.4f} ± {spread:.4f}".format(**row["vaelib.correct"])]
        for row in results.values()
    ]


def of_imputation(results):
    return [["{mean:.3f} ± {spread:.3f}".format(**row)] for row in results.values()]


@pytest.mark.parametrize(
    ("chapter", "name", "rows_of"),
    [
        ("08_anomaly_correction", "wine", of_wine),
        ("08_anomaly_correction", "correction", of_correction),
        ("09_missing_values", "imputation", of_imputation),
    ],
)
def test_a_table_typed_into_a_chapter_says_what_its_script_has_measured(chapter, name, rows_of):
    cells = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4).cells
    after = "\n".join(cell.source for cell in cells).split(f"`benchmarks/{name}.py`", 1)[1]
    _head, _rule, *lines = re.search(r"(?:^\|.*\n)+", after, re.MULTILINE)[0].splitlines()
    typed = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    measured = rows_of(json.loads((report.RESULTS / f"{name}.json").read_text())["results"])
    assert [row[-len(measured[0]) :] for row in typed] == measured


def test_the_operations_of_a_step_are_those_of_its_products():
    batch, units, latents = 128, peers.UNITS, peers.LATENT_DIM
    layers = [(784, units), (units, 2 * latents), (latents, units), (units, 784)]
    forwards = [(batch, n_in, n_out) for n_in, n_out in layers]
    to_weights = [(n_in, batch, n_out) for n_in, n_out in layers]
    to_inputs = [(batch, n_out, n_in) for n_in, n_out in layers[1:]]
    by_hand = sum(2 * rows * inner * columns for rows, inner, columns in forwards + to_weights + to_inputs)
    assert training.operations_of_an_epoch(batch) == by_hand


class TwoEpochs(peers.Turns):
    """Warm-up and one more epoch; then it ends the training."""

    class Done(Exception):
        pass

    def __init__(self):
        super().__init__(None)
        self.losses = []

    def begin(self):
        self.start = 0.0

    def end(self, loss=None):
        self.losses.append(loss)
        if len(self.losses) == 2:
            raise self.Done


def test_vaelib_and_keras_train_the_same_network_to_the_same_loss(monkeypatch):
    """From a posterior so wide that its KL is a good part of the loss, to be missed where it is missing."""
    ours = peers.our_vae

    def wide(network):
        vae = ours(network)
        vae.encoder.get_layer("log_var").bias.assign([4.0, 4.0])
        return vae

    monkeypatch.setattr(peers, "our_vae", wide)
    x = (np.random.default_rng(0).random((640, 784)) < np.linspace(0, 1, 784)).astype("float32")
    turns = {}
    for train in (peers.by_vaelib, peers.by_keras):
        keras.utils.set_random_seed(1)
        turns[train] = TwoEpochs()
        with pytest.raises(TwoEpochs.Done):
            train(x, "dense", turns[train])
    ours, plain = turns.values()
    assert ours.parameters == plain.parameters == 807_700
    assert ours.losses == pytest.approx(plain.losses, rel=0.02)
    assert ours.losses[1] < 0.95 * ours.losses[0]


def test_pixels_are_tossed_anew_in_every_epoch_with_their_gray_value_as_probability():
    x = np.tile(np.linspace(0, 1, 8, dtype="float32"), (density.BATCH_SIZE, 1))
    batches = density.fresh_batches(x, seed=0)
    epochs = np.array([np.concatenate(list(batches.as_numpy_iterator())) for _ in range(20)])
    assert set(np.unique(epochs)) == {0.0, 1.0}
    assert not np.array_equal(epochs[0], epochs[1])
    standard_error = np.sqrt(x[0] * (1 - x[0]) / epochs[..., 0].size)
    assert np.all(np.abs(epochs.mean(axis=(0, 1)) - x[0]) <= 4 * standard_error)


def test_the_network_of_the_density_benchmark_is_burdas():
    x = np.full((10, 784), 0.25, "float32")
    vae = density.new_vae(x, seed=0)
    widths = [
        layer.units
        for network in (vae.encoder, vae.decoder)
        for layer in network.layers
        if hasattr(layer, "units")
    ]
    assert widths == [200, 200, 50, 50, 200, 200, 784]
    start = vae.likelihood.mean(vae.decoder.get_layer("params").bias)
    np.testing.assert_allclose(start, 0.25, rtol=1e-5)


def test_a_recipe_runs_its_stages_with_one_learning_rate_that_ends_at_zero():
    x = np.random.default_rng(0).random((2 * density.BATCH_SIZE, 784), dtype="float32") ** 4
    some = density.tossed(x[:20], np.random.default_rng(1))
    vae, trajectory = density.train([(4, 1), (2, 3)], x, some, seed=0)
    assert trajectory.epoch == 6
    assert vae.num_importance_samples == 3
    assert vae.optimizer.iterations.numpy() == 6 * 2
    assert float(vae.optimizer.learning_rate) == pytest.approx(0, abs=1e-8)
    assert trajectory.points[-1]["nll"] < trajectory.points[0]["nll"]


def test_a_trajectory_looks_along_every_stage_and_at_its_end():
    looks = density.Trajectory(None, [(200, 1), (60, 50)]).looks
    assert {1, 200, 260} <= looks
    assert len([epoch for epoch in looks if 200 < epoch <= 260]) >= 8


def test_every_density_on_record_was_trained_by_the_recipe_of_its_name_to_its_end():
    record = json.loads((report.RESULTS / "density.json").read_text())["results"]
    for name, runs in record.items():
        for run in runs.values():
            assert [tuple(stage) for stage in run["stages"]] == density.RECIPES[name]
            assert run["trajectory"][-1]["epoch"] == sum(epochs for epochs, _ in run["stages"])
            assert run["trajectory"][-1]["minutes"] == pytest.approx(run["minutes"], abs=0.01)


def test_the_nll_of_the_density_benchmark_is_what_log_likelihood_bounds():
    """On many copies of some images, with weights so unlike that one sample more or less would be noticed."""
    x = np.random.default_rng(0).random((20, 784), dtype="float32") ** 4
    x = np.tile(density.tossed(x, np.random.default_rng(1)), (400, 1))
    vae = density.new_vae(x, seed=0)
    for variable in vae.trainable_variables:
        variable.assign(1.3 * variable)
    nll = {samples: -vae.log_likelihood(x, samples).reshape(400, 20) for samples in (3, 4)}
    noise = float(np.sqrt(np.mean(np.var(nll[4], axis=0)) / len(x)))
    assert nll[3].mean() - nll[4].mean() > 10 * noise
    assert density.nll_of(vae, x, 4) == pytest.approx(nll[4].mean(), abs=5 * noise)


def gradients_of_the_bound(kind, networks, x):
    model = kind(*networks, num_importance_samples=4, seed=1)
    with tf.GradientTape() as tape:
        terms = model(x)
        loss = tf.reduce_mean(terms["loss"])
    return float(loss), [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]


def test_learning_from_one_drawn_sample_follows_the_importance_weighted_bound():
    """Over many copies of one example: the same bound, and on average the same gradients."""
    keras.utils.set_random_seed(0)
    networks = mlp_encoder((6,), 2, (5,), activation="tanh"), mlp_decoder((6,), 2, (5,), activation="tanh")
    for network in networks:
        for variable in network.trainable_variables:
            variable.assign(2 * variable + 0.3)  # or the weights would be nearly alike
    x = np.tile(np.array([0, 1, 1, 0, 1, 0], "float32"), (200_000, 1))
    loss, expected = gradients_of_the_bound(vaelib.VAE, networks, x)
    drawn_loss, drawn = gradients_of_the_bound(density.ResampledVAE, networks, x)
    assert drawn_loss == pytest.approx(loss, rel=1e-3)
    for ours, theirs in zip(drawn, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.03 * np.abs(theirs).max())
