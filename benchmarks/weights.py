"""What goes to workers that do not share the caller's objects: how many bytes, and how it goes without NumPy."""

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["pickled", "plain"]


def pickled(task: object, pieces: Sequence[Any], results: Sequence[Any], mapped: int | None = None) -> dict[str, int]:
    """Return how many bytes of arguments and of results are pickled in one pass over the pieces.

    With ``mapped``, arrays among the arguments that have more bytes than this go by a file, and only its name counts.
    """
    return {
        "arguments": sum(_weight((task, piece), mapped) for piece in pieces),
        "results": sum(_weight(result, None) for result in results),
    }


def _weight(value: object, mapped: int | None) -> int:
    file = io.BytesIO()
    _Pickler(file, mapped).dump(value)
    return file.tell()


class _Pickler(pickle.Pickler):
    """Leaves out the arrays that go by a file."""

    def __init__(self, file: io.BytesIO, mapped: int | None) -> None:
        super().__init__(file, pickle.DEFAULT_PROTOCOL)
        self._mapped = mapped

    def persistent_id(self, value: object) -> str | None:
        """Return something short for what is not pickled."""
        if self._mapped is not None and isinstance(value, np.ndarray) and value.nbytes > self._mapped:
            return "mapped"
        return None


def plain(value: Any) -> Any:  # noqa: ANN401 - anything
    """Return the same without NumPy: lists for arrays, and Python's numbers for NumPy's."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return value
