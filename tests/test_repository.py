"""The project's address stands in one place, and `make repository` moves all of it."""

import json
import re
import shutil

import pytest

from chapters import ROOT, chapter_paths, code_sha256
from repository import current_address, owner_and_name, project_files, repoint

OWNER, NAME = "somebody-else", "a.fork_of-it"
ELSEWHERE = f"https://github.com/{OWNER}/{NAME}"  # not spelt out: it would be moved back, too


@pytest.fixture
def copy(tmp_path):
    for path in project_files():
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in project_files(root)}


def test_no_file_points_at_a_copy_of_the_project_under_another_owner():
    owner, name = owner_and_name(current_address())
    link = re.compile(
        rf"(?:github\.com[/:]|/gh/|/github/|status/)([\w-]+)/{re.escape(name)}\b"
        rf"|([\w-]+)\.github\.io/{re.escape(name)}\b".encode()
    )
    for path in project_files():
        owners = {match[1] or match[2] for match in link.finditer(path.read_bytes())}
        assert owners <= {owner.encode()}, path


def test_moving_leaves_no_trace_of_the_old_address(copy):
    owner, name = owner_and_name(current_address())
    repoint(copy, ELSEWHERE)
    # %2F and upper case are how an address would hide from the search
    trace = re.compile(rf"{owner}(/|%2F|\.github\.io/){re.escape(name)}".encode(), re.IGNORECASE)
    for path, content in contents(copy).items():
        assert not trace.search(content), path


def test_moving_there_and_back_gives_the_same_bytes(copy):
    before = contents(copy)
    repoint(copy, ELSEWHERE)
    assert contents(copy) != before
    repoint(copy, current_address())
    assert contents(copy) == before


def test_moving_keeps_the_stamp_of_outputs_that_were_valid_and_no_other(copy):
    def stamps():
        notebooks = [json.loads(path.read_text()) for path in chapter_paths(copy)]
        return [nb["metadata"]["vaelib"]["code_sha256"] == code_sha256(nb) for nb in notebooks]

    stale = chapter_paths(copy)[0]
    notebook = json.loads(stale.read_text())
    next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")["source"] += ["\n1"]
    stale.write_text(json.dumps(notebook))
    before = stamps()
    assert not before[0]
    repoint(copy, ELSEWHERE)
    assert stamps() == before


@pytest.mark.parametrize("ending", ["", "/", ".git"])
def test_addresses_as_people_paste_them_are_understood(ending):
    assert owner_and_name(ELSEWHERE + ending) == (OWNER, NAME)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "somebody/else",
        "http://github.com/a/b",
        "https://gitlab.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/tree/main",
        "https://github.com/a b/c",
    ],
)
def test_other_addresses_are_refused_with_what_was_expected(url):
    with pytest.raises(ValueError, match=r"expected https://github\.com/OWNER/NAME"):
        owner_and_name(url)
