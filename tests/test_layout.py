"""How vaelib is laid out, what importing it costs, and what the tree may not hold."""

import ast
import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from chapters import ROOT
from repository import project_files

# Ground floor first: what each file of vaelib may import from vaelib. Any may import the checks.
MAY_IMPORT = {
    "checks": set(),
    "expected": set(),
    "gaussian": set(),
    "linear_gaussian": {"gaussian"},
    "data": set(),
    "corruption": set(),
    "likelihoods": {"gaussian"},
    "networks": set(),
    "model": {"likelihoods"},
    "autoencoder": {"likelihoods", "networks", "model"},
    "vae": {"gaussian", "likelihoods", "networks", "model"},
    "variants": {"gaussian", "model", "autoencoder", "vae"},
    "anomaly": {"gaussian", "vae"},
    "diagnosis": {"gaussian", "model", "vae"},
    "imputation": {"gaussian", "anomaly", "vae"},
    "correction": {"gaussian", "likelihoods", "model", "vae"},
    "estimators": {"likelihoods", "networks", "vae", "anomaly", "imputation", "correction"},
    "plotting": set(),
}
MODULES = [path for path in sorted((ROOT / "vaelib").glob("*.py")) if path.stem != "__init__"]


def imported_from_vaelib(source):
    """The names of vaelib's modules that a module imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = "vaelib." * bool(node.level) + (node.module or "")
            paths = [f"{package.rstrip('.')}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {path.split(".")[1] for path in paths if path.startswith("vaelib.")}
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_imports_inside_vaelib_only_point_down(module):
    assert module.stem in MAY_IMPORT, "a new file: say where it stands"
    assert imported_from_vaelib(module.read_text()) <= MAY_IMPORT[module.stem] | {"checks"}


@pytest.mark.parametrize(
    "line",
    [
        "import vaelib.vae",
        "from vaelib import vae",
        "from vaelib.vae import VAE",
        "from . import vae",
        "from .vae import VAE",
        "def f():\n    from .vae import VAE",
    ],
)
def test_every_way_of_importing_is_seen(line):
    assert imported_from_vaelib(line) == {"vae"}


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_importing_vaelib_prints_nothing():
    result = python("import vaelib")
    assert result.stdout == ""
    assert result.stderr == ""


def test_importing_vaelib_leaves_scikit_learn_and_matplotlib_alone():
    # Keras may import them itself: forget that it did, and see whether they come back.
    result = python("""
import sys, keras, tensorflow
for name in list(sys.modules):
    if name.split(".")[0] in ("sklearn", "matplotlib"):
        del sys.modules[name]
import vaelib
print({"sklearn", "matplotlib"} & set(sys.modules))
""")
    assert result.stdout.strip() == "set()"


def test_importing_vaelib_costs_no_more_than_tensorflow():
    def seconds(code):  # of processor time, which other work on the machine does not lengthen much
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    baseline, ours = [], []
    for _ in range(4):  # other work can only lengthen a time: the shortest is the nearest to the truth
        baseline.append(seconds("import tensorflow, keras"))
        ours.append(seconds("import vaelib"))
        if min(ours) < 1.1 * min(baseline) + 1:
            return
    pytest.fail(f"importing vaelib takes {min(ours):.1f} s, tensorflow and keras {min(baseline):.1f} s")


def texts():
    """Every text file but this one; of a notebook, all but its pictures."""
    for path in project_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path.suffix == ".ipynb":
            notebook = json.loads(text)
            for cell in notebook["cells"]:
                for output in cell.get("outputs", []):
                    output.get("data", {}).pop("image/png", None)
            text = json.dumps(notebook)
        if path != Path(__file__):
            yield path, text


def test_nothing_is_left_to_do():
    left = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|OWNER[/]REPO|lorem ipsum)\b", re.IGNORECASE)
    assert [path for path, text in texts() if left.search(text)] == []


def test_no_path_of_a_developers_machine():
    path_of_a_machine = re.compile(r"/(home|Users|root|tmp|work)/\w|[A-Z]:\\\\?Users")
    found = {path.name: path_of_a_machine.search(text) for path, text in texts()}
    assert {name: match[0] for name, match in found.items() if match} == {}
