import math
import pickle

import joblib
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.utils.estimator_checks import check_estimator

import vaelib
from vaelib import estimators

# What scikit-learn skips where its optional companions are missing; nothing else may be skipped.
NEEDS_MORE_PACKAGES = {
    # Arrays of PyTorch, CuPy and the like: it asks for an environment variable before SciPy is imported, and
    # TensorFlow takes NumPy arrays alone.
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
    # Data frames in place of arrays: the tests do without pandas, and test_columns_keep_their_names runs
    # where there is one. The detector alone meets it, an outlier detector being checked as a classifier is.
    "check_classifier_data_not_an_array": "pandas is not installed",
}


@pytest.fixture
def eager():
    """Training steps as they stand: for some fifty fits of twenty rows, compiling takes most of the time."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def objections(estimator):
    """What fails of scikit-learn's checks, and what was skipped without being foreseen."""
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert len(results) > 40
    unforeseen = []
    for result in results:
        foreseen = NEEDS_MORE_PACKAGES.get(result["check_name"], "nothing")
        if result["status"] != "passed" and foreseen not in str(result["exception"]):
            unforeseen.append(result)
    return unforeseen


def quick(**parameters):
    """A detector that trains for a moment."""
    return vaelib.VAEOutlierDetector(
        **{"latent_dim": 2, "hidden_units": (16,), "max_epochs": 3, "random_state": 0, **parameters}
    )


def rows(n, seed=0):
    """Two latent causes of five columns, each in a unit of its own."""
    rng = np.random.default_rng(seed)
    loadings = np.random.default_rng(9).normal(size=(2, 5))
    x = rng.normal(size=(n, 2)) @ loadings + 0.3 * rng.normal(size=(n, 5))
    return x * [1, 10, 100, 0.1, 1] + [0, 5, -700, 0, 3]


@pytest.fixture(scope="module")
def fitted():
    return quick(max_epochs=40).fit(rows(1000))


# The checks bring about twenty rows, too few for a threshold: that it warns of this has a test of its own.
@pytest.mark.filterwarnings("ignore:A false-positive rate of 0.05 expects at least 38 rows")
@pytest.mark.usefixtures("eager")
def test_scikit_learn_finds_nothing_to_object_to():
    detector = quick(
        hidden_units=(8,), num_importance_samples=2, max_epochs=2, num_samples=4, random_state=None
    )
    assert objections(detector) == []


# What it finds


def test_tumours_score_higher_than_healthy_tissue():
    table = vaelib.load_table("wdbc")
    detector = quick(latent_dim=8, hidden_units=(64,), max_epochs=40).fit(table.x_train)
    assert roc_auc_score(table.y_test, -detector.score_samples(table.x_test)) > 0.9


def test_a_row_that_breaks_the_dependence_is_found_though_each_cell_is_common(fitted):
    normal = rows(300, seed=5)
    rng = np.random.default_rng(0)
    shuffled = np.stack([rng.permutation(column) for column in normal.T], axis=1)
    score = -fitted.score_samples(np.concatenate([normal, shuffled]))
    assert roc_auc_score(np.repeat([0, 1], 300), score) > 0.85


def test_predictions_decisions_and_scores_agree(fitted):
    x = rows(200, seed=1)
    x[:20] *= 5
    scores, decision = fitted.score_samples(x), fitted.decision_function(x)
    np.testing.assert_allclose(decision, scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(x), np.where(scores < fitted.offset_, -1, 1))
    assert np.mean(fitted.predict(x[:20]) == -1) > np.mean(fitted.predict(x[20:]) == -1)


def test_the_score_is_that_of_anomaly_score_on_standardized_columns(fitted):
    x = rows(50, seed=1)
    scaled = (x - fitted.scaler_.mean_) / fitted.scaler_.scale_
    expected = -vaelib.anomaly_score(fitted.vae_, scaled, "nll", num_samples=64)
    np.testing.assert_allclose(fitted.score_samples(x), expected, rtol=1e-4, atol=1e-4)
    other = clone(fitted).set_params(kind="reconstruction", max_epochs=2).fit(rows(100))
    assert (other.score_samples(x) <= 0).all()


