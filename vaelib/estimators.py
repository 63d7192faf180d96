"""The VAE as scikit-learn estimators for tables, in the user's own units.

They scale their input themselves, stop training early, and work in pipelines and grid searches. NaN means a
missing cell.
"""

import contextlib
import math
import random
import warnings

import keras
import numpy as np
from keras import ops
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, OutlierMixin, TransformerMixin
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from vaelib import networks
from vaelib.anomaly import SCORES, anomaly_score, conformal_threshold, rows_at_once
from vaelib.checks import check_name
from vaelib.correction import correct
from vaelib.imputation import impute
from vaelib.likelihoods import Contaminated, Gaussian, StudentT
from vaelib.vae import VAE

FARTHEST = 1e6  # standard deviations: what lies further out counts as that, so that float32 suffices
HELD_OUT_NUM_SAMPLES = 32  # for filling in held-out cells during training
LEAST_LOG_VAR = math.log(0.1**2)  # no cell is known better than to a tenth of its column's deviation


class TableVAE(BaseEstimator):
    """What the estimators share: scaling, the network, and training that stops early.

    A subclass lists these parameters in its own ``__init__``, which is where scikit-learn looks for them.
    """

    def __init__(
        self,
        latent_dim=8,
        hidden_units=(64, 64),
        num_importance_samples=8,
        learning_rate=2e-3,
        batch_size=64,
        max_epochs=100,
        patience=15,
        validation_fraction=0.1,
        verbose=0,
        random_state=None,
    ):
        self.latent_dim = latent_dim
        self.hidden_units = hidden_units
        self.num_importance_samples = num_importance_samples
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.verbose = verbose
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_parameters(self):
        for name in ("latent_dim", "num_importance_samples", "batch_size", "max_epochs", "patience"):
            _check_positive(name, getattr(self, name), whole=True)
        if not np.iterable(self.hidden_units):
            raise ValueError(
                f"hidden_units expects a sequence of integers; got {self.hidden_units!r}. One layer is (64,)."
            )
        for units in self.hidden_units:
            _check_positive("hidden_units", units, whole=True)
        _check_positive("learning_rate", self.learning_rate)
        _check_share("validation_fraction", self.validation_fraction)

    def _check_rows(self, X, **options):
        return validate_data(self, X, dtype="float64", ensure_all_finite="allow-nan", **options)

    def _fit_vae(self, X, rng, likelihood):
        """Scale and train; the order of ``X`` is taken to be random."""
        if (empty := np.isnan(X).all(axis=0)).any():
            raise ValueError(
                f"X expects an observed cell in each column, among the {len(X)} rows to train on; got none "
                f"in column(s) {np.flatnonzero(empty)}. Drop them."
            )
        robust = isinstance(likelihood, Contaminated)
        self.scaler_ = _robust_scaler(X) if robust else StandardScaler().fit(X)
        scaled = self._scale(X)
        train, options = self._hold_out(scaled, rng)
        with _seeded(rng.randint(2**31 - 1)):
            self.vae_ = _network(
                X.shape[1],
                int(self.latent_dim),  # a grid search hands on NumPy's integers
                tuple(map(int, self.hidden_units)),
                likelihood,
                int(self.num_importance_samples),
            )
            # Steps on a table are so small that compiling them costs more than it ever saves.
            self.vae_.compile(
                keras.optimizers.Adam(self.learning_rate), jit_compile=False, steps_per_execution=8
            )
            self.history_ = self.vae_.fit(
                train,
                batch_size=self.batch_size,
                epochs=self.max_epochs,
                verbose=self.verbose,
                **options,
            ).history

    def _hold_out(self, scaled, rng):
        """Rows to train on, and arguments of ``fit`` that stop it by the loss of the other rows."""
        held_out = int(self.validation_fraction * len(scaled))
        train, validation = scaled[held_out:], scaled[:held_out] if held_out else scaled
        validation = _with_an_observed_row(validation)
        return train, {"validation_data": (validation,), "callbacks": [self._stop("val_loss")]}

    def _stop(self, monitor):
        return keras.callbacks.EarlyStopping(
            monitor, mode="min", patience=self.patience, restore_best_weights=True
        )

    def _scale(self, X):
        return np.clip(self.scaler_.transform(X), -FARTHEST, FARTHEST).astype("float32")

    def _unscale(self, scaled, X):
        """Back to the user's units; a cell that was not changed is the user's own, to the bit."""
        return np.where(scaled == self._scale(X), X, self.scaler_.inverse_transform(scaled.astype("float64")))


