"""One `def` a kernel: buffers in, buffers out, and the only place that lets the GIL go.

Each function takes its inputs and outputs as C-contiguous buffers, acquires them, runs its core with the GIL held or
released, and turns the core's status into an exception. What the numbers mean is the business of `gilfree.kernels`,
except for some steps that many calls take, and that would take longer in Python than a small kernel: they come first.
No NumPy, no typed memoryview, no global C variable and no extension type in here: the module has to load in
subinterpreters that have a GIL of their own, and with any of these it crashes there (Cython 3.3).
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_STRIDED_RO, PyBUF_WRITABLE
from cpython.bytearray cimport PyByteArray_FromStringAndSize, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.contextvars cimport get_value
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree
from cpython.object cimport PyObject
from cpython.weakref cimport PyWeakref_NewRef
from libc.math cimport INFINITY, isfinite
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport free
from libc.string cimport memset

from gilfree.cores.convolve2d cimport Shape, convolve2d as convolve2d_core
from gilfree.cores.asian_option_price cimport BLOCK, MOMENTS, Option, asian_option_price as asian_option_price_core
from gilfree.cores.edit_distance cimport edit_distance as edit_distance_core, edit_distances as edit_distances_core
from gilfree.cores.exact_cover cimport (
    COUNT,
    EXPAND,
    FIND,
    FOUND,
    NOT_NEEDED,
    UNFINISHED,
    Search,
    discard as discard_search,
)
from gilfree.cores.exact_cover cimport exact_cover as exact_cover_core
from gilfree.cores.hamming_neighbors cimport hamming_neighbors as hamming_neighbors_core
from gilfree.cores.lomb_scargle cimport lomb_scargle as lomb_scargle_core
from gilfree.cores.mandelbrot cimport Picture, mandelbrot as mandelbrot_core
from gilfree.cores.nbody_accelerations cimport nbody_accelerations as nbody_accelerations_core
from gilfree.cores.nearest_neighbors cimport nearest_neighbors as nearest_neighbors_core
from gilfree.cores.pattern_set cimport (
    Automaton,
    Records,
    Trie,
    discard as discard_trie,
    lay_out,
    open_automaton,
    search as search_text,
    size_of,
    write_matches,
)
from gilfree.cores.pattern_set cimport pattern_set as pattern_set_core
from gilfree.cores.shortest_paths cimport shortest_paths as shortest_paths_core
from gilfree.cores.sparse_matvec cimport sparse_matvec as sparse_matvec_core
from gilfree.cores.smooth_mesh cimport ENDS, STEPS, Lists, Mesh, mesh_neighbors as mesh_neighbors_core
from gilfree.cores.smooth_mesh cimport smooth_faces as smooth_faces_core
from gilfree.cores.smooth_mesh cimport smooth_mesh as smooth_mesh_core
from gilfree.cores.smooth_mesh cimport smooth_together as smooth_together_core
from gilfree.cores.stop cimport (
    BAD_AUTOMATON,
    BAD_COLUMN,
    BAD_ERRORS,
    BAD_FREQUENCIES,
    BAD_LOG_INITIAL,
    BAD_LOG_LIKELIHOOD,
    BAD_LOG_TRANSITION,
    BAD_FACE,
    BAD_NEIGHBORS,
    BAD_NODE,
    BAD_OFFSETS,
    BAD_OPTIONS,
    BAD_ROW_OFFSETS,
    BAD_SOURCE,
    BAD_SUBTREE,
    BAD_TIMES,
    BAD_VALUES,
    BODIES_COINCIDE,
    CANCELLED,
    CHANGED,
    FACES_CHANGED,
    INTERRUPTED,
    MASSES_NOT_FINITE,
    NEGATIVE_WEIGHT,
    NO_MEMORY,
    OK,
    PHASES_TOO_LARGE,
    POINTS_NOT_FINITE,
    POSITIONS_NOT_FINITE,
    QUERIES_NOT_FINITE,
    TIMED_OUT,
    TOO_MANY_STATES,
    TOO_MANY_SYMBOLS,
    Poll,
    add,
    load,
    monotonic,
    store_once,
    stopped_by,
    store,
)
from gilfree.cores.team cimport MOST_STAGES, TEAM_WORDS, Team
from gilfree.cores.text cimport Text
from gilfree.cores.viterbi cimport viterbi as viterbi_core

from array import array as make_array
from operator import index as index_of
from threading import main_thread

from gilfree.cancel import Cancelled, current_scope

cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    object PyObject_Vectorcall(object function, PyObject **arguments, size_t count, tuple keywords)
    PyThreadState *PyThreadState_Get()
    unsigned long PyThread_get_thread_ident()
    # The three that `look` calls. It attaches before and detaches after, which the compiler cannot see.
    PyThreadState *PyEval_SaveThread() nogil
    void PyEval_RestoreThread(PyThreadState *thread) nogil
    int PyErr_CheckSignals() nogil
    Py_ssize_t PY_SSIZE_T_MAX

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030C0000
        /* Strings made by functions that Python 3.12 removed have no data yet. */
        #define gilfree_ready(text) PyUnicode_READY(text)
    #else
        #define gilfree_ready(text) 0
    #endif
    """
    int ready "gilfree_ready"(PyObject *text) except -1
    # By borrowed references. Cython would count one more, which is to write to the object.
    PyObject *borrowed "PyTuple_GET_ITEM"(tuple items, Py_ssize_t index)
    bint is_str "PyUnicode_Check"(PyObject *item)
    const void *str_data "PyUnicode_DATA"(PyObject *text)
    Py_ssize_t str_length "PyUnicode_GET_LENGTH"(PyObject *text)
    int str_kind "PyUnicode_KIND"(PyObject *text)

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
        /* An array.array or a memoryview counts its buffers as if there were a GIL, and the flag of a scope is an array
           that all its calls take a buffer of. NumPy's arrays count nothing, and lock themselves: a thread that enters
           the critical section of an object for the second time takes some 40 microseconds in Python 3.13. It yields
           to others until it gives up hope, and gives back what it waits for; from 3.14 on it sees that it need not. */
        static CYTHON_INLINE int gilfree_is_to_lock(PyObject *owner) {
            #if PY_VERSION_HEX < 0x030E0000
                PyBufferProcs *buffers = Py_TYPE(owner)->tp_as_buffer;
                return buffers != NULL && buffers->bf_releasebuffer != NULL;
            #else
                return owner != NULL;
            #endif
        }
        static CYTHON_INLINE int gilfree_get_buffer(PyObject *owner, Py_buffer *view, int flags) {
            int status;
            if (!gilfree_is_to_lock(owner)) return PyObject_GetBuffer(owner, view, flags);
            Py_BEGIN_CRITICAL_SECTION(owner);
            status = PyObject_GetBuffer(owner, view, flags);
            Py_END_CRITICAL_SECTION();
            return status;
        }
        static CYTHON_INLINE void gilfree_release_buffer(Py_buffer *view) {
            PyObject *owner = view->obj;
            if (owner == NULL) return;
            if (!gilfree_is_to_lock(owner)) {
                PyBuffer_Release(view);
                return;
            }
            Py_INCREF(owner);
            Py_BEGIN_CRITICAL_SECTION(owner);
            PyBuffer_Release(view);
            Py_END_CRITICAL_SECTION();
            Py_DECREF(owner);
        }
    #else
        #define gilfree_get_buffer PyObject_GetBuffer
        #define gilfree_release_buffer PyBuffer_Release
    #endif
    """
    int get_buffer "gilfree_get_buffer"(object owner, Py_buffer *view, int flags) except -1
    void release_buffer "gilfree_release_buffer"(Py_buffer *view)

cdef extern from *:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
        static int gilfree_has_v3(void) {
            __builtin_cpu_init();
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
                && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
        }
        static int gilfree_has_v4(void) {
            return gilfree_has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
                && __builtin_cpu_supports("avx512vl");
        }
    #elif defined(_M_X64)
        #include <immintrin.h>
        #include <intrin.h>
        /* AVX needs the processor (CPUID) and the system, which must save the registers (XCR0). */
        static int gilfree_has(unsigned xcr0, int ecx1, int ebx7) {
            int leaf1[4], leaf7[4];
            __cpuid(leaf1, 1);
            __cpuidex(leaf7, 7, 0);
            return (leaf1[2] & ecx1) == ecx1 && (_xgetbv(0) & xcr0) == xcr0 && (leaf7[1] & ebx7) == ebx7;
        }
        static int gilfree_has_v3(void) { return gilfree_has(0x06, 0x18801000, 0x00000128); }
        static int gilfree_has_v4(void) { return gilfree_has(0xe6, 0x18801000, (int)0xd0030128); }
    #else
        static int gilfree_has_v3(void) { return 0; }
        static int gilfree_has_v4(void) { return 0; }
    #endif
    #if defined(__AVX512F__)
        #define GILFREE_LEVEL "v4"
    #elif defined(__AVX2__)
        #define GILFREE_LEVEL "v3"
    #else
        #define GILFREE_LEVEL "baseline"
    #endif
    #if defined(__clang__)
        #define GILFREE_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
        #define GILFREE_COMPILER "gcc " __VERSION__
    #else
        #define GILFREE_COMPILER "MSVC"
    #endif
    """
    bint has_v3 "gilfree_has_v3"()
    bint has_v4 "gilfree_has_v4"()
    const char *LEVEL_NAME "GILFREE_LEVEL"
    const char *COMPILER_NAME "GILFREE_COMPILER"

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
        /* Repeats a declaration of Cython's with more attributes. It says `inline`, which these contradict. */
        #define gilfree_keep_apart(core) ({ \\
            _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \\"-Wattributes\\"") \\
            extern __typeof__(core) core __attribute__((noinline, noclone)); \\
            _Pragma("GCC diagnostic pop") (void)0; })
    #else
        #define gilfree_keep_apart(core) ((void)0)
    #endif
    """
    void keep_apart "gilfree_keep_apart"(...)

# A core is called with the GIL held and released, in two branches, and gcc would compile some into both: calls that are
# compared would then run different machine code.
keep_apart(asian_option_price_core)
keep_apart(convolve2d_core)
keep_apart(edit_distance_core)
keep_apart(edit_distances_core)
keep_apart(exact_cover_core)
keep_apart(hamming_neighbors_core)
keep_apart(lomb_scargle_core)
keep_apart(mandelbrot_core)
keep_apart(mesh_neighbors_core)
keep_apart(nbody_accelerations_core)
keep_apart(nearest_neighbors_core)
keep_apart(pattern_set_core)
keep_apart(shortest_paths_core)
keep_apart(smooth_faces_core)
keep_apart(smooth_mesh_core)
keep_apart(smooth_together_core)
keep_apart(sparse_matvec_core)
keep_apart(viterbi_core)
keep_apart(lay_out)
keep_apart(search_text)
keep_apart(write_matches)

cdef extern from *:
    """
    #define GILFREE_NEVER INT64_MAX
    #define GILFREE_RELEASE_FROM_SECONDS 50e-6
    """
    int64_t NEVER "GILFREE_NEVER"  # the deadline of those that have none
    # A call estimated to take less keeps the GIL when the caller leaves the choice to us. Letting go costs little by
    # itself, but beside a thread that computes in Python, getting the GIL back takes up to a switch interval (5 ms).
    # Measured by benchmarks/thresholds.py.
    const double RELEASE_FROM_SECONDS "GILFREE_RELEASE_FROM_SECONDS"

cdef enum:  # of numbers in a buffer
    FLOAT = 1
    INTEGER = 2
    BYTE = 3  # unsigned

COMPILER = COMPILER_NAME.decode()
LEVEL = LEVEL_NAME.decode()


def supported_levels():
    """The instruction-set levels that this processor and its system can run, lowest first."""
    return ("baseline",) + (("v3",) if has_v3() else ()) + (("v4",) if has_v4() else ())


def clock():
    """The monotonic clock of deadlines, in nanoseconds."""
    return <int64_t> (monotonic() * 1e9)


def stop(flag):
    """Asks every call that was given this flag, a writable buffer as `stop=` takes it, to stop.

    It will raise `Cancelled`, or TimeoutError if its deadline had passed before. For any thread of any interpreter; the
    running calls notice within a millisecond.
    """
    cdef Py_buffer view
    cdef Poll poll
    memset(&view, 0, sizeof(view))
    try:
        take_flag(&poll, &view, flag, writable=True)
        if is_over(&poll) == OK:
            store_once(<int *> poll.flag, CANCELLED)
    finally:
        release_buffer(&view)


def stopped(flag):
    """Why calls that are given this flag stop: "cancelled", "timed out", or None while they go on."""
    cdef Py_buffer view
    cdef Poll poll
    cdef int status
    memset(&view, 0, sizeof(view))
    try:
        take_flag(&poll, &view, flag)
        status = is_over(&poll)
        return None if status == OK else "timed out" if status == TIMED_OUT else "cancelled"
    finally:
        release_buffer(&view)


def progress(flag, int64_t more=0):
    """What has been done by the calls that were given this flag, of three int64, after adding `more` to it."""
    cdef Py_buffer view
    cdef Poll poll
    memset(&view, 0, sizeof(view))
    try:
        take_flag(&poll, &view, flag, writable=True)
        if poll.progress == NULL:
            raise ValueError(f"stop: wanted length 3, for a flag that counts, got {view.shape[0]}")
        return add(poll.progress, more)
    finally:
        release_buffer(&view)


cdef int take_flag(Poll *self, Py_buffer *view, flag, bint writable=False) except -1:
    """Acquires a flag: an int32; or two int64 for the flag and the deadline, or a third that counts what is done."""
    take(view, flag, "stop", INTEGER, 0, 1, writable)
    if view.itemsize == 4 or view.shape[0] != 3:
        want_length(view, "stop", 0, 2 if view.itemsize == 8 else 1)
    cdef int64_t deadline = NEVER
    self.flag = <const int *> view.buf
    self.progress = NULL if view.itemsize == 4 or view.shape[0] == 2 else <int64_t *> view.buf + 2
    if view.itemsize == 8:
        if view.readonly:
            raise TypeError("stop: wanted a writable buffer, since it has a deadline, got a read-only one")
        deadline = (<const int64_t *> view.buf)[1]
    self.deadline = INFINITY if deadline == NEVER else 1e-9 * <double> deadline
    return 0


cdef int is_over(Poll *self) noexcept nogil:
    """Whether the flag is set, or the deadline has passed, of which the flag is to tell from then on."""
    if load(self.flag) == OK and self.deadline < INFINITY and monotonic() >= self.deadline:
        return stopped_by(store_once(<int *> self.flag, TIMED_OUT))
    return stopped_by(load(self.flag))


cdef bint is_inside(part, whole) except -1:
    """Whether an array's memory lies in that of another one; true where neither says."""
    cdef Py_buffer views[2]
    cdef uintptr_t first[2]
    cdef uintptr_t end[2]
    cdef Py_ssize_t reach
    cdef int which, axis
    memset(views, 0, sizeof(views))
    try:
        get_buffer(part, &views[0], PyBUF_STRIDED_RO)
        get_buffer(whole, &views[1], PyBUF_STRIDED_RO)
        for which in range(2):
            first[which] = <uintptr_t> views[which].buf
            end[which] = first[which] + <uintptr_t> views[which].itemsize
            for axis in range(views[which].ndim):
                reach = (views[which].shape[axis] - 1) * views[which].strides[axis]
                if reach < 0:
                    first[which] -= <uintptr_t> -reach
                else:
                    end[which] += <uintptr_t> reach
        return views[0].len == 0 or (first[1] <= first[0] and end[0] <= end[1] and views[1].len != 0)
    except (BufferError, TypeError, ValueError):  # dates, for instance, are in no buffer
        return True
    finally:
        give_back(views, 2)


