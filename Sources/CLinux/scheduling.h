// How the scheduler treats a thread; what Glibc does not carry yet.
#pragma once
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/// The kernel's `struct sched_attr`.
struct portico_scheduling {
    unsigned int size, policy;
    unsigned long long flags;
    int niceness;
    unsigned int priority;
    unsigned long long slice, deadline, period;
};
/// Sets how the scheduler treats a thread, 0 for the caller.
static inline int portico_schedule(pid_t thread, const struct portico_scheduling *wanted) {
    return (int)syscall(SYS_sched_setattr, thread, wanted, 0);
}
/// Has the calling thread, which must be brief, go before all that have no real-time policy; -1 without the privilege.
static inline int portico_go_first(void) {
    struct portico_scheduling wanted = { sizeof wanted, 1 /* SCHED_FIFO */, 1 /* not what it starts */, 0, 1, 0, 0, 0 };
    return portico_schedule(0, &wanted);
}
/// Sets by how much the threads of a process group yield to others.
static inline void portico_renice(pid_t group, int niceness) {
    setpriority(PRIO_PGRP, (id_t)group, niceness);
}
/// The kernel's set of processors, of which Glibc's macros do not reach Swift.
struct portico_processors {
    unsigned long bits[256 / (8 * sizeof(long))];
};
/// Whether the caller may run on a processor, of which the numbers below 256 are known.
static inline int portico_may_use_processor(int number) {
    struct portico_processors allowed = { { 0 } };
    if (number < 0 || number > 255 || syscall(SYS_sched_getaffinity, 0, sizeof allowed, &allowed) < 0) return 0;
    return allowed.bits[number / (8 * sizeof(long))] >> number % (8 * sizeof(long)) & 1;
}
/// Has the calling thread run on one processor alone.
static inline void portico_stay_on_processor(int number) {
    struct portico_processors wanted = { { 0 } };
    wanted.bits[number / (8 * sizeof(long))] = 1UL << number % (8 * sizeof(long));
    syscall(SYS_sched_setaffinity, 0, sizeof wanted, &wanted);
}
/// Names the calling thread, as ps(1) shows it.
static inline void portico_name_thread(const unsigned char *name) { prctl(PR_SET_NAME, name); }
