"""Grade one notebook with otter-grader; `grade.py` starts this in a process of its own.

otter-grader runs a notebook without limits. Here a cell gets so many seconds, and so does every check;
outputs beyond a size are thrown away; the kernel is this Python's, whatever the notebook asks for.
"""

import json
import sys
from pathlib import Path

import nbconvert.preprocessors
import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

BYTES_OF_OUTPUT = 1_000_000

# Runs in the student's kernel. The alarm rings again and again, so that a check that hangs costs that check
# and not those after it. Nothing stays in the student's namespace.
LIMIT_CELLS = """\
def _limit_cells(seconds):
    import signal
    import IPython

    def stop(signum, frame):
        raise TimeoutError(f"stopped after {seconds} seconds; is there a loop that never ends?")

    signal.signal(signal.SIGALRM, stop)
    events = IPython.get_ipython().events
    events.register("pre_run_cell", lambda info: signal.setitimer(signal.ITIMER_REAL, seconds, seconds))
    events.register("post_run_cell", lambda result: signal.setitimer(signal.ITIMER_REAL, 0))

_limit_cells(SECONDS)
del _limit_cells
"""

# A student may have called a variable `open`, or left the folder; otter's last cell needs both.
BEFORE_RESULTS = "from builtins import open\n__import__('os').chdir(FOLDER)\n"


class LimitedExecutor(ExecutePreprocessor):
    seconds_per_cell = None
    bytes_left = BYTES_OF_OUTPUT

    def preprocess(self, nb, resources=None, km=None):
        limits = LIMIT_CELLS.replace("SECONDS", str(self.seconds_per_cell))
        nb.cells.insert(2, nbformat.v4.new_code_cell(limits))  # after otter's own two
        nb.cells[-1].source = BEFORE_RESULTS.replace("FOLDER", repr(str(Path.cwd()))) + nb.cells[-1].source
        nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return super().preprocess(nb, resources, km)

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in {"stream", "display_data", "execute_result", "update_display_data"}:
            self.bytes_left -= len(str(msg["content"]))
            if self.bytes_left < 0:
                return None
        return super().process_message(msg, cell, cell_index)


def hint(message):
    """What a failed check says, without otter's frame around it."""
    said = message.rsplit("\nAssertionError: ", 1)
    if len(said) == 2:
        return said[1].strip()
    return message.split("\n")[-1].strip()


def outcome(results):
    """Points, hints and reading of each question, from otter's results."""
    questions = {}
    for name, file in results.results.items():
        failed = [case for case in file.test_case_results if not case.passed]
        told = [case for case in failed if not case.test_case.hidden] or failed  # the rest would only confuse
        questions[name] = {
            "points": file.score,
            "possible": file.possible,
            "hints": list(dict.fromkeys(hint(case.message) for case in told)),
            "messages": list(dict.fromkeys(case.test_case.failure_message or "" for case in told)),
        }
    return questions


def main():
    submission, autograder, output, seconds = sys.argv[1:]
    LimitedExecutor.seconds_per_cell = float(seconds)
    nbconvert.preprocessors.ExecutePreprocessor = LimitedExecutor  # by this name otter imports it to grade
    from otter.api import grade_submission

    results = grade_submission(submission, autograder, quiet=True)
    if results.has_catastrophic_failure():
        sys.exit(f"the notebook ended without results: {results.catastrophic_error}")
    Path(output).write_text(json.dumps(outcome(results)))


if __name__ == "__main__":
    main()