def test_at_the_threshold_a_row_is_still_normal(fitted):
    """The threshold is itself the score of a calibration row: that row is not above it."""
    x = rows(1000)[np.random.RandomState(0).permutation(1000)[:250]]  # as fit draws them
    decision = fitted.decision_function(x)
    assert decision[np.abs(decision).argmin()] == 0
    assert np.sum(fitted.predict(x) == -1) == 250 - math.ceil(0.95 * 251)


def test_the_false_positive_rate_on_fresh_rows_is_the_one_asked_for():
    detector = quick(false_positive_rate=0.2, num_samples=8).fit(rows(3000, seed=1))  # 750 calibrate
    found = np.mean(detector.predict(rows(20_000, seed=2)) == -1)
    assert abs(found - 0.2) < 3 * math.sqrt(0.2 * 0.8 / 750)


def test_calibration_rows_take_no_part_in_training(monkeypatch):
    trained, scored = [], []
    fit, score = estimators.VAE.fit, estimators.anomaly_score

    def watched_fit(self, x, *args, validation_data, **kwargs):
        trained.extend([x, *validation_data])
        return fit(self, x, *args, validation_data=validation_data, **kwargs)

    def watched_score(vae, x, *args, **kwargs):
        scored.append(x)
        return score(vae, x, *args, **kwargs)

    monkeypatch.setattr(estimators.VAE, "fit", watched_fit)
    monkeypatch.setattr(estimators, "anomaly_score", watched_score)
    detector = quick(max_epochs=1, validation_fraction=0.2).fit(rows(400))
    assert [len(part) for part in trained] == [240, 60]
    used = {row.tobytes() for part in trained for row in part}
    assert len(used) == 300
    calibration = {row.tobytes() for row in scored[0][:100]}
    assert len(calibration) == 100
    assert not used & calibration
    own_units = detector.scaler_.inverse_transform(np.concatenate(trained))
    np.testing.assert_allclose(own_units.mean(axis=0), detector.scaler_.mean_, rtol=1e-4, atol=1e-3)


def test_a_given_variance_is_the_likelihoods_and_a_learned_one_has_a_floor(fitted):
    assert quick(variance=0.04, max_epochs=1).fit(rows(60)).vae_.likelihood.variance == 0.04
    params = fitted.vae_.decoder(np.random.default_rng(0).normal(size=(50, 2)).astype("float32"))
    _, log_var = fitted.vae_.likelihood.moments(params)
    assert np.exp(0.5 * np.min(log_var)) >= 0.1 - 1e-6
    assert np.std(log_var) > 0.01  # each cell has its own


# What it says of cells


@pytest.fixture(scope="module")
def damaged(fitted):
    """Fresh rows with every eighth cell moved by eight standard deviations, and what they were."""
    clean = rows(200, seed=8)
    mask = np.random.default_rng(8).random(clean.shape) < 0.125
    return clean, np.where(mask, clean + 8 * fitted.scaler_.scale_, clean), mask


def test_the_damaged_cells_are_the_likeliest_outliers(fitted, damaged):
    _, x, mask = damaged
    scores = fitted.cell_scores(x)
    assert scores.shape == x.shape
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert roc_auc_score(mask.ravel(), scores.ravel()) > 0.9


def test_repair_is_in_the_units_of_the_data_and_nearer_to_the_truth(fitted, damaged):
    clean, x, mask = damaged
    repaired = fitted.correct(x)
    error = (repaired - clean) / fitted.scaler_.scale_
    assert np.sqrt(np.mean(error[mask] ** 2)) < 0.4 * 8
    assert np.sqrt(np.mean(error[~mask] ** 2)) < 0.5
    holes = np.where(mask, np.nan, clean)
    filled = fitted.correct(holes)
    assert np.isfinite(filled).all()
    error = (filled - clean) / fitted.scaler_.scale_
    assert np.sqrt(np.mean(error[mask] ** 2)) < 0.9  # a column's mean would be off by 1


def test_a_cell_that_is_not_changed_is_the_users_own_to_the_bit(fitted):
    x = rows(50, seed=8)
    scaled = fitted._scale(x)
    changed = scaled.copy()
    changed[:, 2] += 1
    back = fitted._unscale(changed, x)
    np.testing.assert_array_equal(np.delete(back, 2, axis=1), np.delete(x, 2, axis=1))
    np.testing.assert_allclose(back[:, 2], x[:, 2] + fitted.scaler_.scale_[2], rtol=1e-4)


