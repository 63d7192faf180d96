"""Run a chapter with other seeds than it names: each is moved by the same number.

``scripts/ledger.py`` imports this in a chapter's kernel, before the chapter's first cell. Processes that a
chapter starts keep their seeds.
"""

import functools
import json
import numbers

import vaelib  # first: it keeps TensorFlow quiet

import keras  # isort: skip
import numpy as np  # isort: skip

DRAWS = ("normal", "uniform", "gamma", "categorical", "randint", "truncated_normal")  # of keras.random
shift = 0


def moved(seed):
    return seed + shift if isinstance(seed, numbers.Integral) else seed


def with_moved_seed(function, is_first=False):
    """The function with its argument ``seed`` moved, which is given by name or, if ``is_first``, first."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        if is_first and args:
            args = (moved(args[0]), *args[1:])
        if "seed" in kwargs:
            kwargs["seed"] = moved(kwargs["seed"])
        return function(*args, **kwargs)

    return call


def with_moved_seed_of_a_generator(init):
    @functools.wraps(init)
    def call(self, seed=None, **kwargs):
        init(self, moved(seed), **kwargs)

    return call


def as_it_is(function):
    """The function with no seed inside it moved."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        global shift
        kept, shift = shift, 0
        try:
            return function(*args, **kwargs)
        finally:
            shift = kept

    return call


class IsAnyRandomState(type):
    def __instancecheck__(cls, state, _original=np.random.RandomState):
        return isinstance(state, _original)


class MovedRandomState(np.random.RandomState, metaclass=IsAnyRandomState):
    def __init__(self, seed=None):
        super().__init__(moved(seed))


def note_down(chapter, data, values):
    """In place of ``vaelib.compare_with_expected``: print the numbers as JSON."""
    print(json.dumps({name: float(value) for name, value in values.items()}))


def shift_by(number):
    """From now on add a number to every seed given to Keras, NumPy, scikit-learn or vaelib.

    The split of a data set into training and test stays.

    Args:
        number: an int.
    """
    global shift
    shift = number
    for name in DRAWS:
        setattr(keras.random, name, with_moved_seed(getattr(keras.random, name)))
    keras.random.SeedGenerator.__init__ = with_moved_seed_of_a_generator(keras.random.SeedGenerator.__init__)
    keras.utils.set_random_seed = with_moved_seed(keras.utils.set_random_seed, is_first=True)
    np.random.default_rng = with_moved_seed(np.random.default_rng, is_first=True)
    np.random.RandomState = MovedRandomState  # what scikit-learn makes of random_state
    vaelib.load_images, vaelib.load_table = as_it_is(vaelib.load_images), as_it_is(vaelib.load_table)
    vaelib.compare_with_expected = note_down
