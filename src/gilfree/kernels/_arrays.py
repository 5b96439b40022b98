"""Arrays that kernels are given and return: converted once where need be, checked, kept in place during the call."""

import weakref
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gilfree.kernels._kernel import Work, run
from gilfree.workers import Workers

__all__ = ["Specs", "compute", "float_array"]

Specs: TypeAlias = Sequence[tuple[str, tuple[int, ...], DTypeLike]]

FLOAT64_BYTES = 8
_USABLE = (np.dtype(np.float32), np.dtype(np.float64))


def float_array(name: str, value: object, ndim: int, dtype: "np.dtype[Any] | None" = None) -> NDArray[Any]:
    """Return ``value`` as a C-contiguous, aligned, native array of float32 or float64; no copy where it is one.

    Integers and booleans become float64. Without ``dtype``, float32 stays what it is.
    """
    if type(value) is np.ndarray and value.ndim == ndim and value.dtype in (_USABLE if dtype is None else (dtype,)):
        flags = value.flags
        if flags.c_contiguous and flags.aligned:
            return value  # what follows would come to the same, in several times the time
    try:
        array = np.asarray(value)
    except ValueError as error:  # a ragged list
        raise ValueError(f"{name}: wanted an array of numbers, got what NumPy makes none of ({error})") from None
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > FLOAT64_BYTES:
        raise TypeError(f"{name}: wanted an array of float32 or float64, got dtype {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name}: wanted {ndim} dimension(s), got {array.ndim} (shape {array.shape})")
    if dtype is None:
        dtype = np.dtype(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize < FLOAT64_BYTES else np.float64)
    return np.require(array, dtype, ["C", "A"])


def compute(
    work: Work,
    specs: Specs,
    out: object,
    workers: Workers,
    release_gil: bool | None,  # noqa: FBT001 - the public keyword's value
    *,
    single: bool = False,
) -> Any:  # noqa: ANN401 - an array, or a tuple of them
    """Do the work and return its results: an array for each of ``specs`` (name, shape, dtype), or ``out``.

    ``single``: there is one row, and the results' shapes do not name it.
    """
    inputs = [value for value in work.inputs if type(value) is np.ndarray]
    results = outputs(out, specs, inputs)
    held = hold(inputs if out is None else [*inputs, *results])
    work.outputs = tuple([result[None] for result in results] if single else results)
    run(work, workers, release_gil, shared_out=out is not None)
    del held
    if out is None:
        return results[0] if len(results) == 1 else tuple(results)
    finish(out, results)
    return out if len(results) == 1 else tuple(out)  # type: ignore[arg-type]


def hold(arrays: Sequence[NDArray[Any]]) -> list[object]:
    """Return what keeps the memory of a caller's arrays from moving for as long as the list lives.

    NumPy does not count buffer exports: another thread's ``a.resize(n, refcheck=False)`` frees memory that is in use.
    It does refuse while a weak reference to the owner exists. Arrays over another object's memory hold no export of
    it either, so this takes one: `mmap.close` then raises BufferError.
    """
    held: list[object] = []
    for array in arrays:
        held.append(weakref.ref(array))
        owner: object = array.base
        while isinstance(owner, np.ndarray):
            held.append(weakref.ref(owner))
            owner = owner.base
        if owner is not None:
            try:
                held.append(memoryview(owner))  # type: ignore[arg-type]
            except TypeError:
                held.append(owner)  # it exports no buffer: ctypes, __array_interface__; a reference is all there is
    return held


def outputs(out: object, specs: Specs, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return where a kernel writes its results: the caller's ``out`` where that will do, else new arrays.

    ``specs`` gives name, shape and dtype of each. An ``out`` that a core cannot write to, or that shares memory with an
    input or another output, is checked here and filled by `finish` from a new array, as if it shared none.
    """
    if out is None:
        return [np.empty(shape, dtype) for _, shape, dtype in specs]
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
    return results


def finish(out: object, results: Sequence[NDArray[Any]]) -> None:
    """Copy the results to those of the caller's arrays that they were not written to."""
    for array, result in zip([out] if isinstance(out, np.ndarray) else out, results, strict=True):  # type: ignore[call-overload]
        if array is not result:
            array[...] = result