def hold(tuple values not None, type array not None):
    """What keeps the memory of those values that are NumPy arrays from moving or going away, for as long as it lives.

    NumPy, whose class of arrays is passed because it is not imported here, does not count buffer exports: another
    thread's ``a.resize(n, refcheck=False)`` frees memory that is in use. It does refuse while a weak reference to the
    owner exists. Arrays over another object's memory hold no export of it either, so this takes one: `mmap.close` then
    raises BufferError. A view that is no longer one of its owner's memory, because the owner was resized after the view
    was made, is refused.
    """
    return held_among(values, array) or []


cdef list held_among(tuple values, type array):
    """What `hold` returns, or None where it holds nothing: a list takes longer to make than all of them to look at."""
    cdef list held = None
    for given in values:
        if type(given) is not array:
            continue
        if held is None:
            held = []
        value = owner = given
        while isinstance(value, array):
            held.append(PyWeakref_NewRef(value, None))
            owner, value = value, value.base
        if value is None:
            if owner is not given and not is_inside(given, owner):
                raise ValueError("wanted arrays that are not resized meanwhile, got a view of one that has been")
        else:
            try:
                held.append(memoryview(value))
            except TypeError:
                held.append(value)  # it exports no buffer: ctypes, __array_interface__; a reference is all there is
    return held


