import Glibc

/// The process's own limit of open descriptors: each connection costs one, or two with its origin.
enum OpenFiles {
    /// Raises the limit to the most that this user may have; many systems start programs with 1,024.
    static func raiseLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
