#define _GNU_SOURCE
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>

#if PY_VERSION_HEX < 0x03100000
    #include <internal/pycore_frame.h>
    #include <internal/pycore_interp.h>
    #include <internal/pycore_runtime.h>
    #if PY_VERSION_HEX >= 0x030E0000
        #include <internal/pycore_interpframe_structs.h>
    #endif
    #define LAYOUT_KNOWN 1
#else
    #define LAYOUT_KNOWN 0
#endif

#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
    #include <sys/uio.h>
    #include <unistd.h>
#elif defined(__APPLE__)
    #include <mach/mach.h>
    #include <mach/mach_vm.h>
#elif defined(_WIN32)
    #include <windows.h>
#endif

#include "gil.h"

int gilfree_copy(void *to, uintptr_t from, size_t size) {
#if defined(__linux__)
    struct iovec local = {to, size}, remote = {(void *)from, size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size;
#elif defined(__APPLE__)
    mach_vm_size_t got = 0;
    return mach_vm_read_overwrite(mach_task_self(), from, size, (mach_vm_address_t)to, &got) == KERN_SUCCESS
        && got == size;
#elif defined(_WIN32)
    SIZE_T got = 0;
    return ReadProcessMemory(GetCurrentProcess(), (const void *)from, to, size, &got) && got == size;
#else
    (void)to, (void)from, (void)size;
    return 0;
#endif
}

int gilfree_gil_is_free_threaded(void) {
#ifdef Py_GIL_DISABLED
    return 1;
#else
    return 0;
#endif
}

/* The list of thread states. Where there is a GIL, who holds it keeps the others from taking themselves off the list;
where there is none, only the runtime's own lock does. */
struct listing {
    PyThreadState *own;
};

#if !defined(Py_GIL_DISABLED)

static int begin_listing(struct listing *listing) {
    (void)listing;
    return 1;
}

static void end_listing(struct listing *listing) {
    (void)listing;
}

#elif LAYOUT_KNOWN

/* Detached, for an attached thread would be detached while it waits for the lock, and could own it when it has to wait
for a stopped world to go on: which may never be, as who stopped it takes this lock, too. */
static int begin_listing(struct listing *listing) {
    /* Its place is no promise, and a patch release could move it. What lies beside it is known. */
    if (_PyRuntime.interpreters.main != PyInterpreterState_Main())
        return 0;
    listing->own = PyEval_SaveThread();
    PyMutex_Lock(&_PyRuntime.interpreters.mutex);
    return 1;
}

static void end_listing(struct listing *listing) {
    PyMutex_Unlock(&_PyRuntime.interpreters.mutex);
    PyEval_RestoreThread(listing->own);
}

#else

static int begin_listing(struct listing *listing) {
    (void)listing;
    return 0;
}

static void end_listing(struct listing *listing) {
    (void)listing;
}

#endif

int gilfree_known_threads(struct known_thread **threads) {
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    int count = 0, room = 0;
    struct listing listing;
    *threads = NULL;
    if (!begin_listing(&listing))
        return 0;
    for (PyThreadState *state = PyInterpreterState_ThreadHead(interpreter); state != NULL; state = state->next) {
        struct known_thread thread = {.thread_state = (uintptr_t)state};
        /* Copied, as each thread writes these when it starts, and no lock of Python's keeps it from doing so just now:
        0 is the number of one that has not. */
        gilfree_copy(&thread.native_id, (uintptr_t)&state->native_thread_id, sizeof thread.native_id);
        gilfree_copy(&thread.ident, (uintptr_t)&state->thread_id, sizeof thread.ident);
        if (thread.native_id == 0 || thread.ident == 0)
            continue;
        if (count == room) {
            struct known_thread *more = realloc(*threads, (size_t)(room += room + 64) * sizeof *more);
            if (more == NULL)
                break;
            *threads = more;
        }
        (*threads)[count++] = thread;
    }
    end_listing(&listing);
    return count;
}

#if LAYOUT_KNOWN

struct gil gilfree_current_gil(void) {
    struct gil gil = {NULL, NULL};
#if PY_VERSION_HEX >= 0x030D0000
    struct _gil_runtime_state *state = PyThreadState_Get()->interp->ceval.gil;
    gil.locked = &state->locked;
    gil.last_holder = &state->last_holder;
#elif PY_VERSION_HEX >= 0x030C0000
    struct _gil_runtime_state *state = PyThreadState_Get()->interp->ceval.gil;
    gil.locked = &state->locked._value;
    gil.last_holder = &state->last_holder._value;
#else
    gil.locked = &_PyRuntime.ceval.gil.locked._value;
    gil.last_holder = &_PyRuntime.ceval.gil.last_holder._value;
#endif
    return gil;
}

int gilfree_is_attached(uintptr_t thread_state, const struct gil *gil) {
#ifdef Py_GIL_DISABLED
    int state;
    (void)gil;
    if (!gilfree_copy(&state, thread_state + offsetof(PyThreadState, state), sizeof state))
        return -1;
    return state == 1; /* _Py_THREAD_ATTACHED */
#else
    return *(const volatile int *)gil->locked > 0 && *(const volatile uintptr_t *)gil->last_holder == thread_state;
#endif
}

/* Reads one member of a structure that may be gone. */
#define READ(variable, address, type, member) \
    gilfree_copy(&(variable), (address) + offsetof(type, member), sizeof(variable))

/* Copies a str as UTF-8, cut where the room ends. */
static int copy_text(uintptr_t text, char *to, size_t room) {
    PyASCIIObject head;
    unsigned char symbols[1024];
    size_t used = 0;
    if (!gilfree_copy(&head, text, sizeof head) || head.ob_base.ob_type != &PyUnicode_Type || !head.state.compact)
        return 0;
    size_t width = head.state.kind;
    if (head.length <= 0 || (width != 1 && width != 2 && width != 4))
        return 0;
    size_t length = (size_t)head.length, most = sizeof symbols / width;
    length = length < most ? length : most;
    uintptr_t data = text + (head.state.ascii ? sizeof(PyASCIIObject) : sizeof(PyCompactUnicodeObject));
    if (!gilfree_copy(symbols, data, length * width))
        return 0;
    for (size_t index = 0; index < length && used + 5 < room; index++) {
        uint32_t symbol = 0;
        memcpy(&symbol, symbols + index * width, width); /* little-endian, as are all processors this runs on */
        if (symbol < 0x80) {
            to[used++] = (char)symbol;
        } else if (symbol < 0x800) {
            to[used++] = (char)(0xC0 | symbol >> 6);
            to[used++] = (char)(0x80 | (symbol & 0x3F));
        } else if (symbol < 0x10000) {
            to[used++] = (char)(0xE0 | symbol >> 12);
            to[used++] = (char)(0x80 | (symbol >> 6 & 0x3F));
            to[used++] = (char)(0x80 | (symbol & 0x3F));
        } else {
            to[used++] = (char)(0xF0 | symbol >> 18);
            to[used++] = (char)(0x80 | (symbol >> 12 & 0x3F));
            to[used++] = (char)(0x80 | (symbol >> 6 & 0x3F));
            to[used++] = (char)(0x80 | (symbol & 0x3F));
        }
    }
    to[used] = 0;
    return 1;
}

/* A position table, read through a window because it may be long, and gone. */
struct table {
    uintptr_t address, end;
    unsigned char window[256];
    size_t place, filled;
};

static int next_byte(struct table *table) {
    if (table->place == table->filled) {
        size_t left = table->end - table->address;
        table->filled = left < sizeof table->window ? left : sizeof table->window;
        table->place = 0;
        if (table->filled == 0 || !gilfree_copy(table->window, table->address, table->filled))
            return -1;
        table->address += table->filled;
    }
    return table->window[table->place++];
}

static int next_number(struct table *table, unsigned *number) {
    int byte = next_byte(table);
    unsigned shift = 0;
    *number = 0;
    while (byte >= 0) {
        if (shift < 32)
            *number |= (unsigned)(byte & 63) << shift;
        if (!(byte & 64))
            return 1;
        shift += 6;
        byte = next_byte(table);
    }
    return 0;
}

/* The line of the code unit with this number; the format is told in CPython's Objects/locations.md. */
static int find_line(struct table *table, int line, int unit) {
    int done = 0;
    for (;;) {
        int entry = next_byte(table), known = 1;
        unsigned number;
        if (entry < 128)
            return 0; /* the end, or nonsense */
        int code = entry >> 3 & 15;
        done += (entry & 7) + 1;
        if (code < 10) {
            if (next_byte(table) < 0)
                return 0;
        } else if (code < 13) {
            line += code - 10;
            if (next_byte(table) < 0 || next_byte(table) < 0)
                return 0;
        } else if (code < 15) {
            if (!next_number(table, &number))
                return 0;
            line += number & 1 ? -(int)(number >> 1) : (int)(number >> 1);
            for (int rest = 0; code == 14 && rest < 3; rest++)
                if (!next_number(table, &number))
                    return 0;
        } else {
            known = 0;
        }
        if (done > unit)
            return known ? line : 0;
    }
}

#if PY_VERSION_HEX >= 0x030D0000
    #define EXECUTABLE f_executable
    #define NEXT_UNIT instr_ptr
#else
    #define EXECUTABLE f_code
    #define NEXT_UNIT prev_instr
#endif

enum { MOST_FRAMES = 64 };

int gilfree_find_place(uintptr_t thread_state, struct place *place) {
    uintptr_t frame;
    memset(place, 0, sizeof *place);
#if PY_VERSION_HEX >= 0x030D0000
    if (!READ(frame, thread_state, PyThreadState, current_frame))
        return 0;
#else
    uintptr_t c_frame;
    if (!READ(c_frame, thread_state, PyThreadState, cframe) || !READ(frame, c_frame, _PyCFrame, current_frame))
        return 0;
#endif
    for (int depth = 0; frame != 0 && depth < MOST_FRAMES; depth++) {
        uintptr_t code, type, unit, text, lines;
        int first_line;
        if (!READ(code, frame, struct _PyInterpreterFrame, EXECUTABLE))
            return 0;
        code &= ~(uintptr_t)7; /* from Python 3.14 on the lowest bits are a tag */
        if (READ(type, code, PyObject, ob_type) && type == (uintptr_t)&PyCode_Type) {
            if (!READ(unit, frame, struct _PyInterpreterFrame, NEXT_UNIT)
                || !READ(first_line, code, PyCodeObject, co_firstlineno))
                return 0;
            if (!READ(text, code, PyCodeObject, co_filename) || !copy_text(text, place->file, sizeof place->file)
                || !READ(text, code, PyCodeObject, co_qualname)
                || !copy_text(text, place->function, sizeof place->function))
                return 0;
            Py_ssize_t size;
            if (!READ(lines, code, PyCodeObject, co_linetable) || !READ(type, lines, PyObject, ob_type)
                || type != (uintptr_t)&PyBytes_Type || !READ(size, lines, PyVarObject, ob_size))
                return 0;
            struct table table = {.address = lines + offsetof(PyBytesObject, ob_sval)};
            table.end = table.address + (uintptr_t)size;
            Py_ssize_t index = (Py_ssize_t)(unit - code - offsetof(PyCodeObject, co_code_adaptive)) / 2;
            if (size > 0 && index >= 0 && index <= INT32_MAX)
                place->line = find_line(&table, first_line, (int)index);
            if (place->line == 0)
                place->line = first_line;
            return 1;
        }
        if (!READ(frame, frame, struct _PyInterpreterFrame, previous))
            return 0;
    }
    return 0;
}

#else

struct gil gilfree_current_gil(void) {
    return (struct gil){NULL, NULL};
}

int gilfree_is_attached(uintptr_t thread_state, const struct gil *gil) {
    (void)thread_state, (void)gil;
    return -1;
}

int gilfree_find_place(uintptr_t thread_state, struct place *place) {
    (void)thread_state;
    memset(place, 0, sizeof *place);
    return 0;
}

#endif
