/* Holds and releases the GIL for times that it measures itself: what an observer has to find. */

#define _POSIX_C_SOURCE 200809L
#include <Python.h>
#include <sys/mman.h>
#include <time.h>

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* work(hold, release, rounds): holds for `hold` nanoseconds, then releases for `release`, as often as told, and then
holds once more. Returns (held at least, held at most, longest hold at least, at most, all time, releases): the GIL goes
and comes within two calls, between a clock read before and one after. */
static PyObject *work(PyObject *module, PyObject *args) {
    long long hold, release, rounds, least = 0, most = 0, longest_least = 0, longest_most = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "LLL", &hold, &release, &rounds))
        return NULL;
    long long start = now(), before = start, since = start, at, released;
    for (long long round = 0; round <= rounds; round++) {
        PyThreadState *thread = NULL;
        while ((at = now()) - since < hold) {
        }
        released = at;
        if (round < rounds) {
            thread = PyEval_SaveThread();
            released = now();
        }
        least += at - since;
        most += released - before;
        longest_least = at - since > longest_least ? at - since : longest_least;
        longest_most = released - before > longest_most ? released - before : longest_most;
        if (!thread)
            break;
        while ((before = now()) - released < release) {
        }
        PyEval_RestoreThread(thread);
        since = now();
    }
    return Py_BuildValue("LLLLLL", least, most, longest_least, longest_most, at - start, rounds);
}

/* Another tool that replaces the function in an import slot, and calls on to what was there. */
static int (*covered)(void *);
static int (**slot)(void *);

static int cover_function(void *argument) {
    return covered(argument);
}

static int put(int (*function)(void *)) {
    unsigned long long page = (unsigned long long)slot & ~4095ULL;
    if (mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) != 0)
        return 0;
    *slot = function;
    return 1;
}

static PyObject *cover(PyObject *module, PyObject *address) {
    (void)module;
    slot = (int (**)(void *))PyLong_AsVoidPtr(address);
    covered = *slot;
    return PyBool_FromLong(put(cover_function));
}

static PyObject *uncover(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(put(covered));
}

static PyMethodDef methods[] = {
    {"work", work, METH_VARARGS, NULL},
    {"cover", cover, METH_O, NULL},
    {"uncover", uncover, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "known", NULL, 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_known(void) {
    return PyModuleDef_Init(&definition);
}
