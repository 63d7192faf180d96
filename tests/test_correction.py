import itertools

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

import vaelib
from vaelib import correction

OUTLIER_AT = 12.0


def conditional(ppca, x, missing):
    """Exact mean and covariance of the missing features given the others."""
    seen = [i for i in range(x.shape[1]) if i not in missing]
    gain = ppca.covariance[np.ix_(missing, seen)] @ np.linalg.inv(ppca.covariance[np.ix_(seen, seen)])
    mean = ppca.mean[missing] + (x[:, seen] - ppca.mean[seen]) @ gain.T
    return mean, ppca.covariance[np.ix_(missing, missing)] - gain @ ppca.covariance[np.ix_(seen, missing)]


def rmse(a, b):
    return np.sqrt(np.mean(np.square(a - b)))


@pytest.fixture(scope="module")
def images(digits):
    return digits.x_test[:150]


@pytest.fixture(scope="module")
def vae(digits):
    """A small model of clean digits."""
    keras.utils.set_random_seed(0)
    vae = vaelib.mlp_vae((8, 8, 1), 10, (128, 64), vaelib.Gaussian("shared"))
    vae.likelihood.shared_log_var.assign(-3.0)
    vae.compile(keras.optimizers.Adam(2e-3))
    vae.fit(digits.x_train, epochs=60, batch_size=64, verbose=0)
    contaminated = vaelib.Contaminated(vae.likelihood, outlier_range=(0, 1))
    return vaelib.VAE(vae.encoder, vae.decoder, contaminated)


def test_missing_cells_become_their_exact_conditional_mean(exact_vae, ppca, ppca_data):
    x = ppca_data.copy()
    x[:, [1, 3]] = np.nan
    result = vaelib.correct(exact_vae, x, known=~np.isnan(x))
    mean, _ = conditional(ppca, ppca_data, [1, 3])
    assert rmse(result.x[:, [1, 3]], mean) < 0.05 * mean.std()


def test_the_deviation_of_a_missing_cell_is_that_of_the_best_diagonal_posterior(exact_vae, ppca, ppca_data):
    x = ppca_data.copy()
    x[:, [1, 3]] = np.nan
    weights, noise = ppca.weights, ppca.noise_variance
    precision = np.eye(2) + weights[[0, 2, 4]].T @ weights[[0, 2, 4]] / noise
    expected = np.sqrt(np.square(weights[[1, 3]]) @ (1 / np.diag(precision)) + noise)
    std = vaelib.correct(exact_vae, x, known=~np.isnan(x)).std[:, [1, 3]]
    np.testing.assert_allclose(std.mean(axis=0), expected, rtol=0.12)


def test_the_encoders_answer_does_not_matter(exact_vae, moved_vae, ppca_data):
    x = ppca_data.copy()
    x[:, 2] = np.nan
    known = ~np.isnan(x)
    good = vaelib.correct(exact_vae, x, known=known)
    head = exact_vae.encoder.get_layer("mean")
    head.kernel.assign(-head.kernel)
    bad = vaelib.correct(exact_vae, x, known=known)
    np.testing.assert_allclose(bad.x, good.x, atol=0.05)


