"""What a chapter's numbers should be: the book's ledger, read.

``scripts/ledger.py`` writes the ledger, ``book/expected.json``, from runs of every chapter with other seeds.
"""

import json
import math
import statistics
from pathlib import Path

PACKAGE = Path(__file__).parent
PLACES = PACKAGE / "book" / "expected.json", PACKAGE.parent / "book" / "expected.json"  # installed, checkout
SPREADS = 4  # as far from the mean as a number may be
LEAST_SPREAD = 1e-3  # of the mean: another processor rounds differently


def mean_and_spread(values):
    """Mean and standard deviation of a number over seeds.

    Args:
        values: the number in each run, at least two.

    Returns:
        Mean and spread. The spread is never below a thousandth of the mean, and rounded up to two digits;
        the mean has as many decimals.
    """
    mean = statistics.fmean(values)
    spread = max(statistics.stdev(values), LEAST_SPREAD * abs(mean))
    decimals = 1 - math.floor(math.log10(spread))
    return round(mean, decimals), round(math.ceil(spread * 10**decimals - 1e-9) / 10**decimals, decimals)


def compare_with_expected(chapter, data, values):
    """Print each number of a chapter beside the mean and spread of runs with other seeds.

    Args:
        chapter: its file's name without the ending, as in ``"05_vae_in_tensorflow"``.
        data: name of the data set that it ran on; for other sets than the ledger's nothing is compared,
            and a line says so.
        values: dict from a number's name to what came out.

    Raises:
        ValueError: if the ledger has no such chapter, or other names for its numbers.
        AssertionError: if a number is more than four spreads from its mean, or not a number.
    """
    path = next(path for path in PLACES if path.exists())
    chapters = json.loads(path.read_text())["chapters"]
    if chapter not in chapters:
        raise ValueError(f"chapter expects one of {', '.join(chapters)}; got {chapter!r}.")
    if data not in chapters[chapter]:
        print(f"No numbers are expected for {data}, only for {' and '.join(chapters[chapter])}.")
        return
    expected = chapters[chapter][data]
    if set(values) != set(expected):
        raise ValueError(
            f"values expects the numbers {sorted(expected)}; got {sorted(values)}. After a change of their "
            "names run scripts/ledger.py."
        )
    runs = len(next(iter(expected.values()))["values"])
    print(f"mean ± spread of {runs} runs with other seeds ({data})")
    outside = []
    for name, value in values.items():
        mean, spread = expected[name]["mean"], expected[name]["spread"]
        decimals = max(0, 1 - math.floor(math.log10(spread)))
        print(
            f"{name:{max(map(len, values))}}  expected {mean:.{decimals}f} ± {spread:.{decimals}f}, "
            f"you have {value:.{decimals}f}"
        )
        if not abs(value - mean) <= SPREADS * spread:
            outside.append(name)
    if outside:
        raise AssertionError(f"More than {SPREADS} spreads from what is expected: {', '.join(outside)}.")
