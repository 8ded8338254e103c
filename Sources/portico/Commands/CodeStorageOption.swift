import ArgumentParser

/// How much code the account may keep.
struct CodeStorageOption: ParsableArguments {
    @Option(
        name: .customLong("code-storage"),
        help: ArgumentHelp(
            "How much code all versions of functions and layers may be, in MB.",
            valueName: "megabytes"
        )
    )
    var megabytes = 76_800

    /// Unit: bytes.
    var bytes: Int { megabytes << 20 }

    func validate() throws {
        guard (1...1_000_000_000).contains(megabytes) else {
            throw ValidationError("--code-storage takes 1 to 1000000000")
        }
    }
}
