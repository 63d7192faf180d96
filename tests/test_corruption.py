import numpy as np
import pytest

from vaelib import corrupt, corruption

CLEAN = np.random.default_rng(0).uniform(0.2, 0.8, (200, 12, 10, 1)).astype("float32")


@pytest.mark.parametrize("kind", corruption.KINDS)
def test_only_the_masked_cells_change_and_the_clean_data_are_left_alone(kind):
    before = CLEAN.copy()
    damaged, mask = corrupt(CLEAN, kind, 0.3, seed=1)
    assert mask.shape == damaged.shape == CLEAN.shape
    assert mask.dtype == bool
    assert damaged.dtype == np.float32
    np.testing.assert_array_equal(damaged[~mask], CLEAN[~mask])
    assert np.mean(damaged[mask] != CLEAN[mask]) > 0.99
    np.testing.assert_array_equal(CLEAN, before)


@pytest.mark.parametrize("kind", corruption.KINDS)
@pytest.mark.parametrize("amount", [0.0, 0.25, 1.0])
def test_about_the_amount_asked_for_is_damaged(kind, amount):
    share = corrupt(CLEAN, kind, amount, seed=2)[1].mean()
    tolerance = 0.05 if kind == "block" else 4 * np.sqrt(amount * (1 - amount) / CLEAN.size)
    if not (kind == "block" and amount == 1.0):  # the largest square in a 12 x 10 image
        assert abs(share - amount) <= tolerance


@pytest.mark.parametrize("kind", corruption.KINDS)
def test_the_seed_decides(kind):
    for a, b in zip(corrupt(CLEAN, kind, 0.3, seed=3), corrupt(CLEAN, kind, 0.3, seed=3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(corrupt(CLEAN, kind, 0.3, seed=3)[1], corrupt(CLEAN, kind, 0.3, seed=4)[1])


def test_each_kind_puts_in_what_it_says():
    uniform, mask = corrupt(CLEAN, "uniform", 0.5)
    assert abs(uniform[mask].mean() - 0.5) < 0.02
    assert abs(uniform[mask].var() - 1 / 12) < 0.005
    pepper, mask = corrupt(CLEAN, "salt_and_pepper", 0.5)
    assert set(np.unique(pepper[mask])) == {0.0, 1.0}
    assert abs(pepper[mask].mean() - 0.5) < 0.02
    noisy, mask = corrupt(CLEAN, "gaussian", 0.5, scale=3.0)
    added = (noisy - CLEAN)[mask]
    assert abs(added.mean()) < 0.15
    assert abs(added.std() - 3) < 0.1
    missing, mask = corrupt(CLEAN, "missing", 0.5)
    np.testing.assert_array_equal(np.isnan(missing), mask)


def test_a_block_is_one_square_in_each_image_placed_anywhere():
    _, mask = corrupt(CLEAN, "block", 16 / 120, seed=5)
    corners = set()
    for image in mask[..., 0]:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert len(rows) == len(columns) == 4
        assert image.sum() == 16
        assert np.ptp(rows) == np.ptp(columns) == 3
        corners.add((rows[0], columns[0]))
    assert {row for row, _ in corners} == set(range(9))
    assert {column for _, column in corners} == set(range(7))


def test_tables_are_damaged_cell_by_cell():
    table = np.zeros((1000, 4))
    _, mask = corrupt(table, "gaussian", 0.2)
    assert (abs(mask.mean(axis=0) - 0.2) < 0.06).all()


def test_every_mask_can_be_changed():
    for kind in ("uniform", "block"):
        _, mask = corrupt(np.zeros((2, 8, 8, 1)), kind, 0.2, seed=0)
        mask |= ~mask
        assert mask.all()