cdef bint is_usable(
    value, type array, int kind, int ndim, Py_ssize_t *itemsize, Py_ssize_t *length=NULL
) except -1:
    """Whether a core can use a value as it is: a NumPy array of numbers of this kind and size, as `take` takes them.

    Where `itemsize` is 0, for 4 or 8, it becomes the size found, and `length` that of the first axis.
    """
    cdef Py_buffer view
    cdef bint found
    if type(value) is not array:
        return False
    try:
        get_buffer(value, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    except (BufferError, TypeError, ValueError):
        return False
    found = (
        view.ndim == ndim
        and has_kind(view.format, kind)
        and (view.itemsize == itemsize[0] if itemsize[0] else view.itemsize in (4, 8))
        and (<uintptr_t> view.buf % <uintptr_t> view.itemsize == 0 or view.len == 0)
    )
    if found:
        itemsize[0] = view.itemsize
        if length != NULL:
            length[0] = view.shape[0]
    release_buffer(&view)
    return found


cdef int kind_of(str letter) except -1:
    if letter == "f":
        return FLOAT
    if letter == "i":
        return INTEGER
    if letter == "u":
        return BYTE
    raise ValueError(f'letter: wanted "f", "i" or "u", got {letter!r}')


def usable(value, type array not None, str letter not None, int ndim, Py_ssize_t itemsize=0):
    """Whether a core can use a value as it is: an array of NumPy's class, of numbers of this kind.

    The kind is one of NumPy's letters, "f", "i" or "u"; an itemsize of 0 stands for 4 or 8 bytes.
    """
    return is_usable(value, array, kind_of(letter), ndim, &itemsize)


def as_it_is(type array not None, str letter not None, otherwise, name, value, int ndim, Py_ssize_t itemsize=0):
    """The value where it is `usable`, else ``otherwise(name, value, ndim, itemsize)``."""
    cdef Py_ssize_t found = itemsize
    if is_usable(value, array, kind_of(letter), ndim, &found):
        return value
    return otherwise(name, value, ndim, itemsize)


def alike(type array not None, otherwise, Py_ssize_t itemsize, *wanted):
    """The values of those wanted (name, value, ndim) if `usable` floats, else ``otherwise(itemsize, *wanted)``.

    Of this size all of them, where 0 stands for 4 or 8 bytes.
    """
    cdef Py_ssize_t found = itemsize
    cdef list values = []
    for _, value, ndim in wanted:
        if not is_usable(value, array, FLOAT, ndim, &found):
            return otherwise(itemsize, *wanted)
        values.append(value)
    return values


def csr_as_it_is(value, type array not None, bint with_data):
    """Data, indices, indptr and shape of a sparse matrix whose arrays are `usable` and as long as they have to be.

    None where there is anything else to be said about them; data are None unless `with_data`.
    """
    cdef Py_ssize_t itemsize = 0, stored = 0, offsets = 0, data_itemsize = 0, length = 0
    if isinstance(value, tuple):
        if len(<tuple> value) != 4:
            return None
        data, indices, indptr, shape = <tuple> value
    else:
        try:
            if getattr(value, "format", "csr") != "csr":
                return None
            data, indices, indptr, shape = value.data, value.indices, value.indptr, value.shape
        except AttributeError:
            return None
    if type(shape) is not tuple or len(<tuple> shape) != 2:
        return None
    rows, columns = <tuple> shape
    if type(rows) is not int or type(columns) is not int or columns < 0:
        return None
    if not (
        is_usable(indices, array, INTEGER, 1, &itemsize, &stored)
        and is_usable(indptr, array, INTEGER, 1, &itemsize, &offsets)
        and offsets > 0 and rows == offsets - 1
    ):
        return None
    if not with_data:
        return None, indices, indptr, shape
    if not is_usable(data, array, FLOAT, 1, &data_itemsize, &length) or length != stored:
        return None
    return data, indices, indptr, shape


cdef object integer_from(name, value, least, most, note):
    if type(value) is int and value >= least and (most is None or value <= most):
        return value
    try:
        number = index_of(value)
    except TypeError:
        raise TypeError(f"{name}: wanted an int, got {type(value).__name__}") from None
    if number < least or (most is not None and number > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name}: wanted {bounds}{note}, got {number}")
    return number


cdef object finite_float_from(name, value, double least, double above):
    cdef double number
    if type(value) is float and least <= <double> value < INFINITY and <double> value > above:
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: wanted a float, got {value!r}") from None
    if not isfinite(number) or number < least or number <= above:
        bounds = f" above {above:g}" if above > -INFINITY else f" of {least:g} or more" if least > -INFINITY else ""
        raise ValueError(f"{name}: wanted a finite number{bounds}, got {value!r}")
    return number


def integer(str name not None, value, least, most=None, str note=""):
    """The value as an int from `least` to `most`; `note` tells where the bounds come from."""
    return integer_from(name, value, least, most, note)


def finite_float(str name not None, value, double least=-INFINITY, double above=-INFINITY):
    """The value as a finite float of at least `least`, and greater than `above`."""
    return finite_float_from(name, value, least, above)


def numbers(tuple wanted not None, *values):
    """Several values as `integer` and `finite_float` return them, for much less than so many calls.

    For each there is a row in `wanted`: (name, int, least, most) or (name, float, least, above).
    """
    cdef list found = []
    cdef Py_ssize_t index
    if len(wanted) != len(values):
        raise TypeError(f"values: wanted {len(wanted)}, got {len(values)}")
    for index in range(len(values)):
        name, kind, least, other = <tuple> wanted[index]
        if kind is int:
            found.append(integer_from(name, values[index], least, other, ""))
        else:
            found.append(finite_float_from(name, values[index], least, other))
    return found


cdef enum:
    MOST_ARGUMENTS = 16  # of any function here


def call(str core not None, tuple inputs not None, tuple outputs not None, release_gil):
    """What ``core(*inputs, *outputs, release_gil=release_gil)`` returns, for the core of this name.

    Written so in Python, it makes a list, a tuple and a dict first, and takes as long as two small buffers to acquire.
    """
    return call_core(core, inputs, outputs, release_gil)


cdef object call_core(str core, tuple inputs, tuple outputs, release_gil):
    cdef PyObject *arguments[MOST_ARGUMENTS]
    cdef Py_ssize_t first = len(inputs), index
    if first + len(outputs) >= MOST_ARGUMENTS:
        raise TypeError(f"inputs, outputs: wanted less than {MOST_ARGUMENTS} in all, got {first + len(outputs)}")
    for index in range(first):
        arguments[index] = <PyObject *> inputs[index]  # the tuples keep them
    for index in range(len(outputs)):
        arguments[first + index] = <PyObject *> outputs[index]
    arguments[first + len(outputs)] = <PyObject *> release_gil
    return PyObject_Vectorcall(globals()[core], arguments, first + len(outputs), ("release_gil",))


cdef bint is_released(release_gil, double seconds) except -1:
    return seconds >= RELEASE_FROM_SECONDS if release_gil is None else bool(release_gil)


def releases(release_gil, double seconds):
    """Whether a call of this estimated length lets the GIL go, given what the caller wants, if anything."""
    return is_released(release_gil, seconds)


def compute(
    type array not None, empty, set watches not None, otherwise, kind, tuple inputs not None, rows, double seconds,
    tuple specs not None, out, workers, release_gil, *, bint single=False
):
    """Results of a call that the calling thread makes by itself: new arrays for specs (name, shape, dtype), as filled.

    One array, or a tuple of them, made by ``empty(shape, dtype)``. NumPy arrays among the inputs, whose class is
    passed, are held as by `hold`. All that a small call needs once its arguments are checked: in Python, each step
    would take about as long as the next. With other workers or an `out`, or where anybody watches, it is
    ``otherwise(kind, inputs, rows, seconds, specs, out, workers, release_gil, single=single)``.
    """
    if out is not None or type(workers) is not int or workers != 1 or watches:
        return otherwise(kind, inputs, rows, seconds, specs, out, workers, release_gil, single=single)
    core, release = kind.core, is_released(release_gil, seconds)
    cdef list _held = held_among(inputs, array)
    if len(specs) == 1:
        _, shape, dtype = <tuple> specs[0]
        result = empty(shape, dtype)
        call_core(core, inputs, (result,), release)
        return result
    results = tuple([empty(shape, dtype) for _, shape, dtype in specs])
    call_core(core, inputs, results, release)
    return results


# What the statuses of the cores mean to a caller. INTERRUPTED needs no row: the exception is already set.
ERRORS = {
    CANCELLED: (Cancelled, "the call was asked to stop"),
    TIMED_OUT: (TimeoutError, "the call was stopped at the deadline of its cancel scope"),
    NO_MEMORY: (MemoryError, "not enough memory for the kernel's scratch space"),
    QUERIES_NOT_FINITE: (ValueError, "queries: wanted finite coordinates, got NaN or infinity"),
    POINTS_NOT_FINITE: (ValueError, "points: wanted finite coordinates, got NaN or infinity"),
    BAD_NODE: (ValueError, "graph.indices: wanted node numbers from 0 to n − 1, got one outside"),
    BAD_OFFSETS: (ValueError, "graph.indptr: wanted 0, then numbers that never fall, up to len(indices), got others"),
    BAD_SOURCE: (ValueError, "sources: wanted node numbers from 0 to n − 1, got one outside"),
    CHANGED: (ValueError, "graph: wanted one that stays as it is, got one that another thread changed during the call"),
    NEGATIVE_WEIGHT: (ValueError, "graph.data: wanted weights of 0 or more, got a negative one or NaN"),
    BAD_AUTOMATON: (ValueError, "automaton: wanted what pattern_set made of patterns, got something else"),
    BAD_OPTIONS: (ValueError, "items, offsets: wanted items from 0 to n − 1 and offsets that never fall, got others"),
    BAD_SUBTREE: (ValueError, "paths: wanted options that can be chosen one after the other, got others"),
    TOO_MANY_STATES: (ValueError, "patterns: wanted some eight million symbols at the most, got more"),
    TOO_MANY_SYMBOLS: (ValueError, "patterns: wanted at most 65,535 different symbols, got more"),
    BAD_COLUMN: (ValueError, "matrix.indices: wanted column numbers from 0 to n − 1, got one outside"),
    BAD_ROW_OFFSETS: (
        ValueError, "matrix.indptr: wanted 0, then numbers that never fall, up to len(indices), got others"
    ),
    BAD_TIMES: (ValueError, "times: wanted finite numbers, got NaN or infinity"),
    BAD_VALUES: (ValueError, "values: wanted finite numbers, got NaN or infinity"),
    BAD_ERRORS: (ValueError, "errors: wanted finite numbers above 0, got others"),
    BAD_FREQUENCIES: (ValueError, "frequencies: wanted finite numbers, got NaN or infinity"),
    PHASES_TOO_LARGE: (ValueError, "frequencies: wanted less than 1e15 periods within the times, got more"),
    BAD_LOG_INITIAL: (ValueError, "log_initial: wanted numbers below infinity, got NaN or infinity"),
    BAD_LOG_TRANSITION: (ValueError, "log_transition: wanted numbers below infinity, got NaN or infinity"),
    BAD_LOG_LIKELIHOOD: (ValueError, "log_likelihood: wanted numbers below infinity, got NaN or infinity"),
    POSITIONS_NOT_FINITE: (ValueError, "positions: wanted finite coordinates, got NaN or infinity"),
    MASSES_NOT_FINITE: (ValueError, "masses: wanted finite numbers, got NaN or infinity"),
    BAD_FACE: (ValueError, "faces: wanted vertex numbers from 0 to n − 1, got one outside"),
    FACES_CHANGED: (ValueError, "faces: wanted some that stay as they are, got others during the call"),
    BAD_NEIGHBORS: (ValueError, "offsets, neighbors: wanted what mesh_neighbors writes, got something else"),
    BODIES_COINCIDE: (ValueError, "positions: wanted distinct ones where softening is 0, got two bodies in one place"),
}


cdef int finish(int status) except -1:
    """Raises what `status` stands for."""
    if status == OK:
        return 0
    if status == INTERRUPTED:
        return -1
    error, message = ERRORS[status]
    raise error(message)


cdef enum:
    LONGEST_TEXT = 0x7fffffff  # distances are 32 bits wide
    POLLED_FROM = 100_000  # pairs of symbols; less takes some microseconds
    ANY_TEXT = 0  # what an automaton without patterns is for
    STR = 1
    BYTES = 2
    MOST_NODES = 1 << 30  # of options, or of items: half of what 32 bits can say


cdef bint has_kind(const char *format, int kind) noexcept:
    """Whether a buffer's format, as in the `struct` module, is one native number of this kind."""
    if format == NULL:
        return False
    if format[0] == c"@" or format[0] == c"=":
        format += 1
    if format[0] == 0 or format[1] != 0:
        return False
    if kind == FLOAT:
        return format[0] in (c"f", c"d")
    if kind == BYTE:
        return format[0] == c"B"
    return format[0] in (c"b", c"h", c"i", c"l", c"q", c"n")


cdef int take(
    Py_buffer *view, source, str name, int kind, Py_ssize_t itemsize, int ndim, bint writable=False
) except -1:
    """Acquires the buffer of an argument, which has to be just as the core needs it; itemsize 0 stands for 4 or 8."""
    try:
        get_buffer(source, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0))
    except (BufferError, TypeError, ValueError) as error:
        raise TypeError(f"{name}: wanted a C-contiguous{' writable' * writable} buffer, got {error}") from error
    cdef Py_ssize_t size = itemsize if itemsize != 0 else 4 if view.itemsize == 4 else 8
    if not has_kind(view.format, kind) or view.itemsize != size or view.ndim != ndim:
        raise TypeError(
            f"{name}: wanted {ndim} dimension(s) of {itemsize or '4- or 8'}-byte "
            f"{'floats' if kind == FLOAT else 'integers'}, "
            f"got {view.ndim} of format {view.format.decode() if view.format != NULL else 'B'!r}"
        )
    if <uintptr_t> view.buf % <uintptr_t> size and view.len != 0:  # an empty array.array lies anywhere
        raise ValueError(f"{name}: wanted a buffer aligned to {size} bytes, got address {<uintptr_t> view.buf:#x}")
    return 0


