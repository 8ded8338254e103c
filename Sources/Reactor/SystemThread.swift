import CLinux
import Glibc

/// Threads of the system's.
enum SystemThread {
    /// Starts one that nobody waits for, under a name of at most 15 bytes; false when there is none to be had.
    static func start(_ name: StaticString, _ body: @escaping @Sendable () -> Void) -> Bool {
        guard let thread = make(name, body) else { return false }
        pthread_detach(thread)
        return true
    }

    /// Does something on a thread of its own and returns at its end; false when there is none to be had.
    static func wait(for name: StaticString, _ body: @escaping @Sendable () -> Void) -> Bool {
        guard let thread = make(name, body) else { return false }
        return pthread_join(thread, nil) == 0
    }

    private static func make(
        _ name: StaticString,
        _ body: @escaping @Sendable () -> Void
    ) -> pthread_t? {
        let box = Unmanaged.passRetained(Body(name: name, run: body))
        var thread = pthread_t()
        let failed = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                portico_name_thread(body.name.utf8Start)
                body.run()
                return nil
            },
            box.toOpaque()
        )
        guard failed != 0 else { return thread }
        box.release()
        return nil
    }

    private final class Body: Sendable {
        let name: StaticString
        let run: @Sendable () -> Void

        init(name: StaticString, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }
}