def test_what_it_says_of_a_cell_comes_from_the_others(fitted, damaged):
    _, x, _ = damaged
    x = x[:50]
    scaled = fitted._scale(x)
    expected = vaelib.correct(fitted.vae_, scaled, leave_one_out=True)
    np.testing.assert_array_equal(fitted.cell_scores(x), expected.outlier_probability)
    repaired = fitted.scaler_.transform(fitted.correct(x))
    np.testing.assert_allclose(repaired, expected.x, rtol=1e-4, atol=1e-4)


# Training rows that are damaged themselves


@pytest.fixture(scope="module")
def robust():
    return quick(robust=True, max_epochs=2).fit(rows(120))


def test_a_robust_detector_learns_the_share_of_outliers_around_students_t(robust, fitted):
    assert type(robust.vae_.likelihood) is vaelib.Contaminated
    assert type(robust.vae_.likelihood.base) is vaelib.StudentT
    assert robust.vae_.likelihood.outlier_probability == "learned"
    assert len(robust.vae_.likelihood.trainable_variables) == 1
    assert type(fitted.vae_.likelihood) is vaelib.Gaussian
    params = robust.vae_.decoder(np.random.default_rng(0).normal(size=(50, 2)).astype("float32"))
    assert np.exp(0.5 * np.min(params[:, 5:])) >= 0.1 - 1e-6  # the floor holds for its scales too
    with_another_variance = clone(robust).set_params(variance=0.3).fit(rows(120))
    np.testing.assert_array_equal(with_another_variance.score_samples(rows(9)), robust.score_samples(rows(9)))


def test_a_robust_detector_survives_copies(robust):
    x = rows(20, seed=6)
    copy = pickle.loads(pickle.dumps(robust))
    np.testing.assert_array_equal(copy.score_samples(x), robust.score_samples(x))
    np.testing.assert_array_equal(copy.cell_scores(x), robust.cell_scores(x))
    assert clone(robust).get_params() == robust.get_params()
    assert clone(robust).robust is True


@pytest.mark.usefixtures("eager")
def test_whether_to_be_robust_is_searched_over():
    search = GridSearchCV(
        quick(max_epochs=1),
        {"robust": [False, True]},
        scoring=lambda model, x, y=None: float(isinstance(model.vae_.likelihood, vaelib.Contaminated)),
        cv=2,
    ).fit(rows(80))
    assert search.cv_results_["mean_test_score"].tolist() == [0.0, 1.0]
    assert search.best_estimator_.robust is True


def test_trained_on_a_dirty_table_a_robust_detector_repairs_better():
    rng = np.random.default_rng(2)
    dirty, clean = rows(600, seed=3), rows(200, seed=4)
    scale = dirty.std(axis=0)
    mask = rng.random(clean.shape) < 0.08
    for table, where in ((dirty, rng.random(dirty.shape) < 0.08), (damaged := clean.copy(), mask)):
        table[where] += (rng.choice([-1, 1], table.shape) * rng.uniform(4, 12, table.shape) * scale)[where]
    error = {}
    for robust in (False, True):
        detector = quick(max_epochs=30, learning_rate=0.01, robust=robust).fit(dirty)
        error[robust] = (detector.correct(damaged) - clean) / scale
    assert np.mean(error[True] ** 2) < 0.25 * np.mean(error[False] ** 2)
    assert np.sqrt(np.mean(error[True][mask] ** 2)) < 1.1  # the damage is of 8 standard deviations


def test_one_absurd_cell_of_its_training_rows_does_not_blind_a_robust_detector():
    x, absurd = rows(400), rows(400)
    absurd[::100, 2] = 1e12
    clean, dirty = (quick(robust=True, max_epochs=30, learning_rate=0.01).fit(table) for table in (x, absurd))
    np.testing.assert_allclose(dirty.scaler_.scale_, clean.scaler_.scale_, rtol=0.1)
    moved = (dirty.scaler_.center_ - clean.scaler_.center_) / x.std(axis=0)
    np.testing.assert_allclose(moved, 0, atol=0.1)
    error = dirty.correct(absurd)[::100, 2] - x[::100, 2]
    assert np.abs(error).max() < 2 * x[:, 2].std()


def test_a_robust_detector_scales_a_column_of_few_values_too():
    x = rows(100)
    x[:, 1] = np.where(np.arange(100) % 10 == 0, 5000.0, 0.0)
    x[:, 3] = 7.0
    scale = quick(robust=True, max_epochs=1).fit(x).scaler_.scale_
    assert 1000 < scale[1] < 2000
    assert scale[3] == 1  # a constant column, as scikit-learn has it


