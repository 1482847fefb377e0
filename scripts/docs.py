"""Writes the parts of the documentation that follow from the code: `scripts/docs`, `scripts/docs --check`.

A generated part of a page stands between two marks, ``<!-- generated: NAME -->`` and ``<!-- end of generated -->``.
Answers of actions come of a run against the emulator, so tests/test_docs.py checks and writes those.
"""

import argparse
from pathlib import Path
import re
import sys

from scripts.doc_tables import PARTS
from scripts.house import ROOT

README = Path("README.md")
FOLDER = Path("docs")
BEGIN = "<!-- generated: "
ANSWER = "answer "
"""What the names of those parts begin with that a test writes."""
_PART = re.compile(r"<!-- generated: (?P<name>[^>]+) -->\n(?P<text>.*?)<!-- end of generated -->\n", re.DOTALL)


def page_paths(root: Path) -> list[Path]:
    """Return the pages that may have generated parts."""
    return [root / README, *sorted((root / FOLDER).glob("*.md"))]


def parts_of(text: str) -> dict[str, str]:
    """Return the generated parts of a page, by name; raises ``ValueError`` for a mark without its other one."""
    found = {match["name"]: match["text"].strip("\n") for match in _PART.finditer(text)}
    if len(found) != text.count(BEGIN) or any(BEGIN in part for part in found.values()):
        raise ValueError("a generated part has no end, or is there twice")
    return found


def with_parts(text: str, parts: dict[str, str]) -> str:
    """Return a page with some of its generated parts replaced."""

    def _replaced(match: re.Match[str]) -> str:
        part = parts.get(match["name"], match["text"].strip("\n"))
        return f"{BEGIN}{match['name']} -->\n\n{part}\n\n<!-- end of generated -->\n"

    return _PART.sub(_replaced, text)


def generate(text: str) -> str:
    """Return a page as it should be; raises ``ValueError`` for a part that nobody knows how to generate."""
    names = [name for name in parts_of(text) if not name.startswith(ANSWER)]
    if unknown := [name for name in names if name not in PARTS]:
        raise ValueError(f"nothing generates {unknown}")
    return with_parts(text, {name: PARTS[name]() for name in names})


def outdated(root: Path = ROOT) -> dict[Path, str]:
    """Return the pages that don't say what the code does, with what they should say."""
    pages: dict[Path, str] = {}
    for path in page_paths(root):
        before = path.read_text(encoding="utf-8")
        try:
            text = generate(before)
        except ValueError as err:
            raise ValueError(f"{path.name}: {err}") from err
        if text != before:
            pages[path] = text
    return pages


def main() -> int:
    """Write what is outdated, or only name it."""
    parser = argparse.ArgumentParser(prog="scripts/docs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something is out of date")
    is_check = parser.parse_args().check
    pages = outdated()
    for path, text in pages.items():
        print(f"docs: {path.name} {'is out of date: run scripts/docs' if is_check else 'written'}", file=sys.stderr)
        if not is_check:
            path.write_text(text, encoding="utf-8")
    return 1 if is_check and pages else 0


if __name__ == "__main__":
    sys.exit(main())
