import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm

from vaelib import plotting

IMAGES = np.random.default_rng(0).random((6, 4, 3, 1))


@pytest.fixture(autouse=True)
def _agg():
    with mpl.rc_context({"backend": "agg"}):
        plotting.use_style()
        yield
        plt.close("all")


def test_show_images_names_each_row_and_shows_each_image():
    figure = plotting.show_images({"clean": IMAGES, "dirty": IMAGES[:2]})
    shown = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(shown) == 8
    np.testing.assert_array_equal(shown[0], IMAGES[0, ..., 0])
    assert [text.get_text() for ax in figure.axes for text in ax.texts] == ["clean", "dirty"]


def test_mosaic_lays_images_out_in_reading_order():
    ax = plotting.mosaic(IMAGES, columns=3)
    picture = ax.images[0].get_array()
    assert picture.shape == (8, 9)
    np.testing.assert_array_equal(picture[:4, 3:6], IMAGES[1, ..., 0])
    np.testing.assert_array_equal(picture[4:, :3], IMAGES[3, ..., 0])


def test_training_curves_draw_training_and_validation():
    history = {"elbo": [-3, -2], "val_elbo": [-4, -3], "kl": [0, 1], "reconstruction": [-3, -1]}
    figure = plotting.training_curves(history)
    np.testing.assert_array_equal(figure.axes[0].lines[1].get_ydata(), [-4, -3])
    assert [len(ax.lines) for ax in figure.axes] == [2, 1, 1]


def test_latent_plane_colours_and_names_each_class():
    z = np.random.default_rng(1).normal(size=(50, 2))
    ax = plotting.latent_plane(z, np.arange(50) % 3)
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]
    np.testing.assert_array_equal(ax.collections[1].get_offsets(), z[1::3])


def test_manifold_decodes_cells_of_equal_prior_probability():
    class Recorder:
        def decode(self, z):
            self.z = z
            return np.zeros((len(z), 4, 4, 1))

    vae = Recorder()
    plotting.manifold(vae, n=5)
    z = vae.z.reshape(5, 5, 2)
    np.testing.assert_allclose(norm.cdf(z[0, :, 0]), [0.1, 0.3, 0.5, 0.7, 0.9])
    assert (np.diff(z[:, 0, 1]) < 0).all()  # z_2 grows upwards
