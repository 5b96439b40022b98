"""Look at everything in dist/ and at how the project is kept, with the tools that others judge it by."""

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
SMOKE = """
import gilfree
print(gilfree.__version__, gilfree.edit_distance("kitten", "sitting"), gilfree.count_exact_covers([[1], [2], [1, 2]]))
"""
EXPECTED = "3 2"


def main() -> int:
    """Run every check, and return 1 if any of them failed."""
    sdists, wheels = sorted(DIST.glob("*.tar.gz")), sorted(DIST.glob("*.whl"))
    if not sdists:
        print("check-dist: wanted an sdist in dist/, got none: make sdist", file=sys.stderr)
        return 1
    programs = Path(sys.executable).parent
    checks: dict[str, list[str | Path]] = {
        "twine": [programs / "twine", "check", "--strict", *sdists, *wheels],
        "validate-pyproject": [programs / "validate-pyproject", ROOT / "pyproject.toml"],
        "sp-repo-review": [sys.executable, "-m", "repo_review", ROOT, "--show", "errskip"],
        "zizmor": [programs / "zizmor", "--offline", ROOT / ".github"],
    }
    if wheels:
        checks["check-wheel-contents"] = [programs / "check-wheel-contents", *wheels]
    failed = [name for name, command in checks.items() if not passes(name, command)]
    failed += [f"the bill of {wheel.name}" for wheel in wheels if not has_valid_bill(wheel)]
    failed += [f"a wheel from {sdist.name}" for sdist in sdists if not builds_alone(sdist)]
    count = len(checks) + len(wheels) + len(sdists)
    print(f"failed: {', '.join(failed)}" if failed else f"{count} checks passed")
    return int(bool(failed))


def passes(name: str, command: Sequence[str | Path], folder: Path = ROOT) -> bool:
    """Run a check, whose configuration stands in pyproject.toml."""
    print(f"--- {name}", flush=True)
    return subprocess.run([str(word) for word in command], cwd=folder, check=False).returncode == 0


def has_valid_bill(wheel: Path) -> bool:
    """Look at a wheel's bill of materials, by CycloneDX's own schema."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - the tests of this file do without
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    found = bills(wheel)
    problems = [JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) for bill in found]
    print(f"--- bill of materials of {wheel.name}: {problems if any(problems) else len(found)}", flush=True)
    return bool(found) and not any(problems)


def bills(wheel: Path) -> list[str]:
    """Return the bills of materials in a wheel, which may have entries for folders, too."""
    with zipfile.ZipFile(wheel) as archive:
        return [archive.read(name).decode() for name in archive.namelist() if fnmatch(name, "*.dist-info/sboms/*.json")]


def builds_alone(sdist: Path) -> bool:
    """Build a wheel from an unpacked sdist, far from the checkout, and use it."""
    with tempfile.TemporaryDirectory(prefix="gilfree-sdist-") as folder:
        work = Path(folder)
        with tarfile.open(sdist) as archive:
            archive.extractall(work, filter="data")
        [source] = work.iterdir()
        venv.create(work / "environment", with_pip=True)
        python = work / "environment" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        if not passes("a wheel from the sdist", [python, "-m", "pip", "install", "-q", source], work):
            return False
        used = subprocess.run([python, "-c", SMOKE], cwd=work, capture_output=True, text=True, check=False)
        print(used.stdout + used.stderr, end="", flush=True)
        return used.stdout.strip().endswith(EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