def test_an_outlier_is_found_and_becomes_what_the_others_say(exact_vae, ppca, ppca_data):
    x = ppca_data[:100].copy()
    x[:, 4] += OUTLIER_AT
    result = vaelib.correct(exact_vae, x)
    assert np.mean(result.outlier_probability[:, 4] > 0.95) > 0.95
    assert result.outlier_probability[:, :4].mean() < 0.15
    mean, _ = conditional(ppca, ppca_data[:100], [4])
    assert rmse(result.x[:, [4]], mean) < 0.25 * rmse(ppca.mean[4], mean) + 0.1


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_outlier_probabilities_agree_with_enumeration_of_every_mask(
    exact_vae, ppca, ppca_data, leave_one_out
):
    x = ppca_data[:200].copy()
    x[::2, 0] += 3.0  # neither plainly damaged nor plainly clean
    probability = vaelib.correct(exact_vae, x, leave_one_out=leave_one_out).outlier_probability
    masks = np.array(list(itertools.product([False, True], repeat=5)))
    share = (10 * 0.05 + probability.sum(axis=1)) / 15  # the rate that was inferred, for each example
    joint = np.empty((len(masks), len(x)))
    for i, mask in enumerate(masks):
        kept = ~mask
        clean = 0.0
        if kept.any():
            density = stats.multivariate_normal(ppca.mean[kept], ppca.covariance[np.ix_(kept, kept)])
            clean = density.logpdf(x[:, kept])
        outliers = stats.cauchy(0, 5).logpdf(x[:, mask]).sum(axis=1)
        joint[i] = clean + outliers + mask.sum() * np.log(share) + kept.sum() * np.log1p(-share)
    weights = np.exp(joint - joint.max(axis=0))
    exact = np.einsum("mb,mf->bf", weights / weights.sum(axis=0), masks)
    assert np.corrcoef(exact.ravel(), probability.ravel())[0, 1] > 0.9
    assert abs(exact.mean() - probability.mean()) < 0.03


def test_known_cells_come_back_to_the_bit_and_the_others_are_filled(vae, images):
    damaged, mask = vaelib.corrupt(images, "uniform", 0.4, seed=1)
    result = vaelib.correct(vae, damaged, known=~mask)
    np.testing.assert_array_equal(result.x[~mask], damaged[~mask])
    assert np.all(result.outlier_probability == 0)
    average = np.broadcast_to(images.mean(axis=0), images.shape)
    assert rmse(result.x[mask], images[mask]) < 0.6 * rmse(average[mask], images[mask])


def test_cells_that_are_not_known_count_as_missing(vae, images):
    damaged, mask = vaelib.corrupt(images, "uniform", 0.4, seed=1)
    holes = np.where(mask, np.nan, damaged)
    first, second = vaelib.correct(vae, damaged, known=~mask), vaelib.correct(vae, holes, known=~mask)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_cell_has_no_part_in_the_share_of_damage_or_in_z(exact_vae, ppca, ppca_data):
    """Left out by hand: the model of the observed features alone, whose encoder gets 0 for the rest."""
    x = ppca_data[:100].copy()
    x[::2, 0] += 3.0
    x[:, 3:] = np.nan
    first, z = keras.Input((3,)), keras.Input((2,))
    zeros = keras.layers.ZeroPadding1D((0, 2))(keras.layers.Reshape((3, 1))(first))
    observed = keras.layers.Dense(3)
    encoder = keras.Model(first, exact_vae.encoder(keras.layers.Flatten()(zeros)))
    part = vaelib.VAE(encoder, keras.Model(z, observed(z)), exact_vae.likelihood)
    observed.set_weights([ppca.weights.T[:, :3], ppca.mean[:3]])
    whole, alone = vaelib.correct(exact_vae, x), vaelib.correct(part, x[:, :3])
    for field in ("x", "outlier_probability", "mean", "std"):
        np.testing.assert_allclose(getattr(whole, field)[:, :3], getattr(alone, field), atol=2e-3)


def test_missing_and_suspicious_cells_are_mended_together(vae, images):
    damaged, mask = vaelib.corrupt(images, "uniform", 0.15, seed=2)
    holes = np.random.default_rng(3).random(images.shape) < 0.15
    result = vaelib.correct(vae, np.where(holes, np.nan, damaged))
    assert not np.isnan(result.x).any()
    assert np.all(result.outlier_probability[holes] == 0)
    np.testing.assert_array_equal(result.x[holes], result.mean[holes])
    assert average_precision_score(mask[~holes], result.outlier_probability[~holes]) > 0.6
    assert rmse(result.x, images) < 0.7 * rmse(np.where(holes, 0, damaged), images)


