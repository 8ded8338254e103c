import CLinux
import Glibc

/// A thread of the system's that nobody waits for.
enum SystemThread {
    /// Starts one under a name of at most 15 bytes; false when there is none to be had.
    static func start(_ name: StaticString, _ body: @escaping @Sendable () -> Void) -> Bool {
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
        guard failed == 0 else {
            box.release()
            return false
        }
        pthread_detach(thread)
        return true
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
