/* Preloaded: counts what is allocated and not freed, and lets one allocation fail. For glibc, whose own functions have
   these second names. */

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void __libc_free(void *memory);

long gilfree_before_failure = -1; /* so many allocations succeed, then one fails; negative: none does */
long gilfree_live = 0;

static int fails(void)
{
    if (__atomic_load_n(&gilfree_before_failure, __ATOMIC_RELAXED) < 0)
        return 0;
    if (__atomic_fetch_sub(&gilfree_before_failure, 1, __ATOMIC_RELAXED) != 0)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *memory)
{
    if (memory != NULL)
        __atomic_fetch_add(&gilfree_live, 1, __ATOMIC_RELAXED);
    return memory;
}

void *malloc(size_t size) { return fails() ? NULL : counted(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return fails() ? NULL : counted(__libc_calloc(count, size)); }

void *realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    if (memory == NULL)
        return counted(__libc_realloc(NULL, size));
    return __libc_realloc(memory, size == 0 ? 1 : size);
}

void free(void *memory)
{
    if (memory != NULL)
        __atomic_fetch_sub(&gilfree_live, 1, __ATOMIC_RELAXED);
    __libc_free(memory);
}