cdef int want_length(Py_buffer *view, str name, int axis, Py_ssize_t length) except -1:
    if view.shape[axis] != length:
        raise ValueError(f"{name}: wanted length {length} along axis {axis}, got {view.shape[axis]}")
    return 0


cdef int want_rows(range rows, Py_ssize_t count) except -1:
    """A range of row numbers: consecutive, and none of them outside."""
    if len(rows) and (rows.step != 1 or rows.start < 0 or rows.stop > count):
        raise ValueError(f"rows: wanted consecutive numbers from 0 to {count - 1}, got {rows}")
    return 0


cdef int raise_not_text(item, str name, Py_ssize_t index, str wanted) except -1:
    place = name if index < 0 else f"{name}[{index}]"
    raise TypeError(f"{place}: wanted {wanted}, got {type(item).__name__}")


cdef inline int read_str(Text *text, PyObject *item) except -1:
    ready(item)
    text.symbols = str_data(item)
    text.length = str_length(item)
    text.width = str_kind(item)
    return 0


cdef int read_text(
    Text *text, Py_buffer *view, item, str name, Py_ssize_t index, bint as_str, int64_t longest=LONGEST_TEXT
) except -1:
    """Describes a str or a bytes-like object to a core; ``view`` holds its buffer where it could change or go away."""
    if isinstance(item, str) != as_str or isinstance(item, memoryview) and item.itemsize != 1:
        raise_not_text(item, name, index, "str" if as_str else "a bytes-like object")
    if as_str:
        read_str(text, <PyObject *> item)
    elif isinstance(item, bytes):
        text.symbols = PyBytes_AS_STRING(item)
        text.length = PyBytes_GET_SIZE(item)
        text.width = 1
    else:
        try:
            get_buffer(item, view, PyBUF_C_CONTIGUOUS)
        except (BufferError, TypeError, ValueError):
            raise_not_text(item, name, index, "a bytes-like object")
        if view.itemsize != 1:
            raise_not_text(item, name, index, "a bytes-like object")
        text.symbols = view.buf
        text.length = view.len
        text.width = 1
    if text.length >= longest:
        place = name if index < 0 else f"{name}[{index}]"
        raise ValueError(f"{place}: wanted less than {longest} symbols, got {text.length}")
    return 0


cdef int read_texts(Text *texts, Py_buffer *views, tuple items, str name, bint as_str) except -1:
    """`read_text` for each item; ``views`` may be NULL where all are to be str.

    Threads that read the same strings would take them from each other's caches if they counted references.
    """
    cdef Py_ssize_t count = len(items), index
    cdef PyObject *item
    for index in range(count):
        item = borrowed(items, index)
        if as_str and is_str(item):
            read_str(&texts[index], item)
            if texts[index].length < LONGEST_TEXT:
                continue
        read_text(&texts[index], NULL if views == NULL else &views[index], <object> item, name, index, as_str)
    return 0


cdef void give_back(Py_buffer *views, int count) noexcept:
    for index in range(count):
        release_buffer(&views[index])


cdef enum:
    LOOK_EVERY_MS = 50


cdef int look(Poll *self) noexcept nogil:
    """Sees to the deadline, and runs Python's pending signal handlers.

    For these the thread attaches where the call had released the GIL.
    """
    cdef double now = monotonic()
    if now >= self.deadline:
        return is_over(self)
    self.next_look = self.deadline
    if not self.signals:
        return OK
    self.next_look = min(self.deadline, now + LOOK_EVERY_MS * 1e-3)
    if self.thread != NULL:
        PyEval_RestoreThread(<PyThreadState *> self.thread)
    cdef int raised = PyErr_CheckSignals()
    if self.thread != NULL:
        PyEval_SaveThread()
    return INTERRUPTED if raised else OK


cdef int begin_short(Poll *self, Py_buffer *view, flag) except -1:
    """As `begin`, for a core that takes so few microseconds that it need not look up from its work."""
    memset(self, 0, sizeof(Poll))
    self.deadline = INFINITY
    if flag is None:
        scope = get_value(current_scope)
        if scope is None:
            return 0
        flag = scope.flag
    take_flag(self, view, flag)
    return finish(is_over(self))


cdef int begin(Poll *self, Py_buffer *view, flag, bint release_gil) except -1:
    """Sets up how the core of the call now beginning is asked to stop, by a flag or else by the caller's cancel scope.

    Raises at once where it already is. `view` keeps the flag in place meanwhile.
    """
    begin_short(self, view, flag)
    if self.deadline < INFINITY:
        self.look = look
        self.next_look = self.deadline
    # Python runs signal handlers on the main thread only; elsewhere there is nothing to look for. A thread that holds
    # the GIL may look nevertheless, at its first poll: most such calls are over before they come to one.
    if not release_gil:
        self.look = look
        self.signals = True
        self.next_look = 0
    elif PyThread_get_thread_ident() == <unsigned long> main_thread().ident:
        self.look = look
        self.signals = True
        self.next_look = min(self.deadline, monotonic() + LOOK_EVERY_MS * 1e-3)
        self.thread = PyThreadState_Get()
    return 0


