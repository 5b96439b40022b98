"""Saves a timeline, in the format that the file's name asks for."""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gilfree.observe._observation import Observation

__all__ = ["FORMATS", "check_path", "save"]

# Ending: the module that makes the format, imported when it is wanted, and its function.
FORMATS = {
    ".html": ("gilfree.observe._html", "as_html"),
    ".svg": ("gilfree.observe._svg", "as_svg"),
    ".png": ("gilfree.observe._png", "as_png"),
    ".json": ("gilfree.observe._trace", "as_trace"),
}


def save(observation: "Observation", path: str | os.PathLike[str]) -> None:
    """Write the timeline to a file, whole or not at all."""
    target = check_path(path)
    module, name = FORMATS[target.suffix.lower()]
    render: Callable[[Observation], str | bytes] = getattr(import_module(module), name)
    content = render(observation)
    _write(target, content if isinstance(content, bytes) else content.encode(errors="replace"))


def check_path(path: str | os.PathLike[str]) -> Path:
    """Return the path, or say why nothing can be saved there."""
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f"path: wanted a name that ends in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    if suffix == ".png" and find_spec("matplotlib") is None:
        raise ImportError(
            "path: a .png needs matplotlib, which this Python lacks: pip install 'gilfree[plot]'", name="matplotlib"
        )
    return target


def _write(target: Path, content: bytes) -> None:
    target = target.resolve()  # a link stays one
    part = target.with_name(f".gilfree-{token_hex(8)}")
    try:
        part.write_bytes(content)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
