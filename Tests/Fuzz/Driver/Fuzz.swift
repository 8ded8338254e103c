import FuzzTargets
import Glibc

/// The target that PORTICO_FUZZ names.
private let target: FuzzTarget = {
    let name = getenv("PORTICO_FUZZ").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.named(name) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
        fatalError("PORTICO_FUZZ takes one of \(names), not '\(name)'")
    }
    return target
}()

/// What libFuzzer calls with each input.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count))[...])
    return 0
}
