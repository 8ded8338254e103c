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
#include <malloc.h>
#include <string.h>
#include <sys/un.h>
#include <spawn.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *, const char *);

/// Has a program start in this folder.
static inline int portico_spawn_in(posix_spawn_file_actions_t *actions, const char *folder) {
    return posix_spawn_file_actions_addchdir_np(actions, folder);
}

/// Has a program start without descriptors from this number on.
static inline int portico_spawn_closing(posix_spawn_file_actions_t *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
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
/// Gives memory that is free inside the process back to the system.
static inline void portico_trim_memory(void) { malloc_trim(0); }
/// Sends bytes with a descriptor, or without one when it is negative; -1 with `errno` on failure.
static inline ssize_t portico_send_descriptor(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec piece = { (void *)bytes, count };
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
/// Sends bytes with up to eight descriptors; -1 with `errno` on failure.
static inline ssize_t portico_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, size_t number) {
    struct iovec piece = { (void *)bytes, count };
    union { struct cmsghdr header; char room[CMSG_SPACE(8 * sizeof(int))]; } control;
    if (number < 1 || number > 8) { errno = EINVAL; return -1; }
    memset(&control, 0, sizeof control);
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.room,
                              .msg_controllen = CMSG_SPACE(number * sizeof(int)) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(number * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, number * sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}
/// Receives bytes with a descriptor, which is closed on exec, or -1 when none came with them.
static inline ssize_t portico_receive_descriptor(int socket, void *bytes, size_t count, int *descriptor) {
    struct iovec piece = { bytes, count };
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof(int))]; } control;
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.room,
                              .msg_controllen = sizeof control.room };
    *descriptor = -1;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = received < 0 ? (struct cmsghdr *)0 : CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    return received;
}
/// The user at the other end of a socket of the Unix domain, or -1.
static inline long portico_peer_user(int socket) {
    struct { int pid; unsigned uid; unsigned gid; } peer;
    socklen_t length = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? (long)peer.uid : -1;
}