def asian_option_price(
    range blocks not None, double spot, double strike, double drift, double deviation, int64_t steps, int64_t paths,
    uint64_t seed, bint is_call, bint control, moments, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[2]
    cdef Option option
    cdef Poll poll
    cdef int64_t first_block = blocks.start
    cdef int status
    memset(views, 0, sizeof(views))
    option.spot, option.strike, option.drift, option.deviation = spot, strike, drift, deviation
    option.steps, option.paths, option.seed, option.is_call, option.control = steps, paths, seed, is_call, control
    try:
        take(&views[0], moments, "moments", FLOAT, 8, 2, writable=True)
        want_length(&views[0], "moments", 0, len(blocks))
        want_length(&views[0], "moments", 1, MOMENTS)
        if steps < 1 or paths < 0:
            raise ValueError(f"steps, paths: wanted at least 1 and 0, got {steps} and {paths}")
        want_rows(blocks, paths // BLOCK + (paths % BLOCK > 0))
        begin(&poll, &views[1], stop, release_gil)
        if release_gil:
            with nogil:
                status = asian_option_price_core(
                    &option, first_block, views[0].shape[0], <double *> views[0].buf, &poll
                )
        else:
            status = asian_option_price_core(&option, first_block, views[0].shape[0], <double *> views[0].buf, &poll)
        finish(status)
    finally:
        give_back(views, 2)


def convolve2d(
    range rows not None, image, kernel, Py_ssize_t first_column, result, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[4]
    cdef Shape size, by
    cdef Py_ssize_t first_row = rows.start
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], image, "image", FLOAT, 0, 2)
        take(&views[1], kernel, "kernel", FLOAT, views[0].itemsize, 2)
        take(&views[2], result, "result", FLOAT, views[0].itemsize, 2, writable=True)
        want_length(&views[2], "result", 0, len(rows))
        size.height, size.width = views[0].shape[0], views[0].shape[1]
        by.height, by.width = views[1].shape[0], views[1].shape[1]
        want_within("rows", first_row, views[2].shape[0], size.height, by.height)
        want_within("columns", first_column, views[2].shape[1], size.width, by.width)
        begin(&poll, &views[3], stop, release_gil)
        if release_gil:
            with nogil:
                status = convolve2d_core(
                    views[0].buf, size, views[1].buf, by, views[0].itemsize == 8, first_row, views[2].shape[0],
                    first_column, views[2].shape[1], views[2].buf, &poll,
                )
        else:
            status = convolve2d_core(
                views[0].buf, size, views[1].buf, by, views[0].itemsize == 8, first_row, views[2].shape[0],
                first_column, views[2].shape[1], views[2].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 4)


cdef int want_within(str name, Py_ssize_t first, Py_ssize_t count, Py_ssize_t size, Py_ssize_t by) except -1:
    """That so many rows or columns of a convolution exist."""
    # None of these sums of two lengths can overflow as size_t.
    cdef size_t whole = <size_t> size + <size_t> by
    if whole > 0:
        whole -= 1
    if first < 0 or <size_t> first + <size_t> count > whole:
        raise ValueError(f"{name}: wanted some of the first {whole}, got {count} from number {first} on")
    return 0


def edit_distance(a, b, max_distance=None, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[3]
    cdef Text texts[2]
    cdef Poll poll
    cdef int64_t distance = 0, limit = LONGEST_TEXT if max_distance is None else max_distance
    cdef bint as_str = isinstance(a, str)
    cdef int status
    if limit < 0:
        raise ValueError(f"max_distance: wanted 0 or more, got {limit}")
    limit = min(limit, <int64_t> LONGEST_TEXT)  # to which cores add one
    memset(views, 0, sizeof(views))
    try:
        read_text(&texts[0], &views[0], a, "a", -1, as_str)
        read_text(&texts[1], &views[1], b, "b", -1, as_str)
        if texts[0].length * texts[1].length < POLLED_FROM:
            begin_short(&poll, &views[2], stop)
        else:
            begin(&poll, &views[2], stop, release_gil)
        if release_gil:
            with nogil:
                status = edit_distance_core(&texts[0], &texts[1], limit, &distance, &poll)
        else:
            status = edit_distance_core(&texts[0], &texts[1], limit, &distance, &poll)
        finish(status)
        return distance
    finally:
        give_back(views, 3)


def edit_distances(
    tuple queries not None, tuple choices not None, max_distance, distances, *, bint release_gil=True, stop=None
):
    cdef Py_buffer own[2]
    cdef Py_buffer *views = NULL
    cdef Text *texts = NULL
    cdef Py_ssize_t query_count = len(queries), choice_count = len(choices), index
    cdef Poll poll
    cdef int64_t limit = LONGEST_TEXT if max_distance is None else max_distance
    cdef bint as_str = isinstance(queries[0] if queries else choices[0] if choices else "", str)
    cdef int status
    if limit < 0:
        raise ValueError(f"max_distance: wanted 0 or more, got {limit}")
    limit = min(limit, <int64_t> LONGEST_TEXT)  # to which cores add one
    memset(own, 0, sizeof(own))
    try:
        take(&own[0], distances, "distances", INTEGER, 4, 2, writable=True)
        want_length(&own[0], "distances", 0, query_count)
        want_length(&own[0], "distances", 1, choice_count)
        texts = <Text *> PyMem_RawCalloc(query_count + choice_count, sizeof(Text))
        if texts == NULL:
            raise MemoryError
        if not as_str:  # untouched pages of it cost nothing: bytes need no holding
            views = <Py_buffer *> PyMem_RawCalloc(query_count + choice_count, sizeof(Py_buffer))
            if views == NULL:
                raise MemoryError
        read_texts(texts, views, queries, "queries", as_str)
        read_texts(texts + query_count, NULL if as_str else views + query_count, choices, "choices", as_str)
        begin(&poll, &own[1], stop, release_gil)
        if release_gil:
            with nogil:
                status = edit_distances_core(
                    texts, query_count, texts + query_count, choice_count, limit, <int32_t *> own[0].buf, &poll
                )
        else:
            status = edit_distances_core(
                texts, query_count, texts + query_count, choice_count, limit, <int32_t *> own[0].buf, &poll
            )
        finish(status)
    finally:
        if views != NULL:
            for index in range(query_count + choice_count):
                release_buffer(&views[index])
        PyMem_RawFree(views)
        PyMem_RawFree(texts)
        give_back(own, 2)


def hamming_neighbors(queries, codes, Py_ssize_t k, distances, indices, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[5]
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], queries, "queries", BYTE, 1, 2)
        take(&views[1], codes, "codes", BYTE, 1, 2)
        take(&views[2], distances, "distances", INTEGER, 4, 2, writable=True)
        take(&views[3], indices, "indices", INTEGER, 8, 2, writable=True)
        want_length(&views[1], "codes", 1, views[0].shape[1])
        if views[0].shape[1] >= 2**28:
            raise ValueError(f"queries: wanted less than 2**28 bytes each, got {views[0].shape[1]}")
        if not 1 <= k <= views[1].shape[0]:
            raise ValueError(f"k: wanted 1 to {views[1].shape[0]}, the number of codes, got {k}")
        for output, name in ((2, "distances"), (3, "indices")):
            want_length(&views[output], name, 0, views[0].shape[0])
            want_length(&views[output], name, 1, k)
        begin(&poll, &views[4], stop, release_gil)
        if release_gil:
            with nogil:
                status = hamming_neighbors_core(
                    <const uint8_t *> views[0].buf, views[0].shape[0], <const uint8_t *> views[1].buf,
                    views[1].shape[0], views[0].shape[1], k, <int32_t *> views[2].buf, <int64_t *> views[3].buf, &poll,
                )
        else:
            status = hamming_neighbors_core(
                <const uint8_t *> views[0].buf, views[0].shape[0], <const uint8_t *> views[1].buf,
                views[1].shape[0], views[0].shape[1], k, <int32_t *> views[2].buf, <int64_t *> views[3].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 5)


def read_options(tuple rows not None, dict optional not None):
    """Options, each a tuple of hashable items, as `exact_cover` takes them: the first four of its arguments.

    Items are numbered in the order in which they come, those that are keys of `optional` after all others.
    """
    cdef dict number_of = {}
    cdef Py_ssize_t total = 0, place = 0, index
    cdef int32_t number, primary = 0, secondary = 0
    cdef int32_t *row_of = NULL  # that had the item last, counted from 1
    cdef tuple row
    for row in rows:
        total += len(row)
    if total >= MOST_NODES or len(rows) >= MOST_NODES:
        raise ValueError(f"options: wanted less than {MOST_NODES} of them, and of their items, got more")
    items = PyBytes_FromStringAndSize(NULL, total * sizeof(int32_t))
    offsets = PyBytes_FromStringAndSize(NULL, (len(rows) + 1) * sizeof(int32_t))
    cdef int32_t *item_at = <int32_t *> PyBytes_AS_STRING(items)
    cdef int32_t *offset_at = <int32_t *> PyBytes_AS_STRING(offsets)
    try:
        row_of = <int32_t *> PyMem_RawCalloc(total, sizeof(int32_t))
        if row_of == NULL:
            raise MemoryError
        for index, row in enumerate(rows):
            offset_at[index] = place
            for item in row:
                known = number_of.get(item)
                if known is not None:
                    number = known
                elif optional and item in optional:
                    secondary += 1
                    number = -secondary
                    number_of[item] = number
                else:
                    number = primary
                    primary += 1
                    number_of[item] = number
                if row_of[number if number >= 0 else total + number] == index + 1:
                    raise ValueError(f"options[{index}]: wanted each item once, got {item!r} twice")
                row_of[number if number >= 0 else total + number] = index + 1
                item_at[place] = number
                place += 1
        offset_at[len(rows)] = place
        if secondary:
            for place in range(total):
                if item_at[place] < 0:
                    item_at[place] = primary - 1 - item_at[place]
    finally:
        PyMem_RawFree(row_of)
    return make_array("i", items), make_array("i", offsets), primary + secondary, primary


def exact_cover(
    items, offsets, item_count, primary_count, tuple paths not None=((),), range subtrees=None, str mode="count",
    best=None, int deepest=0, int64_t budget=-1, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[4]
    cdef Search search
    cdef Poll poll
    cdef int32_t *options = NULL
    cdef int64_t *ends = NULL
    cdef Py_ssize_t count = len(paths), total = 0, index, place
    cdef int first_subtree = 0 if subtrees is None else subtrees.start
    cdef int32_t primary, columns
    cdef int status
    memset(views, 0, sizeof(views))
    memset(&search, 0, sizeof(search))
    if mode not in ("count", "find", "expand"):
        raise ValueError(f"mode: wanted count, find or expand, got {mode}")
    if not 0 <= item_count < MOST_NODES:
        raise ValueError(f"item_count: wanted 0 to {MOST_NODES - 1}, got {item_count}")
    if not 0 <= primary_count <= item_count:
        raise ValueError(f"primary_count: wanted 0 to {item_count}, the number of items, got {primary_count}")
    columns, primary = item_count, primary_count
    try:
        take(&views[0], items, "items", INTEGER, 4, 1)
        take(&views[1], offsets, "offsets", INTEGER, 4, 1)
        for index, name in ((0, "items"), (1, "offsets")):
            if views[index].shape[0] >= MOST_NODES:
                raise ValueError(f"{name}: wanted less than {MOST_NODES}, got {views[index].shape[0]}")
        if views[1].shape[0] == 0:
            raise ValueError("offsets: wanted one more than there are options, got none")
        if best is not None:
            take(&views[2], best, "best", INTEGER, 4, 1, writable=True)
            want_length(&views[2], "best", 0, 1)
        for path in paths:
            total += len(path)
        options = <int32_t *> PyMem_RawCalloc(total, sizeof(int32_t))
        ends = <int64_t *> PyMem_RawCalloc(count, sizeof(int64_t))
        if options == NULL or ends == NULL:
            raise MemoryError
        place = 0
        for index in range(count):
            for option in paths[index]:
                if place == total:
                    break
                options[place] = option
                place += 1
            ends[index] = place
        search.mode = COUNT if mode == "count" else FIND if mode == "find" else EXPAND
        search.deepest = deepest
        search.budget = budget
        search.best = <const int *> views[2].buf
        search.stop = &poll
        begin(&poll, &views[3], stop, release_gil)
        if release_gil:
            with nogil:
                status = exact_cover_core(
                    &search, <const int32_t *> views[0].buf, <int32_t> views[0].shape[0],
                    <const int32_t *> views[1].buf, <int32_t> (views[1].shape[0] - 1), columns, primary, options, ends,
                    count, first_subtree,
                )
        else:
            status = exact_cover_core(
                &search, <const int32_t *> views[0].buf, <int32_t> views[0].shape[0],
                <const int32_t *> views[1].buf, <int32_t> (views[1].shape[0] - 1), columns, primary, options, ends,
                count, first_subtree,
            )
        if status == UNFINISHED:
            return False, None
        if status == FOUND and best is not None and load(<const int *> views[2].buf) > search.subtree:
            store(<int *> views[2].buf, search.subtree)
        finish(OK if status == FOUND or status == NOT_NEEDED else status)
        if mode == "count":
            return True, search.count
        covers = []
        place = 0
        while place < search.found_count:
            total = search.found[place]
            covers.append(tuple([search.found[index] for index in range(place + 1, place + 1 + total)]))
            place += 1 + total
        if mode == "expand":
            return True, tuple(covers)
        return True, covers[0] if covers else None
    finally:
        discard_search(&search)
        PyMem_RawFree(ends)
        PyMem_RawFree(options)
        give_back(views, 4)


def mandelbrot(
    range rows not None, Py_ssize_t width, Py_ssize_t height, double real, double imaginary, double side,
    int max_iterations, counts, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[2]
    cdef Picture picture
    cdef Py_ssize_t first_row = rows.start
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    picture.width, picture.height = width, height
    picture.real, picture.imaginary, picture.side = real, imaginary, side
    try:
        take(&views[0], counts, "counts", INTEGER, 4, 2, writable=True)
        want_length(&views[0], "counts", 0, len(rows))
        want_length(&views[0], "counts", 1, width)
        begin(&poll, &views[1], stop, release_gil)
        if release_gil:
            with nogil:
                status = mandelbrot_core(
                    &picture, first_row, views[0].shape[0], max_iterations, <int32_t *> views[0].buf, &poll
                )
        else:
            status = mandelbrot_core(
                &picture, first_row, views[0].shape[0], max_iterations, <int32_t *> views[0].buf, &poll
            )
        finish(status)
    finally:
        give_back(views, 2)


def nbody_accelerations(
    range rows not None, positions, masses, double softening, double gravitational_constant, accelerations, *,
    bint release_gil=True, stop=None
):
    cdef Py_buffer views[4]
    cdef Py_ssize_t first_row = rows.start
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], positions, "positions", FLOAT, 0, 2)
        take(&views[1], masses, "masses", FLOAT, views[0].itemsize, 1)
        take(&views[2], accelerations, "accelerations", FLOAT, views[0].itemsize, 2, writable=True)
        want_length(&views[0], "positions", 1, 3)
        want_length(&views[1], "masses", 0, views[0].shape[0])
        want_length(&views[2], "accelerations", 0, len(rows))
        want_length(&views[2], "accelerations", 1, 3)
        want_rows(rows, views[0].shape[0])
        begin(&poll, &views[3], stop, release_gil)
        if release_gil:
            with nogil:
                status = nbody_accelerations_core(
                    first_row, views[2].shape[0], views[0].buf, views[1].buf, views[0].shape[0],
                    views[0].itemsize == 8, softening, gravitational_constant, views[2].buf, &poll,
                )
        else:
            status = nbody_accelerations_core(
                first_row, views[2].shape[0], views[0].buf, views[1].buf, views[0].shape[0],
                views[0].itemsize == 8, softening, gravitational_constant, views[2].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 4)


def nearest_neighbors(queries, points, Py_ssize_t k, distances, indices, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[5]
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], queries, "queries", FLOAT, 0, 2)
        take(&views[1], points, "points", FLOAT, views[0].itemsize, 2)
        take(&views[2], distances, "distances", FLOAT, views[0].itemsize, 2, writable=True)
        take(&views[3], indices, "indices", INTEGER, 8, 2, writable=True)
        want_length(&views[1], "points", 1, views[0].shape[1])
        if not 1 <= k <= views[1].shape[0]:
            raise ValueError(f"k: wanted 1 to {views[1].shape[0]}, the number of points, got {k}")
        for output, name in ((2, "distances"), (3, "indices")):
            want_length(&views[output], name, 0, views[0].shape[0])
            want_length(&views[output], name, 1, k)
        begin(&poll, &views[4], stop, release_gil)
        if release_gil:
            with nogil:
                status = nearest_neighbors_core(
                    views[0].buf, views[0].shape[0], views[1].buf, views[1].shape[0], views[0].shape[1],
                    views[0].itemsize == 8, k, views[2].buf, <int64_t *> views[3].buf, &poll,
                )
        else:
            status = nearest_neighbors_core(
                views[0].buf, views[0].shape[0], views[1].buf, views[1].shape[0], views[0].shape[1],
                views[0].itemsize == 8, k, views[2].buf, <int64_t *> views[3].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 5)