# What it puts up with


def test_units_do_not_matter():
    x = rows(200)
    for scale in (2.0**40, 2.0**-40):  # powers of two, so that nothing rounds
        small, large = quick().fit(x), quick().fit(x * scale)
        np.testing.assert_array_equal(small.score_samples(x), large.score_samples(x * scale))
    shifted = quick().fit(x * 1e12 + 3e12)
    np.testing.assert_allclose(shifted.score_samples(x * 1e12 + 3e12), small.score_samples(x), rtol=1e-3)


def test_constant_and_integer_columns_and_far_cells():
    x = np.concatenate([rows(200), np.full((200, 1), 7.0)], axis=1).round().astype("int64")
    detector = quick(max_epochs=10).fit(x)
    fresh = np.concatenate([rows(50, seed=3), np.full((50, 1), 7.0)], axis=1).round()
    normal = detector.score_samples(fresh)
    assert np.isfinite(normal).all()
    fresh[:, 5] = 8  # a change in a column that never changed
    assert (detector.score_samples(fresh) < normal).all()
    for far in (1e3, 1e6, 1e300, -1e300):
        fresh[:, 2] = far
        assert np.isfinite(detector.score_samples(fresh)).all()
        assert (detector.predict(fresh) == -1).all()


def test_with_few_rows_it_says_that_it_can_promise_nothing():
    with pytest.warns(UserWarning, match=r"expects at least 38 rows; got 30, so no row will be called"):
        detector = quick().fit(rows(30))
    assert detector.offset_ == -math.inf
    assert (detector.predict(rows(30) * 100) == 1).all()
    detector = quick().fit(rows(38))
    assert np.isfinite(detector.offset_)


def test_missing_cells_are_scored_by_the_cells_that_are_there(fitted):
    x = rows(100, seed=4)
    holes, _ = vaelib.corrupt(x, "missing", 0.3, seed=0)
    scores = fitted.score_samples(holes)
    assert np.isfinite(scores).all()
    everything = np.full((2, 5), np.nan)
    everything[0] = x[0]
    assert fitted.score_samples(everything)[1] == pytest.approx(0, abs=0.5)  # nothing seen: log p = 0
    trained = quick().fit(vaelib.corrupt(rows(300), "missing", 0.2, seed=0)[0])
    assert np.isfinite(trained.score_samples(x)).all()


def test_columns_keep_their_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(rows(100), columns=list("abcde"))
    detector = quick().fit(frame)
    assert detector.feature_names_in_.tolist() == list("abcde")
    assert detector.n_features_in_ == 5
    with pytest.raises(ValueError, match="feature names should match"):
        detector.predict(frame[list("edcba")])


# scikit-learn's machinery


def test_it_ends_a_pipeline_and_is_searched_over():
    pipeline = make_pipeline(RobustScaler(), quick(max_epochs=2))
    search = GridSearchCV(
        pipeline,
        {"vaeoutlierdetector__latent_dim": [1, 2]},
        scoring=lambda model, x, y=None: model.score_samples(x).mean(),
        cv=2,
    ).fit(rows(200))
    assert search.best_params_["vaeoutlierdetector__latent_dim"] in (1, 2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.predict(rows(5)).shape == (5,)


def test_a_fitted_detector_survives_pickle_and_joblib_to_the_bit(fitted, tmp_path):
    x = rows(20, seed=6)
    joblib.dump(fitted, tmp_path / "detector")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "detector")):
        np.testing.assert_array_equal(copy.score_samples(x), fitted.score_samples(x))
        np.testing.assert_array_equal(copy.predict(x), fitted.predict(x))
        assert copy.get_params() == fitted.get_params()


def test_a_clone_has_the_parameters_and_no_more(fitted):
    copy = clone(fitted.set_params(hidden_units=(16,)))
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "vae_")


def test_every_parameter_is_stored_under_its_own_name():
    given = {
        "latent_dim": 3, "hidden_units": (4,), "variance": 0.4, "robust": True,
        "num_importance_samples": 5, "learning_rate": 0.6, "batch_size": 7, "max_epochs": 8, "patience": 9,
        "validation_fraction": 0.11, "kind": "elbo", "num_samples": 12, "false_positive_rate": 0.13,
        "calibration_fraction": 0.14, "verbose": 2, "random_state": 15,
    }  # fmt: skip
    assert vaelib.VAEOutlierDetector(**given).get_params() == given


