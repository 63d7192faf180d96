"""The still picture of chapter 3's ELBO playground, for paper and for readers without JavaScript.

There is nothing to train. What the picture shows is computed here once more, by SciPy's quadrature and
optimizer, independently of the page's own modules: tests/test_widget_elbo_playground.py compares the two.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from scipy.integrate import fixed_quad
from scipy.optimize import minimize
from scipy.stats import norm

from vaelib import plotting

ROOT = Path(__file__).resolve().parents[2]
STILL = ROOT / "book" / "_static" / "widgets" / "elbo-playground" / "still.webp"
X = (1.6, 0.1)  # the chapter's one_x
START = (-0.5, -1.0)  # mean and log variance of q, as the page starts


@dataclass
class Model:
    """z ~ N(0, 1), and two features: N(curve(z), noise_variance) and N(z / 2, noise_variance)."""

    curve: Callable
    noise_variance: float

    def log_likelihood(self, x, z):
        std = self.noise_variance**0.5
        return norm.logpdf(x[0], self.curve(z), std) + norm.logpdf(x[1], z / 2, std)

    def log_evidence(self, x):
        return np.log(integral(lambda z: np.exp(self.log_joint(x, z)), 0, 1))

    def log_joint(self, x, z):
        return self.log_likelihood(x, z) + norm.logpdf(z)


MODELS = {
    "straight": Model(curve=lambda z: z, noise_variance=0.5),
    "bent": Model(curve=lambda z: z**2 / 2, noise_variance=0.2),
}


def integral(function, center, width):
    """The integral of a function that has died away ten widths from the center, in pieces of half a width."""
    edges = center + width * np.arange(-10, 10.5, 0.5)
    return sum(fixed_quad(function, low, high, n=20)[0] for low, high in pairwise(edges))


def parts(model, x, mean, log_var):
    """What the bars show, in nats: each by its own integral over q."""
    std = np.exp(log_var / 2)
    log_evidence = model.log_evidence(x)

    def log_q(z):
        return norm.logpdf(z, mean, std)

    def expectation(function):
        return integral(lambda z: np.exp(log_q(z)) * function(z), mean, std)

    return {
        "reconstruction": expectation(lambda z: model.log_likelihood(x, z)),
        "klToPrior": expectation(lambda z: log_q(z) - norm.logpdf(z)),
        "elbo": expectation(lambda z: model.log_joint(x, z) - log_q(z)),
        "klToPosterior": expectation(lambda z: log_q(z) - (model.log_joint(x, z) - log_evidence)),
        "logEvidence": log_evidence,
    }


def summit(model, x, start):
    """Mean and log variance of q on the hill whose slope holds `start`."""
    points = np.linspace(-12, 12, 2001)  # in standard deviations of q
    weights = norm.pdf(points) * (points[1] - points[0])

    def negative_elbo(q):
        std = np.exp(q[1] / 2)
        z = q[0] + std * points
        log_weight = model.log_joint(x, z) - norm.logpdf(z, q[0], std)
        return -np.sum(weights * log_weight)

    return minimize(negative_elbo, start, method="BFGS", options={"gtol": 1e-7}).x


def draw_curves(ax, model, q, summits):
    z = np.linspace(-4.2, 4.2, 600)
    posterior = np.exp(model.log_joint(X, z) - model.log_evidence(X))
    likelihood = np.exp(model.log_likelihood(X, z))
    likelihood /= likelihood.sum() * (z[1] - z[0])
    ax.fill_between(z, posterior, color="C0", alpha=0.14, linewidth=0)
    ax.plot(z, norm.pdf(z), color="0.4", linestyle=":", label="prior")
    ax.plot(z, likelihood, color="C2", linestyle="-.", label="likelihood, scaled")
    ax.plot(z, posterior, color="C0", linestyle="-", label="posterior")
    ax.plot(z, norm.pdf(z, q[0], np.exp(q[1] / 2)), color="C1", linestyle="--", label="q")
    for mean, log_var in summits:
        ax.plot(z, norm.pdf(z, mean, np.exp(log_var / 2)), color="C1", linestyle="-", linewidth=0.8)
    ax.set(yticks=[], ylim=(0, None), xlim=(-4.2, 4.2), xlabel="z")
    ax.grid(visible=False)


def draw_bars(ax, bars):
    starts = {"klToPrior": bars["elbo"], "klToPosterior": bars["elbo"]}
    looks = {
        "reconstruction": ("reconstruction", {"facecolor": "white", "edgecolor": "0.4"}),
        "klToPrior": ("− KL(q ‖ prior)", {"facecolor": "white", "edgecolor": "0.4", "hatch": r"\\\\"}),
        "elbo": ("= ELBO", {"facecolor": "C1"}),
        "klToPosterior": ("+ KL(q ‖ posterior)", {"facecolor": "white", "edgecolor": "0.4", "hatch": "////"}),
        "logEvidence": ("= log p(x)", {"facecolor": "C0"}),
    }
    for row, (key, (_, look)) in enumerate(looks.items()):
        ax.barh(row, bars[key], left=starts.get(key, 0), height=0.6, **look)
        ax.text(0.2, row, f"{bars[key]:.3f}".replace("-", "−"), va="center", fontsize=9)
    ax.axvline(bars["logEvidence"], color="C0", linewidth=1.5)
    ax.set_yticks(range(len(looks)), [name for name, _ in looks.values()])
    ax.set(xlim=(-8, 0), xticks=range(-8, 1, 2), xlabel="nats")
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def draw_still():
    plotting.use_style()
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.8), width_ratios=[1.2, 1])
    for (left, right), (name, model) in zip(axes, MODELS.items(), strict=True):
        bars = parts(model, X, *START)
        tops = {tuple(summit(model, X, (side, -1.0)).round(3).tolist()) for side in (-0.5, 0.5)}
        draw_curves(left, model, START, tops)
        draw_bars(right, bars)
        left.set_title(f"{name} decoder", fontsize=10)
        for mean, log_var in sorted(tops):
            gap = parts(model, X, mean, log_var)["klToPosterior"]
            print(f"{name}: a climb ends at mean {mean}, log variance {log_var}, gap {gap:.3f} nats")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, fontsize=10)
    return figure


def write_still():
    page = io.BytesIO()
    draw_still().savefig(page, dpi=150)
    Image.open(page).convert("RGB").save(STILL, quality=80, method=6)
    print(f"{STILL.relative_to(ROOT)}: {STILL.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write_still()