def pattern_set(tuple patterns not None, *, bint release_gil=True, stop=None):
    cdef Py_buffer view
    cdef Py_buffer *views = NULL
    cdef Text *texts = NULL
    cdef uint32_t *order = NULL
    cdef Py_ssize_t count = len(patterns), place
    cdef bint as_str = count > 0 and isinstance(patterns[0], str)
    cdef int kind = ANY_TEXT if count == 0 else STR if as_str else BYTES
    cdef Trie trie
    cdef Poll poll
    cdef bytes automaton
    cdef void *memory
    cdef int status
    memset(&trie, 0, sizeof(trie))
    memset(&view, 0, sizeof(view))
    for place in range(count):
        if not isinstance(patterns[place], str if as_str else bytes):
            raise_not_text(patterns[place], "patterns", place, "str" if as_str else "bytes")
        if not patterns[place]:
            raise ValueError(f"patterns[{place}]: wanted a symbol or more, got none")
    # Equal ones stay in the order of their numbers. A second sort, in the core, would only be slower.
    numbers = sorted(range(count), key=patterns.__getitem__)
    try:
        texts = <Text *> PyMem_RawCalloc(count, sizeof(Text))
        order = <uint32_t *> PyMem_RawCalloc(count, sizeof(uint32_t))
        if texts == NULL or order == NULL:
            raise MemoryError
        for place in range(count):
            order[place] = numbers[place]
            read_text(&texts[place], views, patterns[order[place]], "patterns", order[place], as_str)
        begin(&poll, &view, stop, release_gil)
        if release_gil:
            with nogil:
                status = pattern_set_core(&trie, texts, order, count, kind, &poll)
        else:
            status = pattern_set_core(&trie, texts, order, count, kind, &poll)
        finish(status)
        automaton = PyBytes_FromStringAndSize(NULL, size_of(&trie))
        memory = PyBytes_AS_STRING(automaton)  # nobody else has seen it yet
        if release_gil:
            with nogil:
                status = lay_out(&trie, memory, &poll)
        else:
            status = lay_out(&trie, memory, &poll)
        finish(status)
        return automaton
    finally:
        discard_trie(&trie)
        PyMem_RawFree(order)
        PyMem_RawFree(texts)
        release_buffer(&view)


cdef extern from *:
    """
    #define GILFREE_MOST_PLACES ((int64_t)1 << 40)
    """
    int64_t MOST_PLACES "GILFREE_MOST_PLACES"  # of a text, that a match can be recorded at


cdef int take_automaton(Automaton *self, Py_buffer *view, automaton, text) except -1:
    """Opens an automaton, and refuses a text of the other kind."""
    try:
        get_buffer(automaton, view, PyBUF_C_CONTIGUOUS)
    except (BufferError, TypeError, ValueError) as error:
        raise TypeError(f"automaton: wanted a C-contiguous buffer, got {error}") from error
    if <uintptr_t> view.buf % 8 != 0:
        raise ValueError(f"automaton: wanted a buffer aligned to 8 bytes, got address {<uintptr_t> view.buf:#x}")
    finish(open_automaton(self, view.buf, view.len))
    if self.header.kind != ANY_TEXT and (self.header.kind == STR) != isinstance(text, str):
        raise_not_text(text, "text", -1, "str" if self.header.kind == STR else "a bytes-like object")
    return 0


cdef int read_ends(Py_ssize_t *start, Py_ssize_t *end, range ends, Py_ssize_t length) except -1:
    if ends is None:
        start[0], end[0] = 0, length
        return 0
    start[0], end[0] = ends.start, ends.stop
    if ends.step != 1 or not 0 <= ends.start <= ends.stop <= length:
        raise ValueError(f"ends: wanted a range of places from 0 to {length}, got {ends}")
    return 0


