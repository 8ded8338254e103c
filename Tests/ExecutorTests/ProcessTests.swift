import Testing

/// The suites that start processes: one at a time, so that what is left behind can be counted.
@Suite(.serialized, .timeLimit(.minutes(15)))
enum ProcessTests {}
