"""Check that a tag may be released, and print what the changelog says about it: ``python tools/release.py v1.2.3``."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def version(root: Path = ROOT) -> str:
    """Return the version, from its one place."""
    text = (root / "src" / "gilfree" / "_version.py").read_text(encoding="utf-8")
    [found] = re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return str(found)


def notes(released: str, root: Path = ROOT) -> str:
    """Return the section of the changelog about a version."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## {re.escape(released)} - \d{{4}}-\d\d-\d\d$"
    parts = re.split(heading, text, maxsplit=1, flags=re.MULTILINE)
    if len(parts) == 1:
        raise ValueError(f'CHANGELOG.md: wanted a section "## {released} - YYYY-MM-DD", got none')
    if said := re.split(r"^## ", parts[1], maxsplit=1, flags=re.MULTILINE)[0].strip():
        return said
    raise ValueError(f"CHANGELOG.md: the section of {released} is empty")


def check(tag: str, root: Path = ROOT) -> str:
    """Return the notes of a release, or raise ValueError that says what to mend."""
    written = version(root)
    if tag != f"v{written}":
        raise ValueError(f"tag: wanted v{written}, as src/gilfree/_version.py has it, got {tag}")
    if re.search("dev|[+]", written):
        raise ValueError(f"version: wanted one that can be released, got {written}")
    cited = re.findall(r"^version: (.+)$", (root / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    if cited != [written]:
        raise ValueError(f"CITATION.cff: wanted version: {written}, got {', '.join(cited) or 'none'}")
    return notes(written, root)


def main(arguments: list[str]) -> int:
    """Print the notes, or what keeps the tag from being released."""
    if len(arguments) != 1:
        print("usage: release.py TAG", file=sys.stderr)
        return 2
    try:
        print(check(arguments[0]))
    except ValueError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
