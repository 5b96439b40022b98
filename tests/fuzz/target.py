"""What libFuzzer calls, over and over, in one process: ``python target.py LIBRARY KERNEL [options of libFuzzer]``.

LIBRARY is libFuzzer's, as `run.py` links it. Each input is a call of the kernel, made in one of three ways: as users
make it, and compared with plain arrays and with the twin; while another thread rewrites an argument; or as a call of
``gilfree._kernels`` with an argument that no face would give it.
"""

import ctypes
import math
import os
import sys
import threading
import traceback
import warnings
from array import array
from contextlib import ExitStack, suppress
from unittest import mock

import numpy as np
from harnesses import HARNESSES
from source import WILD, WILD_INDICES, Source

import gilfree
from gilfree import _kernels
from gilfree.kernels import _arrays, exact_cover, pattern_set

REFUSED = (TypeError, ValueError)
# What takes longer is stopped; that it then stops is part of what is tested.
SECONDS = 0.5
REFUSED_BY_CORES = (*REFUSED, OverflowError, MemoryError, BufferError, TimeoutError)


class Wrong(Exception):  # noqa: N818 - what a fuzzer looks for
    pass


class Captured(Exception):  # noqa: N818 - no error
    pass


def outcome(function, args, kwargs):
    """What a call returns, or the class of what it raises."""
    try:
        with gilfree.cancel_scope(timeout=SECONDS):
            return function(*args, **kwargs)
    except REFUSED as error:
        if not str(error):
            raise Wrong("an error without a word") from error
        return type(error)
    except (TimeoutError, MemoryError) as error:
        return type(error)


def same(one, other):
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        equal = isinstance(other, np.ndarray) and one.dtype == other.dtype and one.shape == other.shape
        # A NaN's sign and payload are left open.
        return equal and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


