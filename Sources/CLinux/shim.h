// Linux system calls and structures that Glibc's Swift module does not carry.
#pragma once
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>
#include <errno.h>
#include <spawn.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

/// Has a program start in this folder.
static inline int portico_spawn_in(posix_spawn_file_actions_t *actions, const char *folder) {
    return posix_spawn_file_actions_addchdir_np(actions, folder);
}

/// Accepts without blocking and with close-on-exec.
static inline int portico_accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, 04000 | 02000000);
}
/// Sets by how much the threads of a process group yield to others.
static inline void portico_renice(pid_t group, int niceness) {
    setpriority(PRIO_PGRP, (id_t)group, niceness);
}
/// Opens a descriptor that becomes readable when the process ends.
static inline int portico_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
/// Creates a pipe whose both ends are close-on-exec.
static inline int portico_pipe(int ends[2]) { return pipe2(ends, 02000000); }
/// Sets one resource limit of another process.
static inline int portico_prlimit(pid_t pid, int resource, unsigned long long soft, unsigned long long hard) {
    unsigned long long limit[2] = { soft, hard };
    return (int)syscall(SYS_prlimit64, pid, resource, limit, (void *)0);
}
