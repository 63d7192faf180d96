"""Point every link of the project at another GitHub repository, such as a fork.

The address stands in `_config.yml`; everywhere else it is found by searching for it.
"""

import json
import os
import re
import sys
from pathlib import Path

import yaml

from chapters import ROOT, chapter_paths, code_sha256

ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]*)/([\w.-]+)")
MADE_OR_HIDDEN = re.compile(r"\..*|_build|__pycache__|node_modules|.*\.egg-info")
SHOWN_HIDDEN_FOLDERS = {".github", ".ci"}


def owner_and_name(url):
    """The two parts of a repository's address; `ValueError` where it is not one."""
    match = ADDRESS.fullmatch(url.removesuffix("/").removesuffix(".git"))
    if match is None:
        raise ValueError(f"expected https://github.com/OWNER/NAME (Colab opens no other), got {url!r}")
    return match.groups()


def current_address(root=ROOT):
    return yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"]


def project_files(root=ROOT):
    """Every file of the project itself: neither what make built nor hidden folders of tools."""
    for folder, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in sorted(folders)
            if name in SHOWN_HIDDEN_FOLDERS or not MADE_OR_HIDDEN.fullmatch(name)
        ]
        yield from (Path(folder, name) for name in sorted(names))


def repoint(root, new_url):
    """Rewrite the address in every file under `root`; returns the files that changed."""
    old_owner, old_name = owner_and_name(current_address(root))
    new_owner, new_name = owner_and_name(new_url)
    # OWNER/NAME stands in links to GitHub, Colab and Binder; OWNER.github.io/NAME is the site.
    pattern = re.compile(
        rf"(?<![\w.-]){re.escape(old_owner)}(/|\.github\.io/){re.escape(old_name)}(?![\w-])".encode()
    )
    replacement = rf"{new_owner}\g<1>{new_name}".encode()
    chapters = chapter_paths(root)
    changed = []
    for path in project_files(root):
        old = path.read_bytes()
        new = pattern.sub(replacement, old)
        if new == old:
            continue
        if path in chapters:
            new = restamp(old, new)
        path.write_bytes(new)
        changed.append(path)
    return changed


def restamp(old, new):
    """Carry the outputs' stamp over: only the address in the set-up cell has changed."""
    old_hash, new_hash = (code_sha256(json.loads(text)) for text in (old, new))
    return new.replace(old_hash.encode(), new_hash.encode())


def main():
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("Say where to: make repository URL=https://github.com/OWNER/NAME")
    try:
        changed = repoint(ROOT, sys.argv[1])
    except ValueError as error:
        sys.exit(f"Not a repository's address: {error}")
    for path in changed:
        print(path.relative_to(ROOT))
    print(f"{len(changed)} files now point at {current_address()}")


if __name__ == "__main__":
    main()