def plain(value):
    """The same arguments in arrays that are laid out as most are."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(plain, value))
    if isinstance(value, np.ndarray):
        return np.array(value, value.dtype.newbyteorder("="), order="C")
    return bytes(value) if isinstance(value, bytearray) else value


def call_as_users_do(case, source):
    options = case.kwargs | {"release_gil": source.choice((None, True, False)), "workers": source.choice((1, 1, 2))}
    got = outcome(case.function, case.args, options)
    expected = outcome(case.function, plain(case.args), case.kwargs)
    if got is TimeoutError or expected is TimeoutError:
        return
    if not same(got, expected):
        raise Wrong(f"{got!r}, and with plain arrays {expected!r}")
    if not isinstance(got, type) and case.same is not None:
        wanted = case.twin(*case.args, **case.kwargs)
        if not case.same(got, wanted):
            raise Wrong(f"{got!r}, and the twin {wanted!r}")


def writable(value):
    """The arrays and bytearrays among the arguments that can be written to."""
    if isinstance(value, (tuple, list)):
        return [found for part in value for found in writable(part)]
    if isinstance(value, bytearray):
        return [value] if value else []
    usable = isinstance(value, np.ndarray) and value.flags.carray and value.size
    return [value] if usable else []


@np.errstate(all="ignore")
def wild_items(target):
    """What is written to an array or bytearray: any numbers of its type."""
    dtype = target.dtype if isinstance(target, np.ndarray) else np.dtype(np.uint8)
    return (WILD if dtype.kind == "f" else WILD_INDICES).astype(dtype)


def call_disturbed(case, source):
    """Call while a thread rewrites an argument: any result will do, and so will an error that says what is wrong."""
    from gilfree import _disturber  # noqa: PLC0415 - part of sanitized builds only

    targets = writable((case.args, tuple(case.kwargs.values())))
    if not targets:
        return
    target = source.choice(targets)
    values = wild_items(target)
    flag = array("i", [0])
    arguments = (memoryview(target).cast("B"), values, values.itemsize, flag, source.below(2**31))
    thread = threading.Thread(target=_disturber.disturb, args=arguments)
    thread.start()
    try:
        for _ in range(8):
            outcome(case.function, case.args, case.kwargs | {"release_gil": True})
    finally:
        _kernels.stop(flag)
        thread.join()


def captured(case):
    """The name of the core that a call ends in, and what it is given."""

    def capture(work, *_, **__):
        raise Captured(work.core, [*work.inputs, *work.outputs])

    with ExitStack() as stack:
        for module in (_arrays, exact_cover, pattern_set):
            stack.enter_context(mock.patch.object(module, "share", capture))
        try:
            case.function(*case.args, **case.kwargs | {"workers": map})  # short calls of one's own do without
        except Captured as found:
            return found.args
        except REFUSED:
            pass
    return None, []


def another_range(_, source):
    return range(source.between(-1, 20), source.choice((0, 1, 5, 40, 2**31, 2**62)), source.choice((1, 1, 2, -1)))


def another_int(_, source):
    return source.choice((0, 1, -1, 2, 7, 2**31 - 1, 2**31, 2**63 - 1, -(2**63), 2**64, True, None))


def another_bytes(value, source):
    changed = bytearray(value)
    for _ in range(source.between(0, 4) if changed else 0):
        changed[source.below(len(changed))] = source.below(256)
    return bytes(changed[: source.below(len(changed) + 1)] if source.chance(3) else changed)


def another_tuple(value, source):
    values = list(value)
    if values:
        place = source.below(len(values))
        values[place] = another(values[place], source)
    return tuple(values)


@np.errstate(all="ignore")
def another_array(value, source):
    changed = np.array(value)
    kind = source.choice(("item", "length", "dtype", "layout", "shape", "read-only"))
    if kind == "item" and changed.size:
        table = WILD if changed.dtype.kind == "f" else WILD_INDICES
        changed.flat[source.below(changed.size)] = np.asarray(source.choice(table)).astype(changed.dtype)
    elif kind == "length":
        changed = changed[: source.below(len(changed) + 1)]
    elif kind == "dtype":
        changed = changed.astype(source.choice(("f4", "f8", "i4", "i8", "u1", "u4", "?", "c8", ">f8", "S8")))
    elif kind == "layout":
        changed = source.laid_out(changed)
    elif kind == "shape":
        changed = changed.reshape(-1)
    else:
        changed.flags.writeable = False
    return changed


OTHERS = {
    range: another_range,
    bool: another_int,
    int: another_int,
    type(None): another_int,
    float: lambda _, source: source.real(),
    bytes: another_bytes,
    bytearray: another_bytes,
    tuple: another_tuple,
    np.ndarray: another_array,
}


def another(value, source):
    """Something else in place of an argument, much like it; a str stays what it is."""
    change = OTHERS.get(type(value))
    return value if change is None else change(value, source)


def raw(name, source):
    """A call of the functions of `_kernels` that faces do not make through `Work`."""
    if name == "exact_cover":
        count, offsets = source.offsets(source.between(0, 12), 4, np.int32)
        arguments = [
            np.array(source.indices(count, 8, np.int32), np.int32),
            np.array(offsets, np.int32),
            source.between(0, 9),
            source.between(0, 9),
            source.choice(((), ((),), ((0,),), ((0, 1), (2,)), ((source.below(14), source.below(14)),))),
            source.choice((None, range(1), range(3))),
            source.choice(("count", "find", "expand")),
            None,
            source.between(0, 4),
            source.choice((-1, 0, 1, 100)),
        ]
        return "exact_cover", arguments
    if name == "pattern_set":
        wide = source.choice((0, 2, 3, 4))
        patterns = tuple({source.text(6, wide=wide) for _ in range(source.between(1, 6))} - {b"", ""})
        automaton = _kernels.pattern_set(patterns)
        text = source.text(60, wide=wide)
        core = source.choice(("pattern_set_count", "pattern_set_find_all"))
        return core, [automaton, text, range(len(text)), source.below(5)]
    if name == "smooth_mesh" and source.below(3):
        count = source.between(0, 12)
        faces = np.array(source.indices(3 * source.between(0, 12), count)).reshape(-1, 3)
        if source.below(2):
            positions = source.floats((count, 3))
            first = [positions, faces, 0.5, source.below(4)]
            spare, moved = np.empty_like(positions, order="C"), np.empty_like(positions, order="C")
            if source.below(2):
                return "smooth_faces", [*first, moved]
            team, starts, offsets = (np.full(size, source.below(3)) for size in (16, count + 1, count + 1))
            team[0] = source.choice((0, 0, 1 << 34, 2 << 34, 3 << 34))
            items, neighbors = (np.full(6 * len(faces), source.below(14), np.int32) for _ in range(2))
            return "smooth_together", [
                *first, source.between(1, 3), team, starts, items, offsets, neighbors, spare, moved
            ]  # fmt: skip
        return "mesh_neighbors", [faces, np.empty(count + 1, np.int64), np.empty(6 * len(faces), np.int32)]
    return captured(HARNESSES[name](source))


def call_core(name, source):
    """Call the compiled function with some argument that no face would pass on."""
    core, arguments = raw(name, source)
    if core is None:
        return
    for _ in range(source.between(1, 2)):
        if arguments:
            place = source.below(len(arguments))
            arguments[place] = another(arguments[place], source)
    stop = array("q", [0, _kernels.clock() + int(SECONDS * 1e9)])
    with suppress(*REFUSED_BY_CORES):
        getattr(_kernels, core)(*arguments, release_gil=bool(source.below(2)), stop=stop)


@np.errstate(all="ignore")  # NumPy warns of signalling NaNs and overflows where arrays are converted
def run_one(name, data):
    source = Source(data)
    if name == "canary":
        from gilfree import _canaries  # noqa: PLC0415 - part of sanitized builds only

        _canaries.read_where(data)
        return
    way = source.below(4)
    if way == 3:
        call_core(name, source)
        return
    case = HARNESSES[name](source)
    (call_disturbed if way == 2 else call_as_users_do)(case, source)


def main():
    library, name, *options = sys.argv[1:]
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module="harnesses|source|__main__")  # this file
    if name == "canary":
        from gilfree import _canaries  # noqa: F401, PLC0415 - libFuzzer counts the edges of what is loaded

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
    def one(address, size):
        try:
            run_one(name, ctypes.string_at(address, size))
        except BaseException:  # noqa: BLE001 - whatever was not expected is what was looked for
            traceback.print_exc()
            sys.stderr.flush()
            os.abort()  # libFuzzer then keeps the input
        return 0

    words = [b"fuzz", *map(str.encode, options)]
    count = ctypes.c_int(len(words))
    argv = ctypes.cast((ctypes.c_char_p * (len(words) + 1))(*words, None), ctypes.c_void_p)
    ctypes.CDLL(library).LLVMFuzzerRunDriver(ctypes.byref(count), ctypes.byref(argv), one)


if __name__ == "__main__":
    main()
