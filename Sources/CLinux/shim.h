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
#include <sys/wait.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <stdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/un.h>

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pipe2(int[2], int);

/// Accepts without blocking and with close-on-exec.
static inline int portico_accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, 04000 | 02000000);
}
/// Opens a descriptor that becomes readable when the process ends.
static inline int portico_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
/// Creates a pipe whose both ends are close-on-exec.
static inline int portico_pipe(int ends[2]) { return pipe2(ends, 02000000); }
/// Gives memory that is free inside the process back to the system.
static inline void portico_trim_memory(void) { malloc_trim(0); }
/// Receives what has arrived; -1 with `errno` on failure.
///
/// Not by the C library's own function, which is a point where threads can be cancelled: with several threads it
/// pays two atomic exchanges for that, and no thread is cancelled here.
static inline ssize_t portico_recv(int socket, void *bytes, size_t count, int flags) {
    return syscall(SYS_recvfrom, socket, bytes, count, flags, NULL, NULL);
}
/// Sends bytes and raises no signal, as `portico_recv` receives them; -1 with `errno` on failure.
static inline ssize_t portico_send(int socket, const void *bytes, size_t count) {
    return syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, NULL, 0);
}
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
extern int setns(int, int);
extern pid_t _Fork(void);
/// What a forked child does that must not touch anything of its parent's but its own stack: enters the user and
/// network namespaces behind two descriptors, brings their loopback up and listens; the socket, or minus `errno`.
static inline int portico_listen_in_namespaces(int user, int network, unsigned short port) {
    if (setns(user, 0x10000000) != 0 || setns(network, 0x40000000) != 0) return -errno;
    struct ifreq loopback;
    memset(&loopback, 0, sizeof loopback);
    memcpy(loopback.ifr_name, "lo", 3);
    int control = socket(AF_INET, SOCK_DGRAM | 02000000, 0);
    if (control < 0 || ioctl(control, SIOCGIFFLAGS, &loopback) != 0) return -errno;
    loopback.ifr_flags |= IFF_UP;
    if (ioctl(control, SIOCSIFFLAGS, &loopback) != 0) return -errno;
    int listener = socket(AF_INET, SOCK_STREAM | 02000000 | 04000, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, 128) != 0)
        return -errno;
    return listener;
}
/// Listens on loopback inside of the network of another process; the socket, or -1 with `errno`.
///
/// Only a process with one thread may enter a user namespace, so a child does it and sends the socket back.
static inline int portico_listen_inside(pid_t target, unsigned short port) {
    char path[64];
    int pair[2], code = 0, listener = -1;
    snprintf(path, sizeof path, "/proc/%d/ns/user", target);
    int user = open(path, O_RDONLY | 02000000);
    snprintf(path, sizeof path, "/proc/%d/ns/net", target);
    int network = open(path, O_RDONLY | 02000000);
    if (user < 0 || network < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | 02000000, 0, pair) != 0) {
        code = errno;
        if (user >= 0) close(user);
        if (network >= 0) close(network);
        errno = code;
        return -1;
    }
    pid_t child = _Fork();
    if (child == 0) {
        int made = portico_listen_in_namespaces(user, network, port);
        code = made < 0 ? -made : 0;
        portico_send_descriptor(pair[1], &code, sizeof code, made < 0 ? -1 : made);
        _exit(0);
    }
    code = child < 0 ? errno : EIO;
    close(pair[1]);
    close(user);
    close(network);
    if (child > 0) {
        int told = EIO;
        if (portico_receive_descriptor(pair[0], &told, sizeof told, &listener) == sizeof told) code = told;
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    }
    close(pair[0]);
    if (listener < 0) errno = code;
    return listener;
}
/// The user at the other end of a socket of the Unix domain, or -1.
static inline long portico_peer_user(int socket) {
    struct { int pid; unsigned uid; unsigned gid; } peer;
    socklen_t length = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 ? (long)peer.uid : -1;
}
