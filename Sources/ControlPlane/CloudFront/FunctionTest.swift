import Crypto
import JSON
package import Model
import Registry

/// A run of a CloudFront Function outside every request, as TestFunction asks for.
package struct FunctionTest: Sendable {
    /// Runs a test; nil when the function has no such stage.
    package typealias Runner = @Sendable (FunctionTest) async -> Outcome?

    /// What a test gave.
    package struct Outcome: Sendable {
        /// The returned object as JSON under `request` or `response`; empty when there is none.
        package var output = ""
        /// What went wrong; empty when nothing did.
        package var error = ""
        package var logs: [String] = []
        /// The share of the allowed time that the run took.
        ///
        /// Unit: percent, 0 to 100.
        package var utilization = 0
        /// Why nothing could be run at all.
        package var failure: String?

        /// Makes an empty outcome.
        package init() {}
    }

    /// The record of the function.
    package var record: String
    /// `DEVELOPMENT` or `LIVE`.
    package var stage: String
    package var snapshot: Snapshot
    /// The event as JSON.
    package var event: [UInt8]
    /// Whether the function decides about connections, so that the event is one.
    package var isConnection = false
}

extension CloudFrontService {
    /// The most bytes of an event.
    ///
    /// Source: CloudFront API, "TestFunction".
    private static let maximumEvent = 40_960

    func testFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let name = call.text("Name")
        let record = try function(name, in: snapshot)
        let (stage, content) = try stage(record, call)
        try Self.checkMatch(call, content["ETag"]?.string ?? "")
        guard let event = Base64.decode(call.text("EventObject")), event.count <= Self.maximumEvent
        else { throw Self.argument("The parameter EventObject is not valid.") }
        guard let value = try? JSONValue.parse(event[...]), value["request"]?.object != nil,
            value["context"]?["eventType"]?.string?.hasPrefix("viewer-") == true
        else {
            throw Self.error(
                "InvalidArgument",
                "The event object is not valid: it needs context.eventType and request."
            )
        }
        let test = FunctionTest(
            record: snapshot.records[Self.functionKey(name)] ?? "",
            stage: stage,
            snapshot: snapshot,
            event: event
        )
        guard let outcome = await self.test(test) else { throw Self.missingFunction }
        if let failure = outcome.failure { throw Self.error("TestFunctionFailed", failure) }
        return APIReply([
            "TestResult": [
                "FunctionSummary": functionSummary(record, stage, content, in: snapshot),
                "ComputeUtilization": .string(String(outcome.utilization)),
                "FunctionExecutionLogs": .array(outcome.logs.map { .string($0) }),
                "FunctionErrorMessage": .string(outcome.error),
                "FunctionOutput": .string(outcome.output),
            ]
        ])
    }
}