@pytest.mark.parametrize(("kind", "amount"), [("uniform", 0.1), ("uniform", 0.3), ("salt_and_pepper", 0.2)])
def test_the_repair_is_nearer_the_truth_than_the_damage_and_the_reconstruction(vae, images, kind, amount):
    damaged, mask = vaelib.corrupt(images, kind, amount, seed=4)
    result = vaelib.correct(vae, damaged)
    assert rmse(result.x, images) < 0.75 * rmse(damaged, images)
    assert rmse(result.x, images) < 0.75 * rmse(vae.reconstruct(damaged), images)
    assert result.outlier_probability[mask].mean() > 2.5 * result.outlier_probability[~mask].mean()


def test_clean_data_come_back_nearly_untouched(vae, images):
    assert rmse(vaelib.correct(vae, images).x, images) < 0.65 * rmse(vae.reconstruct(images), images)


def test_ninety_per_cent_intervals_cover_the_truth_of_damaged_cells(vae, images):
    damaged, mask = vaelib.corrupt(images, "uniform", 0.3, seed=5)
    result = vaelib.correct(vae, damaged)
    covered = abs(result.mean - images) <= 1.645 * result.std
    assert 0.8 < covered[mask].mean() < 0.98


def test_the_repair_is_between_what_was_seen_and_what_is_expected(vae, images):
    damaged, _ = vaelib.corrupt(images, "uniform", 0.2, seed=6)
    result = vaelib.correct(vae, damaged)
    expected = result.outlier_probability * result.mean + (1 - result.outlier_probability) * damaged
    np.testing.assert_allclose(result.x, expected, atol=1e-6)
    assert np.all((result.outlier_probability >= 0) & (result.outlier_probability <= 1))


def test_same_seed_same_bits_whatever_the_rest_of_the_batch(vae, images):
    damaged, _ = vaelib.corrupt(images[:40], "uniform", 0.3, seed=7)
    first, again = vaelib.correct(vae, damaged), vaelib.correct(vae, damaged)
    other = vaelib.correct(vae, damaged, seed=1)
    np.testing.assert_array_equal(first.x, again.x)
    assert np.any(first.x != other.x)
    assert rmse(first.x, other.x) < 0.5 * rmse(first.x, damaged)
    alone = vaelib.correct(vae, damaged[:20])
    assert rmse(alone.x, first.x[:20]) < 0.01


def test_memory_does_not_grow_with_the_batch(vae, images, monkeypatch):
    monkeypatch.setattr(correction, "ROWS_AT_ONCE", 64)
    damaged, _ = vaelib.corrupt(images, "uniform", 0.3, seed=8)
    fresh = vaelib.VAE(vae.encoder, vae.decoder, vae.likelihood)  # nothing compiled yet
    sizes = []
    call = type(fresh.decoder).__call__
    monkeypatch.setattr(
        type(fresh.decoder), "__call__", lambda self, z, *a, **k: (sizes.append(z.shape[0]), call(self, z))[1]
    )
    in_pieces = vaelib.correct(fresh, damaged)
    assert max(sizes) == 64
    monkeypatch.undo()
    np.testing.assert_allclose(in_pieces.x, vaelib.correct(vae, damaged).x, atol=0.05)


