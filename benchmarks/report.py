"""Where a benchmark's results go, and what must stand beside them: the day, the machine, the versions."""

import importlib.metadata
import json
import os
import platform
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PEERS = Path(__file__).parent.parent / ".venv" / "peers" / "bin" / "python"  # has benchmarks/requirements.txt


def machine():
    """The processor's name and how many cores there are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def write(name, results, **more):
    """Write results/name.json.

    Args:
        name: of the benchmark, as in "scoring".
        results: what was measured; anything that JSON can hold.
        **more: what else to say beside the results, such as the versions of what was compared.
    """
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", **more, results=results)


def write_json(path, **content):
    """Write a file of results under its head.

    Args:
        path: of the file.
        **content: what to say below the day, the machine and the versions.
    """
    head = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in ("tensorflow", "keras", "numpy")},
    }
    path.write_text(json.dumps({**head, **content}, indent=1) + "\n")
