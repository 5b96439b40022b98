/* What each thread does with its time: an account for each, kept by whoever sees the thread change its state.

A thread holds the GIL, waits for it, or is detached. Detached, it runs or is idle, which its CPU clock tells. Reading
that clock is a system call, so an account is settled with it only where at least SETTLE_NS have passed since the last
time; within so short a time CPU time is taken to be spent on holding first.

An account is changed by its own thread, by the sampler, or by who begins or ends an observation, under its lock. */

#ifndef GILFREE_RECORDS_H
#define GILFREE_RECORDS_H

#include <stdlib.h>
#include <string.h>

#include "clocks.h"
#include "gil.h"

enum state { DETACHED, HOLDING, WAITING };
enum use { FREE, LIVE, ENDED };

enum {
    SETTLE_NS = 100000,
    NAME_SIZE = 128,
    FIRST_CELLS = 64,
    MOST_CELLS = 16384,
    MOST_STALLS = 2048,
    MOST_ENDED = 4096,
};

/* A span of a thread's life, from its start to that of the next cell, in seconds; what is not spent is idle. */
struct cell {
    int64_t start;
    float holding, waiting, running;
};

/* Sums from the thread's first event on, in nanoseconds. */
struct sums {
    int64_t holding, waiting, detached, running;
    int64_t held_cpu; /* of the time spent holding, what a CPU was spent on */
    int64_t releases;
    int64_t samples, attached_samples;
};

struct record {
    struct record *next; /* records are never unlisted, but used again */
    gilfree_flag lock;
    enum use use;
    int64_t number; /* one for each thread that ever was */
    unsigned long native_id, ident;
    uintptr_t thread_state;
    char name[NAME_SIZE];
    int64_t born, ended;

    enum state state;
    int64_t since; /* of the state, or of when it was last accounted for */
    struct sums sums;

    int64_t hold_began, longest_hold; /* the longest counts from `marked` on */
    int64_t marked;
    int64_t holds; /* the number of the hold */
    struct place *place; /* where Python was during the hold number placed */
    int64_t placed;

    int64_t cpu, settled_at; /* the CPU clock, and when it was read */
    int64_t unsettled_holding, unsettled_detached;
    int settle_always;
    int gone; /* whether there was no CPU clock any more */

    struct cell *cells;
    int cell_count, cell_room;
};

struct stall {
    int64_t number, start, duration; /* of the record */
    unsigned long ident;
    char name[NAME_SIZE];
    int line;
    char *file, *function; /* NULL where not known */
};

static struct {
    struct record *records; /* a list that only grows at its front */
    gilfree_flag list_lock;
    int64_t threads;
    int ended;
    struct sums folded; /* of ended threads beyond the most that are kept apart */
    int64_t folded_threads;

    gilfree_flag recording; /* whether cells are kept */
    int64_t cells;
    gilfree_flag stall_lock;
    int64_t stall_from; /* the shortest hold to remember; 0: none */
    int stall_count;
    int64_t stalls_dropped;
    struct stall stalls[MOST_STALLS];
} gilfree_accounts;

/* Who goes through the records needs no lock for it: they are never unlisted, and what comes next is never changed. */
static struct record *gilfree_first_record(void) {
    return gilfree_load_pointer(&gilfree_accounts.records);
}

enum { ALL_CELLS = 1 << 20 }; /* of all threads together: 24 MB */

/* Two cells become one: half the resolution, and room for as much again. */
static void gilfree_coarsen(struct record *self) {
    int kept = 0;
    for (int index = 0; index < self->cell_count; index += 2, kept++) {
        struct cell cell = self->cells[index];
        if (index + 1 < self->cell_count) {
            cell.holding += self->cells[index + 1].holding;
            cell.waiting += self->cells[index + 1].waiting;
            cell.running += self->cells[index + 1].running;
        }
        self->cells[kept] = cell;
    }
    self->cell_count = kept;
}

static void gilfree_add_cell(struct record *self, int64_t start, int64_t holding, int64_t waiting, int64_t running) {
    if (self->cell_count == self->cell_room) {
        int room = self->cell_room ? 2 * self->cell_room : FIRST_CELLS;
        struct cell *cells = NULL;
        if (room <= MOST_CELLS && gilfree_read(&gilfree_accounts.cells) + room <= ALL_CELLS)
            cells = realloc(self->cells, (size_t)room * sizeof *cells);
        if (cells != NULL) {
            gilfree_add(&gilfree_accounts.cells, room - self->cell_room);
            self->cells = cells;
            self->cell_room = room;
        } else if (self->cell_room == 0) {
            return;
        } else {
            gilfree_coarsen(self);
        }
    }
    self->cells[self->cell_count++] = (struct cell){start, holding * 1e-9f, waiting * 1e-9f, running * 1e-9f};
}

