/* Clocks, threads and atomics, as each system has them. Times are in nanoseconds.

gilfree_load, _store and _exchange are for flags and order what is around them; _add, _read and _write are for counters of
64 bits and order nothing. */

#ifndef GILFREE_CLOCKS_H
#define GILFREE_CLOCKS_H

#include <stdint.h>

#if defined(_WIN32)

#include <windows.h>

#define gilfree_thread_local __declspec(thread)
#define gilfree_load(place) InterlockedCompareExchange((volatile LONG *)(place), 0, 0)
#define gilfree_store(place, value) InterlockedExchange((volatile LONG *)(place), (value))
#define gilfree_exchange(place, value) InterlockedExchange((volatile LONG *)(place), (value))
#define gilfree_load_pointer(place) InterlockedCompareExchangePointer((void *volatile *)(place), NULL, NULL)
#define gilfree_store_pointer(place, value) InterlockedExchangePointer((void *volatile *)(place), (value))
#define gilfree_add(place, value) InterlockedExchangeAdd64((volatile LONG64 *)(place), (value))
#define gilfree_read(place) InterlockedCompareExchange64((volatile LONG64 *)(place), 0, 0)
#define gilfree_write(place, value) InterlockedExchange64((volatile LONG64 *)(place), (value))
#define gilfree_yield() SwitchToThread()
typedef volatile LONG gilfree_flag;

static int64_t gilfree_now(void) {
    LARGE_INTEGER now, rate;
    QueryPerformanceFrequency(&rate);
    QueryPerformanceCounter(&now);
    return (int64_t)((double)now.QuadPart * 1e9 / (double)rate.QuadPart);
}

static int64_t gilfree_cpu_of(HANDLE thread) {
    FILETIME created, exited, kernel, user;
    if (!GetThreadTimes(thread, &created, &exited, &kernel, &user))
        return -1;
    ULARGE_INTEGER a = {{kernel.dwLowDateTime, kernel.dwHighDateTime}}, b = {{user.dwLowDateTime, user.dwHighDateTime}};
    return (int64_t)(a.QuadPart + b.QuadPart) * 100;
}

static int64_t gilfree_own_cpu(void) {
    return gilfree_cpu_of(GetCurrentThread());
}

static int64_t gilfree_thread_cpu(unsigned long thread) {
    HANDLE handle = OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, thread);
    if (handle == NULL)
        return -1;
    int64_t spent = gilfree_cpu_of(handle);
    CloseHandle(handle);
    return spent;
}

static void gilfree_sleep(int64_t duration) {
    Sleep((DWORD)((duration + 999999) / 1000000));
}

#else

#include <sched.h>
#include <time.h>

#define gilfree_thread_local _Thread_local
#define gilfree_load(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define gilfree_store(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
#define gilfree_exchange(place, value) __atomic_exchange_n((place), (value), __ATOMIC_ACQ_REL)
#define gilfree_load_pointer(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)
#define gilfree_store_pointer(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
#define gilfree_add(place, value) __atomic_fetch_add((place), (value), __ATOMIC_RELAXED)
#define gilfree_read(place) __atomic_load_n((place), __ATOMIC_RELAXED)
#define gilfree_write(place, value) __atomic_store_n((place), (value), __ATOMIC_RELAXED)
#define gilfree_yield() sched_yield()
typedef int gilfree_flag;

static int64_t gilfree_read_clock(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return -1;
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t gilfree_now(void) {
    return gilfree_read_clock(CLOCK_MONOTONIC);
}

static void gilfree_sleep(int64_t duration) {
    struct timespec time = {(time_t)(duration / 1000000000), (long)(duration % 1000000000)};
    nanosleep(&time, NULL);
}

static int64_t gilfree_own_cpu(void) {
    return gilfree_read_clock(CLOCK_THREAD_CPUTIME_ID);
}

#if defined(__linux__)

/* The clock that pthread_getcpuclockid() gives, made from the kernel's number of the thread: unlike a pthread_t, that may
be asked about when the thread is gone, and the answer is then -1. */
static int64_t gilfree_thread_cpu(unsigned long thread) {
    return gilfree_read_clock((clockid_t)(~(unsigned)thread << 3 | 6));
}

#elif defined(__APPLE__)

#include <mach/mach.h>
#include <mach/thread_info.h>
#include <pthread.h>

static int64_t gilfree_thread_cpu(unsigned long thread) {
    thread_act_array_t threads;
    mach_msg_type_number_t count;
    int64_t spent = -1;
    if (task_threads(mach_task_self(), &threads, &count) != KERN_SUCCESS)
        return -1;
    for (mach_msg_type_number_t index = 0; index < count; index++) {
        thread_identifier_info_data_t who;
        thread_basic_info_data_t times;
        mach_msg_type_number_t size = THREAD_IDENTIFIER_INFO_COUNT;
        if (thread_info(threads[index], THREAD_IDENTIFIER_INFO, (thread_info_t)&who, &size) == KERN_SUCCESS
            && who.thread_id == thread) {
            size = THREAD_BASIC_INFO_COUNT;
            if (thread_info(threads[index], THREAD_BASIC_INFO, (thread_info_t)&times, &size) == KERN_SUCCESS)
                spent = ((int64_t)times.user_time.seconds + times.system_time.seconds) * 1000000000
                    + ((int64_t)times.user_time.microseconds + times.system_time.microseconds) * 1000;
        }
        mach_port_deallocate(mach_task_self(), threads[index]);
    }
    vm_deallocate(mach_task_self(), (vm_address_t)threads, count * sizeof *threads);
    return spent;
}

#else

static int64_t gilfree_thread_cpu(unsigned long thread) {
    (void)thread;
    return -1;
}

#endif
#endif

/* A lock for a few instructions. */
static void gilfree_lock(gilfree_flag *flag) {
    while (gilfree_exchange(flag, 1))
        gilfree_yield();
}

static void gilfree_unlock(gilfree_flag *flag) {
    gilfree_store(flag, 0);
}

#endif