def test_random_state_decides_everything_and_leaves_numpy_alone():
    x = rows(150)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (quick(random_state=seed).fit(x).score_samples(x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_training_stops_early_and_keeps_the_best_epoch():
    detector = quick(max_epochs=500, patience=2, learning_rate=0.05).fit(rows(100))
    losses = detector.history_["val_loss"]
    assert len(losses) < 500
    assert len(losses) == np.argmin(losses) + 1 + 2


def test_it_reports_progress_when_asked_and_only_then(capsys):
    quick(max_epochs=2).fit(rows(60))
    assert capsys.readouterr().out == ""
    quick(max_epochs=2, verbose=2).fit(rows(60))
    assert "Epoch 2/2" in capsys.readouterr().out


def test_the_package_hands_out_estimators_when_asked():
    assert vaelib.VAEOutlierDetector is estimators.VAEOutlierDetector
    with pytest.raises(AttributeError, match="module 'vaelib' has no attribute 'VAEDetector'"):
        vaelib.VAEDetector  # noqa: B018


# The imputer


def quick_imputer(**parameters):
    """An imputer that trains for a moment."""
    return vaelib.VAEImputer(
        **{"latent_dim": 2, "hidden_units": (16,), "max_epochs": 3, "num_importance_samples": 2}
        | {"num_samples": 50, "random_state": 0, **parameters}
    )


def with_holes(x, share=0.3, seed=0):
    return np.where(np.random.default_rng(seed).random(x.shape) < share, np.nan, x)


@pytest.fixture(scope="module")
def imputer():
    return quick_imputer(max_epochs=60, learning_rate=5e-3, num_samples=200).fit(with_holes(rows(600)))


@pytest.mark.usefixtures("eager")
def test_scikit_learn_finds_nothing_to_object_to_in_the_imputer():
    assert objections(quick_imputer(max_epochs=2, num_samples=4, random_state=None)) == []


def test_missing_cells_are_filled_better_than_by_column_means_on_new_rows(imputer):
    x = rows(300, seed=4)
    holes = with_holes(x, seed=4)
    scale, missing = x.std(axis=0), np.isnan(holes)
    error = np.mean((((imputer.transform(holes) - x) / scale)[missing]) ** 2)
    assert error < 0.6 * np.mean((((x.mean(axis=0) - x) / scale)[missing]) ** 2)


def test_observed_cells_come_back_to_the_bit_in_the_users_units(imputer):
    x = rows(100, seed=6)
    np.testing.assert_array_equal(imputer.transform(x), x)
    holes = with_holes(x)
    for filled in (imputer.transform(holes), *imputer.draw(holes, draws=2)):
        assert np.isfinite(filled).all()
        np.testing.assert_array_equal(filled[~np.isnan(holes)], x[~np.isnan(holes)])


def test_the_imputer_is_impute_on_standardized_columns(imputer):
    holes = with_holes(rows(50, seed=7))
    scaled = imputer.scaler_.transform(holes).astype("float32")
    expected = imputer.scaler_.inverse_transform(vaelib.impute(imputer.vae_, scaled, num_samples=200))
    np.testing.assert_allclose(imputer.transform(holes), expected, rtol=1e-4, atol=1e-3)


def test_draws_keep_the_variance_that_means_lose(imputer):
    x = rows(800, seed=8)
    holes = with_holes(x, 0.5, seed=8)
    drawn = imputer.draw(holes, draws=4, seed=1)
    assert drawn.shape == (4, *x.shape)
    np.testing.assert_array_equal(drawn, imputer.draw(holes, draws=4, seed=1))
    assert not np.array_equal(drawn, imputer.draw(holes, draws=4, seed=2))
    kept = drawn.var(axis=1).mean(axis=0) / x.var(axis=0)
    assert np.all(kept > imputer.transform(holes).var(axis=0) / x.var(axis=0))
    np.testing.assert_allclose(kept, 1, atol=0.25)


def test_a_constant_column_is_filled_with_its_constant():
    x = np.column_stack([rows(80), np.full(80, 7.5)])
    filled = quick_imputer().fit(with_holes(x)).transform(with_holes(x, seed=1))
    np.testing.assert_array_equal(filled[:, -1], 7.5)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
def test_the_units_of_a_column_do_not_matter_to_the_imputer(factor):
    holes = with_holes(rows(80))
    plain = quick_imputer().fit_transform(holes)
    np.testing.assert_allclose(
        quick_imputer().fit_transform(holes * factor) / factor, plain, rtol=1e-3, atol=1e-2
    )


def test_integer_columns_and_few_rows_are_filled():
    x = np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(quick_imputer().fit(x).transform(x), x)
    assert np.isfinite(quick_imputer().fit(x).transform([[np.nan, 2, 3]])).all()


@pytest.mark.parametrize("rows_given", [1, 3])
def test_rows_without_any_observed_cell_get_the_models_mean(imputer, rows_given):
    filled = imputer.transform(np.full((rows_given, 5), np.nan))
    x = rows(600)
    assert np.all(np.abs(filled - x.mean(axis=0)) < 0.8 * x.std(axis=0))


def test_the_imputer_works_in_pipelines_and_grid_searches():
    x = rows(90)
    y = (x[:, 0] > np.median(x[:, 0])).astype(int)
    pipeline = make_pipeline(quick_imputer(), RobustScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"vaeimputer__latent_dim": [1, 2]}, cv=2, error_score="raise")
    search.fit(with_holes(x, 0.2), y)
    assert search.best_score_ > 0.6


def test_an_imputer_survives_copies(imputer):
    holes = with_holes(rows(20, seed=3))
    expected = imputer.transform(holes)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(imputer)).transform(holes), expected)
    assert clone(imputer).get_params() == imputer.get_params()
    assert not hasattr(clone(imputer), "vae_")