def test_correcting_leaves_the_model_as_it_was(vae, images, tmp_path):
    before = [weight.copy() for weight in vae.get_weights()]
    vaelib.correct(vae, images[:10])
    for one, other in zip(vae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    vae.save(tmp_path / "vae.keras")
    loaded = keras.models.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(vaelib.correct(loaded, images[:10]).x, vaelib.correct(vae, images[:10]).x)


def test_a_model_that_learned_since_repairs_differently(digits):
    vae = vaelib.mlp_vae((8, 8, 1), 4, (32,), "zero_one_inflated")
    vae.compile("adam")
    x = digits.x_test[:20]
    before = vaelib.correct(vae, x).mean
    vae.fit(digits.x_train, epochs=3, verbose=0)
    after = vaelib.correct(vae, x).mean
    assert rmse(after, x) < rmse(before, x)


def test_a_convolutional_model_repairs_too(digits):
    vae = vaelib.conv_vae((8, 8, 1), 4, (8,), "zero_one_inflated")
    result = vaelib.correct(vae, digits.x_test[:4])
    assert all(np.isfinite(field).all() and field.shape == (4, 8, 8, 1) for field in result)


# Each cell from the others


@pytest.fixture
def suspicious(ppca_data):
    """Rows with one damaged cell each, some of them by little."""
    rng = np.random.default_rng(4)
    x = ppca_data[:40].copy()
    x[np.arange(40), rng.integers(5, size=40)] += rng.normal(0, 6, 40)
    return x


def test_leaving_a_cell_out_expects_what_it_would_if_the_cell_were_missing(exact_vae, suspicious):
    suspicious[:10, 2] = np.nan
    known = np.random.default_rng(5).random(suspicious.shape) < 0.2
    known &= ~np.isnan(suspicious)
    for trusted in (None, known):
        result = vaelib.correct(exact_vae, suspicious, trusted, leave_one_out=True)
        for cell in range(5):
            holes = suspicious.copy()
            holes[:, cell] = np.nan
            others = None if trusted is None else trusted & (np.arange(5) != cell)
            without = vaelib.correct(exact_vae, holes, others)
            np.testing.assert_array_equal(result.mean[:, cell], without.mean[:, cell])
            np.testing.assert_array_equal(result.std[:, cell], without.std[:, cell])
    plain = vaelib.correct(exact_vae, suspicious)
    assert rmse(plain.mean[10:], result.mean[10:]) > 0.1  # it does matter


@pytest.mark.parametrize("damage", [2.0, -30.0, 1e6])
def test_a_damaged_cell_cannot_move_its_own_expectation(exact_vae, ppca_data, damage):
    clean = ppca_data[:40]
    damaged = clean.copy()
    damaged[:, 4] += np.float32(damage)
    before = vaelib.correct(exact_vae, clean, leave_one_out=True)
    after = vaelib.correct(exact_vae, damaged, leave_one_out=True)
    np.testing.assert_array_equal(after.mean[:, 4], before.mean[:, 4])
    np.testing.assert_array_equal(after.std[:, 4], before.std[:, 4])
    if abs(damage) > 10:
        assert after.outlier_probability[:, 4].min() > 0.99
        tail = (1 - after.outlier_probability[:, 4]) * abs(damaged[:, 4])
        assert np.all(abs(after.x[:, 4] - after.mean[:, 4]) <= tail + 0.2)
    if damage == 2.0:  # all cells together let it vouch for itself
        vouched = vaelib.correct(exact_vae, damaged).mean - vaelib.correct(exact_vae, clean).mean
        assert vouched[:, 4].mean() > 0.05


def test_leaving_one_out_keeps_known_cells_to_the_bit_and_fills_missing_ones(exact_vae, suspicious):
    rng = np.random.default_rng(6)
    suspicious[rng.random(suspicious.shape) < 0.2] = np.nan
    missing = np.isnan(suspicious)
    known = (rng.random(suspicious.shape) < 0.7) & ~missing
    result = vaelib.correct(exact_vae, suspicious, known, leave_one_out=True)
    np.testing.assert_array_equal(result.x[known], suspicious[known])
    np.testing.assert_array_equal(result.x[~known], result.mean[~known])
    assert np.all(result.outlier_probability == 0)
    alone, together = (vaelib.correct(exact_vae, suspicious, leave_one_out=each) for each in (True, False))
    np.testing.assert_array_equal(alone.x[missing], together.x[missing])  # nothing is held out of nothing
    assert np.all(alone.outlier_probability[missing] == 0)
    assert np.isfinite(alone.x).all()


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_the_share_of_damage_is_a_fixed_point_over_the_suspected_cells(
    exact_vae, ppca, suspicious, leave_one_out
):
    """With a decoder that ignores z it can be iterated in NumPy: ten cells of the prior and the row's own."""
    exact_vae.decoder.layers[-1].set_weights([np.zeros((2, 5)), ppca.mean])
    suspicious[:10, 1] = np.nan
    clean = stats.norm(ppca.mean, ppca.noise_variance**0.5).pdf(suspicious)
    outlier = stats.cauchy(0, 5).pdf(suspicious)
    expected = np.zeros_like(clean)
    for row, cell in np.argwhere(~np.isnan(suspicious)):
        others = ~np.isnan(suspicious[row])
        if leave_one_out:
            others[cell] = False
        share = 0.05
        for _ in range(200):
            found = share * outlier[row] / (share * outlier[row] + (1 - share) * clean[row])
            share = (10 * 0.05 + found[others].sum()) / (10 + others.sum())
        odds = share * outlier[row, cell] / ((1 - share) * clean[row, cell])
        expected[row, cell] = odds / (1 + odds)
    actual = vaelib.correct(exact_vae, suspicious, leave_one_out=leave_one_out).outlier_probability
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_leaving_one_out_finds_and_repairs_better(exact_vae, ppca, suspicious):
    truth = ppca.sample(400, seed=2)[0][:40]
    alone = vaelib.correct(exact_vae, suspicious, leave_one_out=True)
    together = vaelib.correct(exact_vae, suspicious)
    assert rmse(alone.x, truth) < rmse(together.x, truth)


def test_leaving_one_out_knows_images_and_batches(monkeypatch):
    monkeypatch.setattr(correction, "ROWS_AT_ONCE", 3)
    vae = vaelib.mlp_vae((2, 1, 2), 1, (4,), "zero_one_inflated")
    x = np.random.default_rng(0).random((7, 2, 1, 2)).astype("float32")
    result = vaelib.correct(vae, x, leave_one_out=True)
    assert all(field.shape == x.shape and np.isfinite(field).all() for field in result)
    for i, j in itertools.product(range(2), range(2)):
        holes = x.copy()
        holes[:, i, 0, j] = np.nan
        np.testing.assert_array_equal(result.mean[:, i, 0, j], vaelib.correct(vae, holes).mean[:, i, 0, j])


# The neighbors of a pixel


def test_a_pixel_is_moved_by_its_healthy_neighbors_and_not_by_itself():
    """Of eight neighbors one, four times off in units of 0.2, is worth its weight of a least-squares gain."""
    x, flat = np.zeros((1, 5, 5, 1), "float32"), np.full((1, 5, 5, 1), 0.2, "float32")
    x[0, 2, 2] = 0.8
    healthy = np.ones_like(x)
    mean, std = correction._with_neighbors(x, healthy, np.zeros_like(x), flat)
    near, diagonal = np.exp([-2, -4]) / (4 * np.exp(-2) + 4 * np.exp(-4))
    gains = np.array([[diagonal, near, diagonal], [near, 0, near], [diagonal, near, diagonal]]) * 0.16 / 0.043
    np.testing.assert_allclose(mean[0, 1:4, 1:4, 0], gains * 0.2, rtol=1e-5)
    assert np.all(std <= flat)
    np.testing.assert_allclose(std[0, 2, 2], 0.2 * np.sqrt(1 - 0.15 * 0.04 / 0.043), rtol=1e-5)
    healthy[0, 2, 2] = 0
    mean, _ = correction._with_neighbors(x, healthy, np.zeros_like(x), flat)
    assert np.all(mean == 0)


def test_a_decoder_that_computes_in_half_precision_repairs_and_fills_in(vae, images):
    z = keras.Input((10,))
    half = keras.Model(z, keras.layers.Activation("linear", dtype="float16")(vae.decoder(z)))
    coarse = vaelib.VAE(vae.encoder, half, vae.likelihood)
    dirty, _ = vaelib.corrupt(images[:20], "uniform", 0.1, seed=0)
    assert rmse(vaelib.correct(coarse, dirty).x, vaelib.correct(vae, dirty).x) < 0.02
    dirty[:, :4] = np.nan
    filled = vaelib.impute(vaelib.VAE(vae.encoder, half, vae.likelihood.base), dirty, 100)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
