import HTTP
import Telemetry

extension Headers {
    /// Adds a field with the id of a request at the end.
    mutating func append(_ name: FieldName, _ id: ExchangeID) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ExchangeID.length) { text in
            guard let place = text.baseAddress else { return }
            id.write(to: place)
            append(name, clean: UnsafeBufferPointer(text))
        }
    }

    /// Replaces all fields of this name by one with the id of a request.
    mutating func set(_ name: FieldName, _ id: ExchangeID) {
        if contains(name) { return set(name, id.description) }
        append(name, id)
    }
}