def pattern_set_count(automaton, text, range ends=None, offset=0, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[3]
    cdef Automaton opened
    cdef Text symbols
    cdef Py_ssize_t start = 0, end = 0
    cdef int64_t total = 0
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take_automaton(&opened, &views[0], automaton, text)
        read_text(&symbols, &views[1], text, "text", -1, isinstance(text, str), MOST_PLACES)
        read_ends(&start, &end, ends, symbols.length)
        begin(&poll, &views[2], stop, release_gil)
        if release_gil:
            with nogil:
                status = search_text(&opened, &symbols, start, end, 0, NULL, &total, &poll)
        else:
            status = search_text(&opened, &symbols, start, end, 0, NULL, &total, &poll)
        finish(status)
        return total
    finally:
        give_back(views, 3)


cdef object room_for(int64_t count):
    """A bytearray for so many int64, whose values are whatever was there before."""
    # Made at its full size, one for which there is no memory is freed before CPython has set its count of exports,
    # and whatever stands there in its place is reported on stderr.
    room = PyByteArray_FromStringAndSize(NULL, 0)
    PyByteArray_Resize(room, count * sizeof(int64_t))
    return room


cdef int take_room(Py_buffer *view, room, int64_t count) except -1:
    """Acquires what is to have room for so many int64."""
    get_buffer(room, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
    if view.len != count * <int64_t> sizeof(int64_t) or <uintptr_t> view.buf % sizeof(int64_t) and count:
        raise ValueError(f"empty: wanted room for {count} aligned numbers of 8 bytes, got {view.len} bytes")
    return 0


def pattern_set_find_all(
    automaton, text, range ends=None, Py_ssize_t offset=0, *, empty=None, dtype=None,
    bint release_gil=True, stop=None
):
    cdef Py_buffer views[5]
    cdef Automaton opened
    cdef Text symbols
    cdef Py_ssize_t start = 0, end = 0
    cdef Records records
    cdef int64_t total = 0
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    memset(&records, 0, sizeof(records))
    try:
        take_automaton(&opened, &views[0], automaton, text)
        read_text(&symbols, &views[1], text, "text", -1, isinstance(text, str), MOST_PLACES)
        read_ends(&start, &end, ends, symbols.length)
        if not 0 <= offset <= MOST_PLACES - symbols.length:
            raise ValueError(f"offset: wanted 0 to {MOST_PLACES - symbols.length}, got {offset}")
        begin(&poll, &views[2], stop, release_gil)
        if release_gil:
            with nogil:
                status = search_text(&opened, &symbols, start, end, offset, &records, &total, &poll)
        else:
            status = search_text(&opened, &symbols, start, end, offset, &records, &total, &poll)
        finish(status)
        if total < 0 or total > PY_SSIZE_T_MAX // <int64_t> sizeof(int64_t):
            raise MemoryError
        patterns = room_for(total) if empty is None else empty(total, dtype)
        starts = room_for(total) if empty is None else empty(total, dtype)
        take_room(&views[3], patterns, total)
        take_room(&views[4], starts, total)
        if release_gil:
            with nogil:
                status = write_matches(
                    &opened, &records, <int64_t *> views[3].buf, <int64_t *> views[4].buf, total, &poll
                )
        else:
            status = write_matches(
                &opened, &records, <int64_t *> views[3].buf, <int64_t *> views[4].buf, total, &poll
            )
        finish(status)
        return patterns, starts
    finally:
        free(records.items)
        give_back(views, 5)


def shortest_paths(
    data, indices, indptr, sources, distances, predecessors=None, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[7]
    cdef Poll poll
    cdef int64_t nodes
    cdef int ndim = 1 if getattr(distances, "ndim", 2) == 1 else 2
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[1], indices, "indices", INTEGER, 0, 1)
        take(&views[2], indptr, "indptr", INTEGER, views[1].itemsize, 1)
        take(&views[3], sources, "sources", INTEGER, 8, 1)
        take(&views[4], distances, "distances", FLOAT, 8, ndim, writable=True)
        nodes = views[4].shape[ndim - 1]
        if nodes >= 2**31:
            raise ValueError(f"distances: wanted fewer than 2**31 nodes, got {nodes}")
        want_length(&views[2], "indptr", 0, nodes + 1)
        if ndim == 1:
            want_length(&views[3], "sources", 0, 1)
        else:
            want_length(&views[4], "distances", 0, views[3].shape[0])
        if data is not None:
            take(&views[0], data, "data", FLOAT, 0, 1)
            want_length(&views[0], "data", 0, views[1].shape[0])
        if predecessors is not None:
            take(&views[5], predecessors, "predecessors", INTEGER, 4, ndim, writable=True)
            if ndim == 2:
                want_length(&views[5], "predecessors", 0, views[3].shape[0])
            want_length(&views[5], "predecessors", ndim - 1, nodes)
        begin(&poll, &views[6], stop, release_gil)
        if release_gil:
            with nogil:
                status = shortest_paths_core(
                    views[0].buf, views[0].itemsize == 8, views[1].buf, views[2].buf, views[1].itemsize == 8,
                    nodes, views[1].shape[0], <const int64_t *> views[3].buf, views[3].shape[0],
                    <double *> views[4].buf, <int32_t *> views[5].buf, &poll,
                )
        else:
            status = shortest_paths_core(
                views[0].buf, views[0].itemsize == 8, views[1].buf, views[2].buf, views[1].itemsize == 8,
                nodes, views[1].shape[0], <const int64_t *> views[3].buf, views[3].shape[0],
                <double *> views[4].buf, <int32_t *> views[5].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 7)


def sparse_matvec(data, indices, starts, ends, x, y, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[7]
    cdef Poll poll
    cdef int ndim = 2 if getattr(x, "ndim", 1) == 2 else 1
    cdef Py_ssize_t rows, vectors = 1
    cdef const void *first_end
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], data, "data", FLOAT, 0, 1)
        take(&views[1], indices, "indices", INTEGER, 0, 1)
        take(&views[2], starts, "starts", INTEGER, views[1].itemsize, 1)
        if ends is None:
            if views[2].shape[0] == 0:
                raise ValueError("starts: wanted one more than there are rows, got none")
            rows = views[2].shape[0] - 1
            first_end = <const char *> views[2].buf + views[2].itemsize
        else:
            take(&views[3], ends, "ends", INTEGER, views[1].itemsize, 1)
            rows = views[2].shape[0]
            want_length(&views[3], "ends", 0, rows)
            first_end = views[3].buf
        take(&views[4], x, "x", FLOAT, 8 if views[0].itemsize == 8 else 0, ndim)
        take(&views[5], y, "y", FLOAT, views[4].itemsize, ndim, writable=True)
        want_length(&views[1], "indices", 0, views[0].shape[0])
        want_length(&views[5], "y", 0, rows)
        if ndim == 2:
            vectors = views[4].shape[1]
            want_length(&views[5], "y", 1, vectors)
        begin(&poll, &views[6], stop, release_gil)
        if release_gil:
            with nogil:
                status = sparse_matvec_core(
                    views[0].buf, views[0].itemsize == 8, views[1].buf, views[2].buf, first_end,
                    views[1].itemsize == 8, rows, views[0].shape[0], views[4].buf, views[4].itemsize == 8,
                    views[4].shape[0], vectors, views[5].buf, &poll,
                )
        else:
            status = sparse_matvec_core(
                views[0].buf, views[0].itemsize == 8, views[1].buf, views[2].buf, first_end,
                views[1].itemsize == 8, rows, views[0].shape[0], views[4].buf, views[4].itemsize == 8,
                views[4].shape[0], vectors, views[5].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 7)


def viterbi(
    log_initial, log_transition, log_likelihood, last, path, log_probabilities, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[7]
    cdef Poll poll
    cdef Py_ssize_t states
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], log_initial, "log_initial", FLOAT, 0, 1)
        take(&views[1], log_transition, "log_transition", FLOAT, views[0].itemsize, 2)
        take(&views[2], log_likelihood, "log_likelihood", FLOAT, views[0].itemsize, 2)
        take(&views[3], last, "last", BYTE, 1, 1)
        take(&views[4], path, "path", INTEGER, 4, 1, writable=True)
        take(&views[5], log_probabilities, "log_probabilities", FLOAT, 8, 1, writable=True)
        states = views[0].shape[0]
        if not 1 <= states <= 0x7fffffff:
            raise ValueError(f"log_initial: wanted 1 to 2**31 - 1 states, got {states}")
        want_length(&views[1], "log_transition", 0, states)
        want_length(&views[1], "log_transition", 1, states)
        want_length(&views[2], "log_likelihood", 1, states)
        for output, name in ((3, "last"), (4, "path"), (5, "log_probabilities")):
            want_length(&views[output], name, 0, views[2].shape[0])
        begin(&poll, &views[6], stop, release_gil)
        if release_gil:
            with nogil:
                status = viterbi_core(
                    views[0].buf, views[1].buf, views[2].buf, views[0].itemsize == 8, states, views[2].shape[0],
                    <const uint8_t *> views[3].buf, <int32_t *> views[4].buf, <double *> views[5].buf, &poll,
                )
        else:
            status = viterbi_core(
                views[0].buf, views[1].buf, views[2].buf, views[0].itemsize == 8, states, views[2].shape[0],
                <const uint8_t *> views[3].buf, <int32_t *> views[4].buf, <double *> views[5].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 7)


