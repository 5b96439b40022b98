/* Import slots of a loaded ELF object: the places from which its code takes the addresses of other objects' functions.

Replacing what a slot holds diverts all calls that go through it. Only the object that contains CPython is touched, and
in it only the slots of the functions asked for. */

#ifndef GILFREE_SLOTS_H
#define GILFREE_SLOTS_H

#if defined(__linux__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))
#define GILFREE_HAS_SLOTS 1

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { GILFREE_JUMP_SLOT = R_X86_64_JUMP_SLOT, GILFREE_GLOB_DAT = R_X86_64_GLOB_DAT };
#else
enum { GILFREE_JUMP_SLOT = R_AARCH64_JUMP_SLOT, GILFREE_GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

enum { GILFREE_MOST_SLOTS = 4 };

/* The slots for one function; usually there is one. */
struct slots {
    const char *name;
    int count;
    void **places[GILFREE_MOST_SLOTS];
};

struct object {
    uintptr_t inside; /* an address in its code */
    uintptr_t base;
    const ElfW(Phdr) *headers;
    int header_count;
};

static int gilfree_is_object(struct dl_phdr_info *info, size_t size, void *data) {
    struct object *object = data;
    (void)size;
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[index];
        uintptr_t start = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && object->inside >= start && object->inside < start + header->p_memsz) {
            object->base = info->dlpi_addr;
            object->headers = info->dlpi_phdr;
            object->header_count = info->dlpi_phnum;
            return 1;
        }
    }
    return 0;
}

static void gilfree_add_slots(struct object *object, const ElfW(Rela) *table, size_t size, const ElfW(Sym) *symbols,
                              const char *strings, struct slots *wanted, int wanted_count) {
    for (size_t index = 0; index < size / sizeof *table; index++) {
        uint32_t type = ELF64_R_TYPE(table[index].r_info);
        if (type != GILFREE_JUMP_SLOT && type != GILFREE_GLOB_DAT)
            continue;
        const char *name = strings + symbols[ELF64_R_SYM(table[index].r_info)].st_name;
        for (struct slots *slots = wanted; slots < wanted + wanted_count; slots++)
            if (slots->count < GILFREE_MOST_SLOTS && strcmp(name, slots->name) == 0)
                slots->places[slots->count++] = (void **)(object->base + table[index].r_offset);
    }
}

/* Finds the slots of the wanted functions in the object that contains `inside`; returns whether each has one. */
static int gilfree_find_slots(uintptr_t inside, struct object *object, struct slots *wanted, int wanted_count) {
    const ElfW(Dyn) *dynamic = NULL;
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const ElfW(Rela) *tables[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};

    object->inside = inside;
    if (!dl_iterate_phdr(gilfree_is_object, object))
        return 0;
    for (int index = 0; index < object->header_count; index++)
        if (object->headers[index].p_type == PT_DYNAMIC)
            dynamic = (const ElfW(Dyn) *)(object->base + object->headers[index].p_vaddr);
    if (dynamic == NULL)
        return 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        uintptr_t value = dynamic->d_un.d_ptr;
        /* glibc has made the addresses absolute, musl leaves them relative to the object. */
        uintptr_t address = value < object->base ? object->base + value : value;
        switch (dynamic->d_tag) {
        case DT_SYMTAB: symbols = (const void *)address; break;
        case DT_STRTAB: strings = (const void *)address; break;
        case DT_JMPREL: tables[0] = (const void *)address; break;
        case DT_PLTRELSZ: sizes[0] = value; break;
        case DT_RELA: tables[1] = (const void *)address; break;
        case DT_RELASZ: sizes[1] = value; break;
        }
    }
    if (symbols == NULL || strings == NULL)
        return 0;
    for (int index = 0; index < 2; index++)
        if (tables[index] != NULL)
            gilfree_add_slots(object, tables[index], sizes[index], symbols, strings, wanted, wanted_count);
    for (int index = 0; index < wanted_count; index++)
        if (wanted[index].count == 0)
            return 0;
    return 1;
}

static int gilfree_is_inside(const struct object *object, const void *address) {
    for (int index = 0; index < object->header_count; index++) {
        const ElfW(Phdr) *header = &object->headers[index];
        uintptr_t start = object->base + header->p_vaddr;
        if (header->p_type == PT_LOAD && (uintptr_t)address >= start && (uintptr_t)address < start + header->p_memsz)
            return 1;
    }
    return 0;
}

/* Writes to a slot, which the linker may have made read-only after it had filled it (RELRO); it is so again afterwards. */
static int gilfree_set_slot(const struct object *object, void **place, void *function) {
    uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE), address = (uintptr_t)place, page = address & -page_size;
    int read_only = 0;
    for (int index = 0; index < object->header_count; index++) {
        const ElfW(Phdr) *header = &object->headers[index];
        uintptr_t start = object->base + header->p_vaddr;
        /* Whole pages only: what shares the last one with ordinary data stays writable. */
        if (header->p_type == PT_GNU_RELRO && page >= (start & -page_size)
            && page + page_size <= ((start + header->p_memsz) & -page_size))
            read_only = 1;
    }
    if (read_only && mprotect((void *)page, page_size, PROT_READ | PROT_WRITE) != 0)
        return 0;
    __atomic_store_n(place, function, __ATOMIC_RELEASE);
    if (read_only)
        mprotect((void *)page, page_size, PROT_READ);
    return 1;
}

#else
#define GILFREE_HAS_SLOTS 0
#endif

#endif
