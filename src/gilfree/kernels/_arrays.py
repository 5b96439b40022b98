"""Arrays that kernels are given and return: converted once where need be, checked, kept in place during the call."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy import empty, ndarray
from numpy.typing import DTypeLike, NDArray

from gilfree import _kernels
from gilfree._kernels import hold
from gilfree.kernels._kernel import Work, share
from gilfree.watching import watches
from gilfree.workers import Workers

__all__ = ["Specs", "compute", "finish", "float_array", "float_arrays", "outputs", "usable"]

Specs: TypeAlias = tuple[tuple[str, tuple[int, ...], DTypeLike], ...]

FLOAT64_BYTES = 8
FLOAT64, INT32, INT64 = map(np.dtype, (np.float64, np.int32, np.int64))  # to be made arrays of sooner than by type


def usable(value: object, letter: str, ndim: int, itemsize: int) -> TypeGuard[NDArray[Any]]:
    """Return whether a core can use the value as it is: this decides in a tenth of the time that conversion takes."""
    found: bool = _kernels.usable(value, ndarray, letter, ndim, itemsize)
    return found


def _converted(name: str, value: object, ndim: int, itemsize: int) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name}: wanted an array of numbers, got what NumPy makes none of ({error})") from None
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > FLOAT64_BYTES:
        raise TypeError(f"{name}: wanted an array of float32 or float64, got dtype {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name}: wanted {ndim} dimension(s), got {array.ndim} (shape {array.shape})")
    single = array.dtype.kind == "f" and (itemsize or array.dtype.itemsize) < FLOAT64_BYTES
    return np.require(array, np.float32 if single else np.float64, ["C", "A"])


def _made_alike(itemsize: int, *wanted: tuple[str, object, int]) -> list[NDArray[Any]]:
    arrays = [float_array(*one, itemsize) for one in wanted]
    if any(array.dtype != arrays[0].dtype for array in arrays):
        return [array.astype(np.float64, copy=False) for array in arrays]
    return arrays


# float_array(name, value, ndim, itemsize=0) returns the value as a C-contiguous, aligned, native array of float32 or
# float64; no copy where it is one. Integers and booleans become float64. An itemsize of 8 is for float64 only.
float_array: Callable[..., NDArray[Any]] = partial(_kernels.as_it_is, ndarray, "f", _converted)

# float_arrays(itemsize, (name, value, ndim), ...) returns a list of several: with 8, all of float64; with 0, all of
# float32 if they are that, else all of float64.
float_arrays: Callable[..., list[NDArray[Any]]] = partial(_kernels.alike, ndarray, _made_alike)


def _computed(  # noqa: PLR0917 - as `compute` hands them on
    kind: type[Work],
    inputs: tuple[Any, ...],
    rows: int,
    seconds: float,
    specs: Specs,
    out: object,
    workers: Workers,
    release_gil: bool | None,  # noqa: FBT001 - the public keyword's value
    *,
    single: bool = False,
) -> Any:  # noqa: ANN401 - an array, or a tuple of them
    if out is None:
        results = tuple([empty(shape, dtype) for _, shape, dtype in specs])
        held = hold(inputs, ndarray)
    else:
        results = outputs(out, specs, [value for value in inputs if type(value) is ndarray])
        held = hold((*inputs, *results), ndarray)
    to = tuple([result[None] for result in results]) if single else results
    share(kind(inputs, to, rows, seconds), workers, release_gil, shared_out=out is not None)
    del held
    if out is None:
        return results[0] if len(results) == 1 else results
    finish(out, results)
    return out if len(results) == 1 else tuple(out)  # type: ignore[arg-type]


# compute(kind, inputs, rows, seconds, specs, out, workers, release_gil, *, single=False) does this kind of work and
# returns its results: an array for each of the specs (name, shape, dtype), or ``out``. ``single``: there is one row,
# and the shapes do not name it. Positional, because names would take a tenth of a microsecond.
compute: Callable[..., Any] = partial(_kernels.compute, ndarray, empty, watches, _computed)


def outputs(out: object, specs: Specs, inputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Return where a kernel writes its results: the caller's ``out`` where that will do, else new arrays.

    ``specs`` gives name, shape and dtype of each. An ``out`` that a core cannot write to, or that shares memory with an
    input or another output, is checked here and filled by `finish` from a new array, as if it shared none.
    """
    given = [out] if len(specs) == 1 else out
    if not isinstance(given, (list, tuple)) or len(given) != len(specs):
        wanted = ", ".join(name for name, _, _ in specs)
        raise TypeError(f"out: wanted a tuple of {len(specs)} arrays ({wanted}), got {type(out).__name__}")
    taken = list(inputs)
    results = []
    for array, (name, shape, dtype) in zip(given, specs, strict=True):
        label = "out" if len(specs) == 1 else f"out ({name})"
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{label}: wanted a NumPy array, got {type(array).__name__}")
        if array.shape != shape:
            raise ValueError(f"{label}: wanted shape {shape}, got {array.shape}")
        if array.dtype != dtype:
            raise ValueError(f"{label}: wanted dtype {np.dtype(dtype)}, got {array.dtype}")
        if not array.flags.writeable:
            raise ValueError(f"{label}: wanted a writable array, got a read-only one")
        usable = array.flags.carray and not any(np.may_share_memory(array, other) for other in taken)
        results.append(array if usable else np.empty(shape, dtype))
        taken.append(array)
    return tuple(results)


def finish(out: object, results: Sequence[NDArray[Any]]) -> None:
    """Copy the results to those of the caller's arrays that they were not written to."""
    for array, result in zip([out] if isinstance(out, np.ndarray) else out, results, strict=True):  # type: ignore[call-overload]
        if array is not result:
            array[...] = result
