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
holds once more. Returns (time held, all time, longest hold, releases). */
static PyObject *work(PyObject *module, PyObject *args) {
    long long hold, release, rounds, held = 0, longest = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "LLL", &hold, &release, &rounds))
        return NULL;
    long long start = now(), since = start, at;
    for (long long round = 0; round <= rounds; round++) {
        while ((at = now()) - since < hold) {
        }
        if (round == rounds)
            break;
        PyThreadState *thread = PyEval_SaveThread();
        long long released = now();
        while (now() - released < release) {
        }
        /* Somebody else may have got the CPU right after the GIL was let go. */
        long long end = released - at < 50000 ? released : at;
        held += end - since;
        longest = end - since > longest ? end - since : longest;
        PyEval_RestoreThread(thread);
        since = now();
    }
    held += at - since;
    longest = at - since > longest ? at - since : longest;
    return Py_BuildValue("LLLL", held, at - start, longest, rounds);
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
