import Model

/// What the control group of an environment may hold once the environment has a function.
struct GroupLimits {
    /// How much lies in `/tmp` at most when that is in memory.
    ///
    /// Unit: bytes. The system counts it as the memory of those who write it; AWS does not.
    var scratch = 0
    var dividesProcessors = false

    /// Bounds a group for a function.
    ///
    /// Memory is measured besides, without what lies in `/tmp`: the system's bound is for what grows faster than it
    /// is measured. A process that others are copied from keeps what they share, and one that is looked at has a debugger: neither has it.
    func set(_ group: ControlGroup, for identity: FunctionIdentity, isUnbounded: Bool) {
        let memory = identity.version.memory
        let files = scratch > 0 ? identity.version.ephemeralStorage.map { $0 << 20 } ?? scratch : 0
        group.limit(
            memory: isUnbounded ? nil : (memory << 20) + files,
            share: dividesProcessors ? GroupTree.share(ofMemory: memory) : nil
        )
    }
}