class VAEOutlierDetector(OutlierMixin, TableVAE):
    """Finds and repairs outliers in a table with a VAE that was trained on normal rows.

    ``fit`` sets some rows aside: on one part training is stopped, on the other the threshold is calibrated,
    so that ``predict`` calls a fresh normal row an outlier with at most the probability asked for, as long as
    its cells are missing as often as those of the rows of ``fit``.

    Args:
        latent_dim: dimensions of z.
        hidden_units: widths of the encoder's hidden layers; the decoder has them in reverse.
        variance: of a cell around its expectation, as of :class:`~vaelib.likelihoods.Gaussian`, in units of
            its column's: ``"per_cell"``, from the decoder; or one number for all, where rows of zeros or of
            other repeated values must not earn a high density for being predictable.
        robust: whether some cells of the training rows may be damaged. Then columns are scaled by quantiles,
            each cell is Student's t around its expectation or an outlier, their share is learned, and
            ``variance`` is not used.
        num_importance_samples: samples of z for each row in training.
        learning_rate: of Adam.
        batch_size: rows in a step.
        max_epochs: at most so many passes over the rows.
        patience: epochs without a better validation loss after which training stops.
        validation_fraction: share of the training rows on which it is measured. Where that is less than
            one row, it is measured on the training rows.
        kind: of score: one of :func:`vaelib.anomaly.anomaly_score`.
        num_samples: samples of z for each row in scoring.
        false_positive_rate: share of normal rows that may be called outliers.
        calibration_fraction: share of the rows set aside for the threshold; more where the rate asked for
            needs more, up to half of them.
        verbose: 0 is silent, 1 shows a progress bar for each epoch, 2 prints a line for each.
        random_state: an int, a ``numpy.random.RandomState`` or None, of the splits and of training.

    Attributes:
        vae_: the trained :class:`~vaelib.vae.VAE`, on standardized columns.
        scaler_: the ``StandardScaler`` of the columns; if ``robust``, a ``RobustScaler``, which a few damaged
            cells do not move.
        history_: losses of each epoch, a dict of lists.
        offset_: ``score_samples`` below which a row is an outlier: minus the conformal threshold.
        n_features_in_: number of columns.
        feature_names_in_: their names, if ``X`` had any.

    Source: Bates et al. (2023) for the threshold; Burda, Grosse & Salakhutdinov (2016) for the training.
    """

    def __init__(
        self,
        latent_dim=8,
        hidden_units=(64, 64),
        variance="per_cell",
        robust=False,
        num_importance_samples=8,
        learning_rate=2e-3,
        batch_size=64,
        max_epochs=100,
        patience=15,
        validation_fraction=0.1,
        kind="nll",
        num_samples=64,
        false_positive_rate=0.05,
        calibration_fraction=0.25,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            latent_dim=latent_dim,
            hidden_units=hidden_units,
            num_importance_samples=num_importance_samples,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            verbose=verbose,
            random_state=random_state,
        )
        self.variance = variance
        self.robust = robust
        self.kind = kind
        self.num_samples = num_samples
        self.false_positive_rate = false_positive_rate
        self.calibration_fraction = calibration_fraction

    def fit(self, X, y=None):
        """Learn what normal rows look like, and how high they score.

        Args:
            X: normal rows, shape (rows, columns), at least 2; NaN is a missing cell.
            y: ignored.

        Returns:
            The estimator itself.

        Raises:
            ValueError: if ``X`` is not such a table, a column has no observed cell, or a parameter is out
                of range.

        Warns:
            UserWarning: if there are too few rows for a finite threshold.
        """
        self._check_parameters()
        check_name(self.kind, SCORES, "kind")
        _check_positive("num_samples", self.num_samples, whole=True)
        _check_share("false_positive_rate", self.false_positive_rate)
        _check_share("calibration_fraction", self.calibration_fraction)
        X = self._check_rows(X, ensure_min_samples=2)
        rng = check_random_state(self.random_state)
        X = X[rng.permutation(len(X))]
        needed = math.ceil(1 / self.false_positive_rate) - 1
        calibration = min(max(int(self.calibration_fraction * len(X)), needed), len(X) // 2)
        likelihood = Contaminated(StudentT(), "learned") if self.robust else Gaussian(self.variance)
        self._fit_vae(X[calibration:], rng, likelihood)
        self.offset_ = -conformal_threshold(-self._scores(X[:calibration]), self.false_positive_rate)
        if math.isinf(self.offset_):
            warnings.warn(
                f"A false-positive rate of {self.false_positive_rate} expects at least {2 * needed} rows; "
                f"got {len(X)}, so no row will be called an outlier. Give more rows or allow a higher rate.",
                UserWarning,
                stacklevel=2,
            )
        return self

    def score_samples(self, X):
        """How normal each row is: minus its anomaly score.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            Scores, shape (rows,); larger is more normal.

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        check_is_fitted(self)
        return self._scores(self._check_rows(X, reset=False))

    def decision_function(self, X):
        """How far each row is from the threshold.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            ``score_samples`` - ``offset_``, shape (rows,); negative for an outlier.

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """Whether each row is an outlier.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            -1 for an outlier, +1 for a normal row, shape (rows,).

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def cell_scores(self, X):
        """How probably each cell is an outlier, given the rest of its row.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            Probabilities, shape of ``X``.

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        found = correct(self.vae_, _with_an_observed_row(self._scale(X)), leave_one_out=True)
        return found.outlier_probability[: len(X)]

    def correct(self, X):
        """Repair suspicious cells and fill missing ones.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            Repaired rows in the units of ``X``, same shape.

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        repaired = correct(self.vae_, _with_an_observed_row(self._scale(X)), leave_one_out=True).x
        return self._unscale(repaired[: len(X)], X)

    def _scores(self, X):
        """In whole blocks, because matrix products of another height round differently."""
        padding = -len(X) % rows_at_once(self.num_samples)
        scaled = np.pad(self._scale(X), ((0, padding), (0, 0)))
        scores = anomaly_score(self.vae_, scaled, self.kind, self.num_samples)
        return -scores[: len(X)].astype("float64")


def _robust_scaler(X):
    """Medians, and deviations from the middle two thirds of a column; its own where these are one value."""
    scaler = RobustScaler(quantile_range=(16, 84), unit_variance=True).fit(X)
    low, high = np.nanpercentile(X, (16, 84), axis=0)
    scaler.scale_ = np.where(low < high, scaler.scale_, StandardScaler().fit(X).scale_)
    return scaler


def _network(features, latent_dim, hidden_units, likelihood, num_importance_samples):
    encoder = networks.mlp_encoder((features,), latent_dim, hidden_units)
    decoder = networks.mlp_decoder((features,), latent_dim, hidden_units[::-1], likelihood.params_per_cell)
    if likelihood.params_per_cell == 2:  # mean and log variance: repeated values would drive it to nothing
        mean, log_var = ops.split(decoder.output, 2, axis=-1)
        log_var = LEAST_LOG_VAR + ops.softplus(log_var - LEAST_LOG_VAR)
        decoder = keras.Model(decoder.input, ops.concatenate([mean, log_var], axis=-1), name="decoder")
    return VAE(encoder, decoder, likelihood, num_importance_samples=num_importance_samples)


class _HeldOutCells(keras.callbacks.Callback):
    """Reports ``val_error``, the squared error of filling in cells that training did not see.

    It is measured every fifth epoch, because it takes about as long as an epoch of a small table.
    """

    def __init__(self, x, hidden, truth):
        super().__init__()
        self.x, self.hidden, self.truth = x, hidden, truth

    def on_epoch_end(self, epoch, logs):
        if epoch % 5 == 0:
            filled = impute(self.model, self.x, HELD_OUT_NUM_SAMPLES)
            self.error = float(np.mean(np.square(filled[self.hidden] - self.truth)))
        logs["val_error"] = self.error


class VAEImputer(OneToOneFeatureMixin, TransformerMixin, TableVAE):
    """Fills in the missing cells of a table with a VAE that was trained on its observed cells.

    ``transform`` gives each missing cell its posterior mean, the guess with the least squared error, and
    ``draw`` several tables at once, for multiple imputation. Rows may be new: nothing is trained again. Cells
    have to be missing at random; an observed cell comes back to the bit.

    Args:
        latent_dim: dimensions of z.
        hidden_units: widths of the encoder's hidden layers; the decoder has them in reverse.
        num_importance_samples: samples of z for each row in training.
        learning_rate: of Adam.
        batch_size: rows in a step.
        max_epochs: at most so many passes over the rows, and then a quarter of that on all cells.
        patience: epochs after which training stops if held-out cells are filled in no better.
        validation_fraction: share of the observed cells held out, which are filled in now and then to see
            how well.
        num_samples: samples of z for each row in filling in.
        verbose: 0 is silent, 1 shows a progress bar for each epoch, 2 prints a line for each.
        random_state: an int, a ``numpy.random.RandomState`` or None, of the split and of training.

    Attributes:
        vae_: the trained :class:`~vaelib.vae.VAE`, on standardized columns.
        scaler_: the ``StandardScaler`` of the columns.
        history_: losses of each epoch, a dict of lists; ``val_error`` ends where held-out cells join in.
        n_features_in_: number of columns.
        feature_names_in_: their names, if ``X`` had any.

    Source: Mattei & Frellsen (2019).
    """

    def __init__(
        self,
        latent_dim=10,
        hidden_units=(128, 128),
        num_importance_samples=20,
        learning_rate=1e-3,
        batch_size=64,
        max_epochs=400,
        patience=100,
        validation_fraction=0.1,
        num_samples=1000,
        verbose=0,
        random_state=None,
    ):
        super().__init__(
            latent_dim=latent_dim,
            hidden_units=hidden_units,
            num_importance_samples=num_importance_samples,
            learning_rate=learning_rate,
            batch_size=batch_size,
            max_epochs=max_epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            verbose=verbose,
            random_state=random_state,
        )
        self.num_samples = num_samples

    def fit(self, X, y=None):
        """Learn how the columns hang together, from the observed cells.

        Args:
            X: rows, shape (rows, columns), at least 2; NaN is a missing cell.
            y: ignored.

        Returns:
            The estimator itself.

        Raises:
            ValueError: if ``X`` is not such a table, a column has no observed cell, or a parameter is out
                of range.
        """
        self._check_parameters()
        _check_positive("num_samples", self.num_samples, whole=True)
        X = self._check_rows(X, ensure_min_samples=2)
        rng = check_random_state(self.random_state)
        X = X[rng.permutation(len(X))]
        self._fit_vae(X, rng, Gaussian("per_cell"))
        self._finish(self._scale(X), rng)
        return self

    def transform(self, X):
        """Fill in each missing cell with its posterior mean.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.

        Returns:
            The rows without holes, same shape.

        Raises:
            ValueError: if ``X`` is not such a table.
        """
        return self._filled(X, None, seed=0)

    def draw(self, X, draws=20, seed=0):
        """Fill in the missing cells several times, each time with a draw of what they may be.

        Args:
            X: rows, shape (rows, columns); NaN is a missing cell.
            draws: how many tables.
            seed: an int: the same seed gives the same tables.

        Returns:
            Tables without holes, shape (draws, rows, columns).

        Raises:
            ValueError: if ``X`` is not such a table or ``draws`` is not a positive integer.
        """
        _check_positive("draws", draws, whole=True)
        return self._filled(X, draws, seed)

    def _hold_out(self, scaled, rng):
        """All rows but for some cells, and arguments of ``fit`` that stop it by how well it fills these in.

        The loss of other rows would stop it too early: it punishes a variance that is too small long before
        the means get worse.
        """
        hidden = (rng.uniform(size=scaled.shape) < self.validation_fraction) & ~np.isnan(scaled)
        train = np.where(hidden, np.float32(np.nan), scaled)
        if not hidden.any() or np.isnan(train).all():
            return scaled, {"callbacks": [self._stop("loss")]}
        return train, {"callbacks": [_HeldOutCells(train, hidden, scaled[hidden]), self._stop("val_error")]}

    def _finish(self, scaled, rng):
        """Train on all cells, held-out ones too, a quarter as long, with steps that shrink to nothing."""
        epochs = math.ceil(self.max_epochs / 4)
        shrinking = keras.callbacks.LearningRateScheduler(
            lambda epoch: float(self.learning_rate) * (1 - epoch / epochs)
        )
        with _seeded(rng.randint(2**31 - 1)):
            last = self.vae_.fit(
                scaled,
                batch_size=self.batch_size,
                epochs=epochs,
                callbacks=[shrinking],
                verbose=self.verbose,
            ).history
        for name, values in self.history_.items():
            values += last.get(name, [])

    def _filled(self, X, draws, seed):
        check_is_fitted(self)
        X = self._check_rows(X, reset=False)
        scaled = self._scale(X)
        if not np.isnan(scaled).any():
            return X.copy() if draws is None else np.repeat(X[None], draws, axis=0)
        scaled = _with_an_observed_row(scaled)
        filled = impute(self.vae_, scaled, self.num_samples, draws, seed)[..., : len(X), :]
        filled = self.scaler_.inverse_transform(filled.astype("float64").reshape(-1, X.shape[1]))
        filled = filled.reshape(*([] if draws is None else [draws]), *X.shape)
        constant = np.broadcast_to(self.scaler_.mean_, X.shape)
        return np.where(np.isnan(X), np.where(self.scaler_.var_ == 0, constant, filled), X)


def _with_an_observed_row(scaled):
    """The rows, and one of zeros if no cell of them is observed: a VAE takes that for an error in reading."""
    return np.pad(scaled, ((0, 1), (0, 0))) if np.isnan(scaled).all() else scaled


def _check_positive(name, value, whole=False):
    kind = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value < math.inf:
        what = "an integer of at least 1" if whole else "a positive number"
        raise ValueError(f"{name} expects {what}; got {value!r}.")


def _check_share(name, value):
    if not 0 < value < 1:
        raise ValueError(f"{name} expects a share between 0 and 1; got {value!r}. 5 per cent is 0.05.")


@contextlib.contextmanager
def _seeded(seed):
    """Seed Keras, TensorFlow with it, and leave Python's and NumPy's own generators as they were."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (which Keras seeds too)
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
