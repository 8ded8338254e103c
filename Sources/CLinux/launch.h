// Starts programs: what posix_spawn does, steps in namespaces of the program's own besides, and without a wait.
#pragma once
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "scheduling.h"

extern int __clone(int (*)(void *), void *, int, void *, ...);

/// What a step does.
enum portico_step_kind {
    /// unshare(flags)
    PORTICO_STEP_UNSHARE,
    /// Writes `target` into the file `source`.
    PORTICO_STEP_WRITE,
    /// mount(source, target, type, flags, data)
    PORTICO_STEP_MOUNT,
    /// Makes the folder `target`, unless it is there.
    PORTICO_STEP_FOLDER,
    /// Enters the folder `target`.
    PORTICO_STEP_ENTER,
};

/// One thing that a program's process does before it becomes the program.
struct portico_step {
    enum portico_step_kind kind;
    unsigned long flags;
    const char *source, *target, *type, *data;
    /// Whether the program begins even if this fails.
    int may_fail;
};

/// What is told when a program could not be started.
struct portico_launch_failure {
    /// The number of the step, or one of those below.
    int step;
    int number;
};
enum {
    PORTICO_LAUNCH_DESCRIPTORS = -1,
    PORTICO_LAUNCH_FOLDER = -2,
    PORTICO_LAUNCH_EXEC = -3,
};

/// A program to start. Everything it points to must stay until `report` is closed on the other side.
struct portico_launch {
    const char *path;
    char *const *arguments, *const *environment;
    /// Where to begin; null means our own folder.
    const char *folder;
    const struct portico_step *steps;
    size_t step_count;
    /// Become descriptors 1, 2 and 3.
    int output, errors, channel;
    /// Gets a `portico_launch_failure` if something fails; closes as the program begins.
    int report;
    /// How many descriptors the program may have; 0 leaves it.
    unsigned long long open_files;
    /// How it stands behind others, from its first step; a size of 0 leaves it.
    struct portico_scheduling scheduling;
};

/// A system call that leaves `errno` alone, which is that of the thread whose memory we share: its result, or minus
/// the number of the error.
static inline long portico_raw(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#else
#error "Portico starts programs on x86_64 and aarch64."
#endif
}

/// Moves a descriptor to the number that the program is to find it at.
static inline long portico_place(int descriptor, int number) {
    if (descriptor == number) return portico_raw(SYS_fcntl, number, 2 /* F_SETFD */, 0, 0, 0);
    return portico_raw(SYS_dup3, descriptor, number, 0, 0, 0);
}

/// Gives the program its four descriptors and takes all others away but `report`.
static inline long portico_place_all(const struct portico_launch *launch, int report) {
    long null = portico_raw(SYS_openat, -100, (long)"/dev/null", 0, 0, 0);
    if (null < 0) return null;
    long result = portico_place((int)null, 0);
    if (result >= 0) result = portico_place(launch->output, 1);
    if (result >= 0) result = portico_place(launch->errors, 2);
    if (result >= 0) result = portico_place(launch->channel, 3);
    if (result >= 0 && report > 4) result = portico_raw(436 /* close_range */, 4, report - 1, 0, 0, 0);
    if (result >= 0) result = portico_raw(436, report + 1, UINT_MAX, 0, 0, 0);
    return result;
}

static inline long portico_take_step(const struct portico_step *step) {
    switch (step->kind) {
    case PORTICO_STEP_UNSHARE:
        return portico_raw(SYS_unshare, (long)step->flags, 0, 0, 0, 0);
    case PORTICO_STEP_WRITE: {
        long file = portico_raw(SYS_openat, -100, (long)step->source, 1 | 02000000, 0, 0);
        if (file < 0) return file;
        size_t length = 0;
        while (step->target[length]) length++;
        long written = portico_raw(SYS_write, file, (long)step->target, (long)length, 0, 0);
        portico_raw(SYS_close, file, 0, 0, 0, 0);
        return written;
    }
    case PORTICO_STEP_MOUNT:
        return portico_raw(SYS_mount, (long)step->source, (long)step->target, (long)step->type, (long)step->flags,
                           (long)step->data);
    case PORTICO_STEP_FOLDER: {
        long made = portico_raw(SYS_mkdirat, -100, (long)step->target, 0755, 0, 0);
        return made == -EEXIST ? 0 : made;
    }
    case PORTICO_STEP_ENTER:
        return portico_raw(SYS_chdir, (long)step->target, 0, 0, 0, 0);
    }
    return -EINVAL;
}

/// Handles signals as usual again, except those that are ignored by inheritance, and blocks none.
static inline void portico_reset_signals(void) {
    // The kernel's structure, of which zeros mean the usual.
    const long usual[8] = { 0 };
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGKILL && signal != SIGSTOP) portico_raw(SYS_rt_sigaction, signal, (long)usual, 0, 8, 0);
    portico_raw(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, (long)usual, 0, 8, 0);
}

/// Runs in the new process, on a stack of its own but in the memory of ours, beside all our threads: it calls nothing but
/// the system and writes nowhere else.
static inline int portico_become(void *argument) {
    const struct portico_launch *launch = argument;
    struct portico_launch_failure failure = { PORTICO_LAUNCH_DESCRIPTORS, 0 };
    if (launch->scheduling.size) portico_raw(SYS_sched_setattr, 0, (long)&launch->scheduling, 0, 0, 0);
    portico_raw(SYS_setpgid, 0, 0, 0, 0, 0);
    long report = launch->report;
    if (report < 4) report = portico_raw(SYS_fcntl, report, 1030 /* F_DUPFD_CLOEXEC */, 4, 0, 0);
    long result = report < 0 ? report : portico_place_all(launch, (int)report);
    if (result >= 0 && launch->open_files) {
        unsigned long long limit[2] = { launch->open_files, launch->open_files };
        portico_raw(SYS_prlimit64, 0, RLIMIT_NOFILE, (long)limit, 0, 0);
    }
    if (result >= 0 && launch->folder) {
        failure.step = PORTICO_LAUNCH_FOLDER;
        result = portico_raw(SYS_chdir, (long)launch->folder, 0, 0, 0, 0);
    }
    for (size_t step = 0; result >= 0 && step < launch->step_count; step++) {
        failure.step = (int)step;
        result = portico_take_step(&launch->steps[step]);
        if (launch->steps[step].may_fail) result = 0;
    }
    if (result >= 0) {
        failure.step = PORTICO_LAUNCH_EXEC;
        portico_reset_signals();
        result = portico_raw(SYS_execve, (long)launch->path, (long)launch->arguments, (long)launch->environment, 0, 0);
    }
    failure.number = (int)-result;
    portico_raw(SYS_write, report, (long)&failure, sizeof failure, 0, 0);
    portico_raw(SYS_exit_group, 127, 0, 0, 0, 0);
    return 127;
}

/// Starts a process that becomes a program: its number, and a descriptor that becomes readable when it ends, or -1 with
/// `errno`. The stack is its own until `report` closes.
static inline int portico_start(const struct portico_launch *launch, void *stack, size_t size, int *ended) {
    sigset_t every, before;
    sigfillset(&every);
    // No handler of ours may run in the new process, whose memory is ours.
    pthread_sigmask(SIG_SETMASK, &every, &before);
    const int shared_memory = 0x100, descriptor = 0x1000;
    int pid = __clone(portico_become, (char *)stack + size, shared_memory | descriptor | SIGCHLD, (void *)launch, ended);
    int number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return pid;
}