def lomb_scargle(
    range rows not None, times, values, frequencies, errors, bint fit_mean, power, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[6]
    cdef Poll poll
    cdef Py_ssize_t first = rows.start, count = len(rows), series = 1
    cdef int ndim = 1 if getattr(values, "ndim", 2) == 1 else 2
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], times, "times", FLOAT, 8, 1)
        take(&views[1], values, "values", FLOAT, 8, ndim)
        take(&views[2], frequencies, "frequencies", FLOAT, 8, 1)
        if errors is not None:
            take(&views[3], errors, "errors", FLOAT, 8, 1)
            want_length(&views[3], "errors", 0, views[0].shape[0])
        take(&views[4], power, "power", FLOAT, 8, ndim, writable=True)
        if views[0].shape[0] == 0:
            raise ValueError("times: wanted at least one, got none")
        want_length(&views[1], "values", ndim - 1, views[0].shape[0])
        if rows.step != 1 or first < 0 or count > views[2].shape[0] or first > views[2].shape[0] - count:
            raise ValueError(f"rows: wanted a range within the {views[2].shape[0]} frequencies, got {rows}")
        want_length(&views[4], "power", 0, count)
        if ndim == 2:
            series = views[1].shape[0]
            want_length(&views[4], "power", 1, series)
        begin(&poll, &views[5], stop, release_gil)
        if release_gil:
            with nogil:
                status = lomb_scargle_core(
                    <const double *> views[0].buf, views[0].shape[0], <const double *> views[1].buf,
                    series, <const double *> views[3].buf, <const double *> views[2].buf,
                    views[2].shape[0], first, count, fit_mean, <double *> views[4].buf, &poll,
                )
        else:
            status = lomb_scargle_core(
                <const double *> views[0].buf, views[0].shape[0], <const double *> views[1].buf,
                series, <const double *> views[3].buf, <const double *> views[2].buf,
                views[2].shape[0], first, count, fit_mean, <double *> views[4].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 6)


cdef int want_ends(Py_buffer *view, str name, Py_ssize_t faces) except -1:
    """Room for the ends of all edges."""
    if view.shape[0] // ENDS != faces or view.shape[0] % ENDS:
        raise ValueError(f"{name}: wanted length 6 for each of {faces} faces, got {view.shape[0]}")
    return 0


def mesh_neighbors(faces, offsets, neighbors, *, bint release_gil=True, stop=None):
    cdef Py_buffer views[4]
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], faces, "faces", INTEGER, 0, 2)
        take(&views[1], offsets, "offsets", INTEGER, 8, 1, writable=True)
        take(&views[2], neighbors, "neighbors", INTEGER, 4, 1, writable=True)
        want_length(&views[0], "faces", 1, 3)
        if not 1 <= views[1].shape[0] <= 2**31:
            raise ValueError(f"offsets: wanted length 1 to 2**31, got {views[1].shape[0]}")
        want_ends(&views[2], "neighbors", views[0].shape[0])
        begin(&poll, &views[3], stop, release_gil)
        if release_gil:
            with nogil:
                status = mesh_neighbors_core(
                    views[0].buf, views[0].itemsize == 8, views[0].shape[0], views[1].shape[0] - 1,
                    <int64_t *> views[1].buf, <int32_t *> views[2].buf, &poll,
                )
        else:
            status = mesh_neighbors_core(
                views[0].buf, views[0].itemsize == 8, views[0].shape[0], views[1].shape[0] - 1,
                <int64_t *> views[1].buf, <int32_t *> views[2].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 4)


def smooth_mesh(
    range rows not None, positions, offsets, neighbors, double factor, int64_t iterations, moved, *,
    bint release_gil=True, stop=None
):
    cdef Py_buffer views[5]
    cdef Mesh mesh
    cdef Py_ssize_t first_row = rows.start
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    try:
        take(&views[0], positions, "positions", FLOAT, 0, 2)
        take(&views[1], offsets, "offsets", INTEGER, 8, 1)
        take(&views[2], neighbors, "neighbors", INTEGER, 4, 1)
        take(&views[3], moved, "moved", FLOAT, views[0].itemsize, 2, writable=True)
        want_length(&views[0], "positions", 1, 3)
        want_length(&views[1], "offsets", 0, views[0].shape[0] + 1)
        want_length(&views[3], "moved", 0, len(rows))
        want_length(&views[3], "moved", 1, 3)
        want_rows(rows, views[0].shape[0])
        if iterations < 0 or iterations > 1 and len(rows) != views[0].shape[0]:
            raise ValueError(f"iterations: wanted 0 or 1, or more of all vertices, got {iterations} of {rows}")
        mesh.vertices, mesh.ends, mesh.factor = views[0].shape[0], views[2].shape[0], factor
        mesh.offsets, mesh.neighbors = <const int64_t *> views[1].buf, <const int32_t *> views[2].buf
        begin(&poll, &views[4], stop, release_gil)
        if release_gil:
            with nogil:
                status = smooth_mesh_core(
                    &mesh, first_row, views[3].shape[0], views[0].buf, views[0].itemsize == 8, iterations,
                    views[3].buf, &poll,
                )
        else:
            status = smooth_mesh_core(
                &mesh, first_row, views[3].shape[0], views[0].buf, views[0].itemsize == 8, iterations,
                views[3].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 5)


def smooth_faces(
    positions, faces, double factor, int64_t iterations, moved, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[4]
    cdef Mesh mesh
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    memset(&mesh, 0, sizeof(mesh))
    try:
        take(&views[0], positions, "positions", FLOAT, 0, 2)
        take(&views[1], faces, "faces", INTEGER, 0, 2)
        take(&views[2], moved, "moved", FLOAT, views[0].itemsize, 2, writable=True)
        want_length(&views[0], "positions", 1, 3)
        want_length(&views[1], "faces", 1, 3)
        want_length(&views[2], "moved", 0, views[0].shape[0])
        want_length(&views[2], "moved", 1, 3)
        if views[0].shape[0] >= 2**31:
            raise ValueError(f"positions: wanted less than 2**31, got {views[0].shape[0]}")
        if iterations < 0:
            raise ValueError(f"iterations: wanted 0 or more, got {iterations}")
        mesh.vertices, mesh.factor = views[0].shape[0], factor
        begin(&poll, &views[3], stop, release_gil)
        if release_gil:
            with nogil:
                status = smooth_faces_core(
                    &mesh, views[1].buf, views[1].itemsize == 8, views[1].shape[0], views[0].buf,
                    views[0].itemsize == 8, iterations, views[2].buf, &poll,
                )
        else:
            status = smooth_faces_core(
                &mesh, views[1].buf, views[1].itemsize == 8, views[1].shape[0], views[0].buf,
                views[0].itemsize == 8, iterations, views[2].buf, &poll,
            )
        finish(status)
    finally:
        give_back(views, 4)


def smooth_together(
    positions, faces, double factor, int64_t iterations, Py_ssize_t calls, team, starts, items, offsets, neighbors,
    spare, moved, *, bint release_gil=True, stop=None
):
    cdef Py_buffer views[10]
    cdef Mesh mesh
    cdef Lists lists
    cdef Poll poll
    cdef int status
    memset(views, 0, sizeof(views))
    memset(&mesh, 0, sizeof(mesh))
    try:
        take(&views[0], positions, "positions", FLOAT, 0, 2)
        take(&views[1], faces, "faces", INTEGER, 0, 2)
        take(&views[2], team, "team", INTEGER, 8, 1, writable=True)
        take(&views[3], starts, "starts", INTEGER, 8, 1, writable=True)
        take(&views[4], items, "items", INTEGER, 4, 1, writable=True)
        take(&views[5], offsets, "offsets", INTEGER, 8, 1, writable=True)
        take(&views[6], neighbors, "neighbors", INTEGER, 4, 1, writable=True)
        take(&views[7], spare, "spare", FLOAT, views[0].itemsize, 2, writable=True)
        take(&views[8], moved, "moved", FLOAT, views[0].itemsize, 2, writable=True)
        if not 1 <= views[0].shape[0] < 2**31:
            raise ValueError(f"positions: wanted 1 to 2**31 - 1, got {views[0].shape[0]}")
        want_length(&views[0], "positions", 1, 3)
        want_length(&views[1], "faces", 1, 3)
        want_length(&views[2], "team", 0, TEAM_WORDS)
        want_length(&views[3], "starts", 0, views[0].shape[0] + 1)
        want_length(&views[5], "offsets", 0, views[0].shape[0] + 1)
        want_ends(&views[4], "items", views[1].shape[0])
        want_ends(&views[6], "neighbors", views[1].shape[0])
        for index, name in ((7, "spare"), (8, "moved")):
            want_length(&views[index], name, 0, views[0].shape[0])
            want_length(&views[index], name, 1, 3)
        if not 1 <= iterations <= MOST_STAGES - STEPS:
            raise ValueError(f"iterations: wanted 1 to {MOST_STAGES - STEPS}, got {iterations}")
        if not 1 <= calls <= 2**16:
            raise ValueError(f"calls: wanted 1 to 2**16, got {calls}")
        mesh.vertices, mesh.factor = views[0].shape[0], factor
        lists.vertices, lists.faces, lists.room = views[0].shape[0], views[1].shape[0], views[4].shape[0]
        lists.starts, lists.items = <int64_t *> views[3].buf, <int32_t *> views[4].buf
        lists.offsets, lists.neighbors = <int64_t *> views[5].buf, <int32_t *> views[6].buf
        begin(&poll, &views[9], stop, release_gil)
        if release_gil:
            with nogil:
                status = smooth_together_core(
                    <Team *> views[2].buf, &mesh, &lists, views[1].buf, views[1].itemsize == 8, views[0].buf,
                    views[0].itemsize == 8, iterations, views[7].buf, views[8].buf, calls, &poll,
                )
        else:
            status = smooth_together_core(
                <Team *> views[2].buf, &mesh, &lists, views[1].buf, views[1].itemsize == 8, views[0].buf,
                views[0].itemsize == 8, iterations, views[7].buf, views[8].buf, calls, &poll,
            )
        finish(status)
    finally:
        give_back(views, 10)