static void gilfree_drop_cells(struct record *self) {
    gilfree_add(&gilfree_accounts.cells, -(int64_t)self->cell_room);
    free(self->cells);
    self->cells = NULL;
    self->cell_count = self->cell_room = 0;
}

static int64_t gilfree_between(int64_t least, int64_t value, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

/* Splits what is unsettled by the CPU time spent meanwhile. Returns what of it was running. */
static int64_t gilfree_settle(struct record *self, int64_t now, int64_t cpu) {
    int64_t spent = cpu - self->cpu, running = 0;
    if (cpu >= 0) {
        int64_t held = gilfree_between(0, spent, self->unsettled_holding);
        running = gilfree_between(0, spent - held, self->unsettled_detached);
        self->sums.held_cpu += held;
        self->sums.running += running;
        self->cpu = cpu;
    }
    self->gone = cpu < 0;
    self->settled_at = now;
    self->unsettled_holding = self->unsettled_detached = 0;
    return running;
}

static void gilfree_note_stall(struct record *self, int64_t start, int64_t duration) {
    int place = 0;
    gilfree_lock(&gilfree_accounts.stall_lock);
    if (gilfree_accounts.stall_count < MOST_STALLS) {
        place = gilfree_accounts.stall_count++;
    } else { /* the shortest makes room */
        gilfree_accounts.stalls_dropped++;
        for (int index = 1; index < MOST_STALLS; index++)
            if (gilfree_accounts.stalls[index].duration < gilfree_accounts.stalls[place].duration)
                place = index;
        if (gilfree_accounts.stalls[place].duration >= duration)
            place = -1;
    }
    if (place >= 0) {
        struct stall *stall = &gilfree_accounts.stalls[place];
        free(stall->file);
        free(stall->function);
        memset(stall, 0, sizeof *stall);
        stall->number = self->number;
        stall->ident = self->ident;
        stall->start = start;
        stall->duration = duration;
        memcpy(stall->name, self->name, NAME_SIZE);
        if (self->place != NULL && self->placed == self->holds) {
            stall->line = self->place->line;
            stall->file = strdup(self->place->file);
            stall->function = strdup(self->place->function);
        }
    }
    gilfree_unlock(&gilfree_accounts.stall_lock);
}

/* How long the hold that goes on has lasted, as far as it counts. */
static int64_t gilfree_longest_now(const struct record *self, int64_t now) {
    int64_t from = self->hold_began > self->marked ? self->hold_began : self->marked;
    return self->state == HOLDING && now > from ? now - from : 0;
}

/* Accounts for the time until now, and changes the state. The CPU clock is that of the calling thread if `own`. */
static void gilfree_advance(struct record *self, int64_t now, enum state next, int own) {
    if (now < self->since) /* another thread read its clock a little later, and came first */
        now = self->since;
    int64_t start = self->since, spent = now - start, holding = 0, waiting = 0, running = 0;
    switch (self->state) {
    case HOLDING:
        self->sums.holding += holding = spent;
        self->unsettled_holding += spent;
        break;
    case WAITING:
        self->sums.waiting += waiting = spent;
        break;
    case DETACHED:
        self->sums.detached += running = spent;
        self->unsettled_detached += spent;
        break;
    }
    if (now - self->settled_at >= SETTLE_NS || self->settle_always) {
        int64_t settled = gilfree_settle(self, now, own ? gilfree_own_cpu() : gilfree_thread_cpu(self->native_id));
        if (running > settled)
            running = settled;
    }
    if (self->state == HOLDING && next != HOLDING) {
        int64_t hold = now - self->hold_began, counted = gilfree_longest_now(self, now);
        if (counted > self->longest_hold)
            self->longest_hold = counted;
        int64_t from = gilfree_read(&gilfree_accounts.stall_from);
        if (from && hold >= from)
            gilfree_note_stall(self, self->hold_began, hold);
    }
    if (gilfree_load(&gilfree_accounts.recording) && spent > 0)
        gilfree_add_cell(self, start, holding, waiting, running);
    if (next == HOLDING && self->state != HOLDING) {
        self->hold_began = now;
        self->holds++;
    }
    self->since = now;
    self->state = next;
}

/* Sets the account of a thread that was not watched until now. */
static void gilfree_begin_account(struct record *self, int64_t now, enum state state, int own) {
    self->state = state;
    self->since = self->settled_at = self->hold_began = now;
    self->longest_hold = 0;
    self->holds++;
    self->unsettled_holding = self->unsettled_detached = 0;
    self->cpu = own ? gilfree_own_cpu() : gilfree_thread_cpu(self->native_id);
    self->gone = self->cpu < 0;
}

/* Returns the live record of a thread, a new one if there is none; NULL if there is no memory. */
static struct record *gilfree_record(unsigned long native_id, unsigned long ident, int64_t now, enum state state, int own) {
    struct record *found = NULL;
    gilfree_lock(&gilfree_accounts.list_lock);
    for (struct record *record = gilfree_accounts.records; record != NULL; record = record->next)
        if (record->use == LIVE && record->native_id == native_id) {
            gilfree_unlock(&gilfree_accounts.list_lock);
            return record;
        } else if (record->use == FREE) {
            found = record;
        }
    if (found == NULL) {
        found = calloc(1, sizeof *found);
        if (found != NULL) {
            found->next = gilfree_accounts.records;
            gilfree_store_pointer(&gilfree_accounts.records, found);
        }
    }
    if (found != NULL) {
        gilfree_lock(&found->lock);
        struct place *place = found->place;
        int64_t holds = found->holds;
        memset(&found->use, 0, sizeof *found - offsetof(struct record, use));
        found->place = place;
        found->holds = holds;
        found->number = ++gilfree_accounts.threads;
        found->native_id = native_id;
        found->ident = ident;
        found->born = now;
        gilfree_begin_account(found, now, state, own);
        found->use = LIVE;
        gilfree_unlock(&found->lock);
    }
    gilfree_unlock(&gilfree_accounts.list_lock);
    return found;
}

static void gilfree_add_sums(struct sums *total, const struct sums *sums) {
    total->holding += sums->holding;
    total->waiting += sums->waiting;
    total->detached += sums->detached;
    total->running += sums->running;
    total->held_cpu += sums->held_cpu;
    total->releases += sums->releases;
}

/* The thread with this number has ended. Its record is kept for those who observe, if there are not too many. */
static void gilfree_end_record(struct record *self, int64_t number, int keep, int own) {
    gilfree_lock(&gilfree_accounts.list_lock);
    gilfree_lock(&self->lock);
    if (self->use == LIVE && self->number == number) {
        if (keep) {
            int64_t now = gilfree_now();
            self->settle_always = own; /* the clock is about to be gone */
            gilfree_advance(self, now, DETACHED, own);
            self->ended = now;
        }
        if (!keep || gilfree_accounts.ended >= MOST_ENDED) {
            if (keep) {
                gilfree_add_sums(&gilfree_accounts.folded, &self->sums);
                gilfree_accounts.folded_threads++;
            }
            gilfree_drop_cells(self);
            self->use = FREE;
        } else {
            gilfree_accounts.ended++;
            self->use = ENDED;
        }
    }
    gilfree_unlock(&self->lock);
    gilfree_unlock(&gilfree_accounts.list_lock);
}

/* Nobody observes any more: what was kept for it goes. */
static void gilfree_forget(void) {
    gilfree_lock(&gilfree_accounts.list_lock);
    for (struct record *record = gilfree_accounts.records; record != NULL; record = record->next) {
        gilfree_lock(&record->lock);
        gilfree_drop_cells(record);
        if (record->use == ENDED)
            record->use = FREE;
        gilfree_unlock(&record->lock);
    }
    gilfree_accounts.ended = 0;
    gilfree_accounts.folded_threads = 0;
    memset(&gilfree_accounts.folded, 0, sizeof gilfree_accounts.folded);
    gilfree_unlock(&gilfree_accounts.list_lock);
    gilfree_lock(&gilfree_accounts.stall_lock);
    for (int index = 0; index < gilfree_accounts.stall_count; index++) {
        free(gilfree_accounts.stalls[index].file);
        free(gilfree_accounts.stalls[index].function);
        gilfree_accounts.stalls[index].file = gilfree_accounts.stalls[index].function = NULL;
    }
    gilfree_accounts.stall_count = 0;
    gilfree_accounts.stalls_dropped = 0;
    gilfree_unlock(&gilfree_accounts.stall_lock);
}

#endif
