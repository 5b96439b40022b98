"""A thread that rewrites memory while a kernel computes on it, as often as it can, which in Python is hardly ever."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from gilfree.cores.stop cimport load


def disturb(target, values, Py_ssize_t size, flag, uint64_t seed):
    """Writes items of this size, taken from values, to places of target by turns, until the flag is set."""
    cdef Py_buffer views[3]
    cdef uint64_t state = seed | 1, written = 0
    cdef Py_ssize_t places, choices, place, choice
    memset(views, 0, sizeof(views))
    try:
        PyObject_GetBuffer(target, &views[0], PyBUF_WRITABLE)
        PyObject_GetBuffer(values, &views[1], PyBUF_SIMPLE)
        PyObject_GetBuffer(flag, &views[2], PyBUF_SIMPLE)
        if size < 1 or views[0].len < size or views[1].len < size or views[2].len < 4:
            raise ValueError("target, values, size, flag: wanted room for an item in each")
        places, choices = views[0].len // size, views[1].len // size
        with nogil:
            while load(<const int *> views[2].buf) == 0:
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                place, choice = <Py_ssize_t> ((state >> 8) % <uint64_t> places), <Py_ssize_t> (
                    (state >> 40) % <uint64_t> choices
                )
                memcpy(<char *> views[0].buf + place * size, <const char *> views[1].buf + choice * size, size)
                written += 1
        return written
    finally:
        for index in range(3):
            PyBuffer_Release(&views[index])
