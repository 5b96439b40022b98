"""Mistakes made on purpose: a sanitizer that does not report them is asleep, and that it reports no others is no news.

Compiled with the flags of the sanitized builds, and part of no other.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, uintptr_t
from libc.stdlib cimport free, malloc


def read_past_the_end(Py_ssize_t count):
    """Reads the item after the last of so many."""
    cdef char *items = <char *> malloc(count)
    cdef Py_ssize_t index
    for index in range(count):
        items[index] = 0
    index = items[count]
    free(items)
    return index


def read_after_free(Py_ssize_t count):
    """Reads what it has given back."""
    cdef char *items = <char *> malloc(count)
    items[0] = 0
    free(items)
    return items[0]


def add(int a, int b):
    """Adds what may come to more than an int holds."""
    return a + b


def read_at(bytes data, Py_ssize_t offset):
    """Reads an int32 at any place of the data, also where none may lie."""
    return (<const int32_t *> (<const char *> data + offset))[0]


def to_int(double number):
    """Converts to int a number that may be none."""
    return <int> number


def lose(Py_ssize_t count):
    """Forgets some memory."""
    return <uintptr_t> malloc(count) % 64


def count_up(counter, int times):
    """Counts in memory that threads share and nothing guards."""
    cdef Py_buffer view
    cdef volatile int *count  # else a compiler adds all at once
    PyObject_GetBuffer(counter, &view, PyBUF_WRITABLE)
    count = <volatile int *> view.buf
    with nogil:
        for _ in range(times):
            count[0] += 1
    PyBuffer_Release(&view)


def read_where(bytes data):
    """Reads after the end where the data begin with a word, which nobody guesses who cannot see how far it got."""
    cdef const unsigned char *text = data
    if len(data) < 4:
        return 0
    if text[0] == 71:
        if text[1] == 73:
            if text[2] == 76:
                if text[3] == 33:
                    return read_past_the_end(16)
    return 1
