import Reactor

/// Fits the mount namespace of one environment to its function: the layers under `/opt`, the size of `/tmp`, and
/// the name `sandbox.localdomain`.
///
/// Without a namespace of its own, layers stay in their folders and `/tmp` is the machine's.
/// Sources: "Working with layers for Lambda functions", "Configure ephemeral storage for Lambda functions".
enum LayerFurnishing {
    /// How long it may take.
    private static let limit: Duration = .seconds(5)
    private static let nsenter = "/usr/bin/nsenter"
    /// The beginning of a command line whose program has no power over its namespaces.
    static let powerless = [
        "/usr/bin/setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+setfcap",
        "--",
    ]
    /// Gets a file of host names, the size of `/tmp` in bytes (0 leaves it), a state folder that is covered (empty
    /// for none), how many folders of it are the function's, these, and the folders of the layers, of which later ones cover earlier ones.
    ///
    /// What the machine itself has in `/opt` stays visible below them: interpreters may live there.
    private static let script = """
        set -e
        /bin/mount --bind "$1" /etc/hosts
        [ "$2" = 0 ] || /bin/mount -o "remount,size=$2,mode=1777,nosuid,nodev" /tmp
        state=$3 own=$4
        shift 4
        while [ "$own" -gt 0 ]; do
          case "$1" in
          "$state"/*)
            /bin/mkdir -p "$1"
            /bin/mount --bind "$state/.all${1#"$state"}" "$1"
            /bin/mount -o remount,bind,ro "$1"
            ;;
          esac
          own=$((own - 1))
          shift
        done
        if [ -n "$state" ]; then
          /bin/umount -l "$state/.all"
          /bin/rmdir "$state/.all"
          /bin/mount -o remount,bind,ro "$state"
        fi
        [ $# -gt 0 ] || exit 0
        lower=/opt
        for layer in "$@"; do lower="$layer:$lower"; done
        exec /bin/mount -t overlay portico-opt -o "lowerdir=$lower" /opt
        """

    /// The command line that runs a program in the namespaces of a process.
    static func command(
        inside pid: Int32,
        _ access: NamespaceAccess,
        _ program: String,
        _ arguments: [String],
        isPowerless: Bool = false
    ) -> (path: String, arguments: [String]) {
        let user = access.asUser ? ["--user", "--preserve-credentials"] : []
        var line = ["--target", String(pid), "--mount"] + user
        if access.level.isStrict { line += ["--ipc", "--uts"] }
        if access.level == .noNetwork { line.append("--net") }
        line.append("--")
        if isPowerless { line += powerless }
        return (nsenter, line + [program] + arguments)
    }

    /// Mounts everything; false when the machine does not allow it.
    static func furnish(
        _ pid: Int32,
        _ access: NamespaceAccess,
        own: [String],
        layers: [String],
        storage: Int,
        on reactor: Reactor
    ) async -> Bool {
        guard System.isExecutable(nsenter), !layers.contains(where: { $0.contains(":") }) else {
            return false
        }
        let line = command(
            inside: pid,
            access,
            "/bin/sh",
            ["-c", script, "portico", access.hosts, String(storage), access.covered ?? ""]
                + [String(own.count)] + own + layers
        )
        let command = ChildProcess.Command(
            path: line.path,
            arguments: line.arguments,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            openFiles: 64
        )
        guard let child = try? await ChildProcess.start(command, on: reactor) else { return false }
        let timer = reactor.schedule(at: reactor.preciseTime + limit) { child.kill() }
        let exit = await child.waitForExit()
        reactor.cancel(timer)
        child.close()
        return exit == .status(0)
    }

    /// The machine's host names with those that extensions are told of; empty text when it has none.
    static func hosts(_ own: String) -> String {
        own + (own.hasSuffix("\n") || own.isEmpty ? "" : "\n")
            + "127.0.0.1 sandbox.localdomain sandbox\n"
    }
}