def test_imputed_columns_keep_their_names(imputer):
    assert list(imputer.get_feature_names_out(list("abcde"))) == list("abcde")


def test_an_imputer_repeats_itself_from_its_random_state():
    holes = with_holes(rows(60))
    first = quick_imputer(random_state=3).fit_transform(holes)
    np.testing.assert_array_equal(quick_imputer(random_state=3).fit_transform(holes), first)
    assert not np.array_equal(quick_imputer(random_state=4).fit_transform(holes), first)


def test_an_imputer_stops_when_held_out_cells_are_filled_no_better():
    estimator = quick_imputer(max_epochs=500, patience=10, learning_rate=0.02).fit(with_holes(rows(60)))
    error = estimator.history_["val_error"]
    assert len(error) < 500
    assert np.argmin(error) == len(error) - 11


def test_an_imputer_shows_its_progress_when_asked(capsys):
    quick_imputer().fit(rows(30))
    assert capsys.readouterr().out == ""
    quick_imputer(verbose=2).fit(rows(30))
    assert "val_error" in capsys.readouterr().out


def test_a_column_that_only_the_calibration_rows_have_is_refused():
    x = rows(200)
    x[np.random.RandomState(0).permutation(200)[50:], 3] = np.nan  # as fit draws them: 50 calibrate
    with pytest.raises(ValueError, match=r"among the 150 rows to train on; got none in column\(s\) \[3\]"):
        quick().fit(x)


def test_the_integers_of_numpy_will_do():
    detector = quick(latent_dim=np.int64(2), hidden_units=np.array([16]), num_importance_samples=np.int64(2))
    assert np.isfinite(detector.fit(rows(60)).score_samples(rows(5))).all()
    with pytest.raises(ValueError, match=r"sequence of integers; got 64\. One layer is \(64,\)"):
        quick(hidden_units=64).fit(rows(60))


def test_a_row_without_any_observed_cell_is_repaired_like_any_other(fitted):
    nothing = np.full((1, 5), np.nan)
    together = np.concatenate([nothing, rows(3)])
    np.testing.assert_allclose(fitted.correct(nothing), fitted.correct(together)[:1], rtol=1e-4)
    assert fitted.cell_scores(nothing).shape == (1, 5)


def test_the_imputer_trains_a_quarter_longer_on_all_cells():
    imputer = vaelib.VAEImputer(2, (16,), num_importance_samples=2, max_epochs=6, random_state=0)
    imputer.fit(with_holes(rows(60)))
    assert len(imputer.history_["val_error"]) == 6
    assert len(imputer.history_["loss"]) == 6 + 2
