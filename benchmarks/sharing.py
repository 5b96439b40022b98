"""Arrays in shared memory: what worker processes are sent is where to find them."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from multiprocessing.shared_memory import SharedMemory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .models import Run
from .problems import Call
from .weights import pickled

__all__ = ["PREFIX", "Place", "Sharing"]

PREFIX = "gilfree"  # of the names of blocks, before the number of the process that made them


@dataclass(frozen=True)
class Place:
    """An array in a block of shared memory."""

    block: str
    shape: tuple[int, ...]
    dtype: str

    def array(self) -> NDArray[Any]:
        """Return the array, in this process."""
        return np.ndarray(self.shape, self.dtype, attached(self.block).buf)


@cache
def attached(block: str) -> SharedMemory:
    """Return a block that another process has made; a worker keeps it for as long as it lives."""
    return SharedMemory(block)


@dataclass(frozen=True)
class SharedTask:
    """Does a piece whose arrays are in shared memory, and leaves the results where it is told."""

    task: Callable[[Call], Any]

    def __call__(self, order: tuple[Call, tuple[Place, ...] | None]) -> Any:  # noqa: ANN401 - what the task returns
        """Return the result; None where it is an array, or a tuple of arrays, and there are places for these."""
        piece, places = order
        result = self.task(replace(piece, args=found(piece.args), kwargs=found(piece.kwargs)))
        if places is None:
            return result
        for place, array in zip(places, arrays_of(result), strict=True):
            place.array()[...] = array
        return None


class Sharing:
    """Runs pieces on worker processes; arrays go through shared memory both ways, all else is pickled.

    Each array is copied to shared memory once, when it is first seen. How large the results of a piece are shows the
    first time, when they are pickled; from then on there is a block for them.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._numbers = count()
        self._blocks: list[SharedMemory] = []
        self._arrays: dict[int, tuple[NDArray[Any], Place]] = {}  # by id, with the array so that it stays its own
        self._pieces: dict[int, tuple[Call, Call]] = {}
        self._places: dict[int, tuple[Place, ...]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        attached.cache_clear()
        for block in self._blocks:
            block.unlink()  # those that have it open, this process included, keep it until they end

    def run(self, task: Callable[[Any], Any], pieces: Sequence[Any]) -> Iterable[Any]:
        """Do the pieces; arrays among the results are valid until the next run."""
        orders = [(self._shared(piece), self._places.get(id(piece))) for piece in pieces]
        for piece, (_, places), result in zip(pieces, orders, self._run(SharedTask(task), orders), strict=True):
            if places is not None:
                arrays = tuple(self._view(place) for place in places)
                yield arrays[0] if len(arrays) == 1 else arrays
                continue
            arrays = arrays_of(result)
            if arrays and id(piece) not in self._places:
                self._places[id(piece)] = tuple(self._place(array) for array in arrays)
            yield result

    def weigh(self, task: Any, pieces: Sequence[Any], results: Sequence[Any]) -> dict[str, int]:  # noqa: ANN401
        """Return what is still pickled."""
        orders = [(self._shared(piece), self._places.get(id(piece))) for piece in pieces]
        left = [result if places is None else None for (_, places), result in zip(orders, results, strict=True)]
        return pickled(SharedTask(task), orders, left)

    def _shared(self, piece: Call) -> Call:
        if id(piece) not in self._pieces:
            shared = replace(piece, args=self._left(piece.args), kwargs=self._left(piece.kwargs))
            self._pieces[id(piece)] = (piece, shared)
        return self._pieces[id(piece)][1]

    def _left(self, value: Any) -> Any:  # noqa: ANN401 - anything
        """Return the same with places instead of arrays."""
        if isinstance(value, np.ndarray) and value.nbytes and not value.dtype.hasobject:
            if id(value) not in self._arrays:
                self._arrays[id(value)] = (value, place := self._place(value))
                self._view(place)[...] = value
            return self._arrays[id(value)][1]
        return within(value, self._left)

    def _place(self, array: NDArray[Any]) -> Place:
        block = SharedMemory(f"{PREFIX}-{os.getpid()}-{next(self._numbers)}", create=True, size=array.nbytes)
        self._blocks.append(block)
        return Place(block.name, array.shape, array.dtype.str)

    def _view(self, place: Place) -> NDArray[Any]:
        block = next(block for block in self._blocks if block.name == place.block)
        return np.ndarray(place.shape, place.dtype, block.buf)


def found(value: Any) -> Any:  # noqa: ANN401 - anything
    """Return the same with arrays instead of places."""
    return value.array() if isinstance(value, Place) else within(value, found)


def within(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - anything
    """Return a tuple or dict with its entries changed; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(map(change, value))
    if isinstance(value, dict):
        return {key: change(entry) for key, entry in value.items()}
    return value


def arrays_of(result: object) -> tuple[NDArray[Any], ...]:
    """Return the arrays that a result consists of; none if there is anything else in it."""
    parts = result if isinstance(result, tuple) else (result,)
    fit = all(isinstance(part, np.ndarray) and part.nbytes and not part.dtype.hasobject for part in parts)
    return parts if fit else ()
