import JSON

/// Runs a parsed template over named values.
final class VelocityEngine {
    /// How often all loops together may turn.
    ///
    /// Source: AWS page "Quotas for configuring and running a REST API" (`#foreach` iterations).
    static let loopLimit = 1000
    /// The longest text that comes out.
    ///
    /// Unit: bytes.
    static let outputLimit = 10 << 20
    /// How deep definitions may use each other.
    static let depthLimit = 32

    private enum Flow { case goesOn, leaves, stops }

    private var values: [String: VelocityValue]
    private var definitions: [String: [VelocityNode]] = [:]
    private let tools: VelocityTools
    private var turns = 0
    private var depth = 0

    init(_ values: [String: VelocityValue], tools: VelocityTools) {
        self.values = values
        self.tools = tools
    }

    /// The text that a template comes to.
    func render(_ nodes: [VelocityNode]) throws(VelocityError) -> String {
        var output = ""
        _ = try run(nodes, &output)
        return output
    }

    private func run(
        _ nodes: [VelocityNode],
        _ output: inout String
    ) throws(VelocityError) -> Flow {
        for node in nodes {
            let flow = try run(node, &output)
            if flow != .goesOn { return flow }
            guard output.utf8.count <= Self.outputLimit else {
                throw VelocityError("writes too much")
            }
        }
        return .goesOn
    }

    private func run(
        _ node: VelocityNode,
        _ output: inout String
    ) throws(VelocityError) -> Flow {
        switch node {
        case .text(let text): output += text
        case .reference(let reference, let source, let isQuiet):
            if reference.steps.isEmpty, let body = definitions[reference.name] {
                depth += 1
                defer { depth -= 1 }
                guard depth <= Self.depthLimit else { throw VelocityError("goes in circles") }
                return try run(body, &output)
            }
            if let value = try value(of: reference), !value.isNull {
                output += value.text
            } else if !isQuiet {
                output += source
            }
        case .set(let target, let expression): try set(target, try evaluate(expression))
        case .choice(let branches, let otherwise):
            for branch in branches {
                let condition = try evaluate(branch.condition)
                if condition.isTrue { return try run(branch.body, &output) }
            }
            return try run(otherwise, &output)
        case .loop(let name, let expression, let body):
            return try loop(name, try evaluate(expression), body, &output)
        case .define(let name, let body): definitions[name] = body
        case .stop: return .stops
        case .leave: return .leaves
        }
        return .goesOn
    }

    private func loop(
        _ name: String,
        _ subject: VelocityValue,
        _ body: [VelocityNode],
        _ output: inout String
    ) throws(VelocityError) -> Flow {
        let items: [VelocityValue]
        switch subject {
        case .list(let list): items = list.items
        case .map(let map): items = map.entries.map(\.value)
        default: return .goesOn
        }
        let outer = values["foreach"]
        let before = values[name]
        defer {
            values["foreach"] = outer
            values[name] = before
        }
        for (index, item) in items.enumerated() {
            turns += 1
            guard turns <= Self.loopLimit else { throw VelocityError("loops too often") }
            let state = VelocityMap()
            state.set("index", .integer(index))
            state.set("count", .integer(index + 1))
            state.set("hasNext", .bool(index + 1 < items.count))
            state.set("first", .bool(index == 0))
            state.set("last", .bool(index + 1 == items.count))
            if let outer { state.set("parent", outer) }
            values["foreach"] = .map(state)
            values[name] = item
            switch try run(body, &output) {
            case .goesOn: break
            case .leaves: return .goesOn
            case .stops: return .stops
            }
        }
        return .goesOn
    }

    private func set(
        _ target: VelocityReference,
        _ value: VelocityValue
    ) throws(VelocityError) {
        guard let last = target.steps.last else {
            values[target.name] = value
            return
        }
        var owner = target
        owner.steps.removeLast()
        guard let holder = try self.value(of: owner) else { return }
        switch (holder, last) {
        case (.map(let map), .property(let name)): map.set(name, value)
        case (.map(let map), .index(let key)): map.set(try evaluate(key).text, value)
        case (.list(let list), .index(let key)):
            if case .integer(let index) = try evaluate(key), list.items.indices.contains(index) {
                list.items[index] = value
            }
        default: break
        }
    }

    // MARK: Values

    private func value(of reference: VelocityReference) throws(VelocityError) -> VelocityValue? {
        guard var value = values[reference.name] else { return nil }
        for step in reference.steps {
            let next: VelocityValue?
            switch step {
            case .property(let name): next = tools.property(name, of: value)
            case .index(let key):
                let index = try evaluate(key)
                next = try tools.call("get", on: value, [index])
            case .method(let name, let expressions):
                var arguments: [VelocityValue] = []
                for expression in expressions { arguments.append(try evaluate(expression)) }
                next = try tools.call(name, on: value, arguments)
            }
            guard let next else { return nil }
            value = next
        }
        return value
    }

    private func evaluate(_ expression: VelocityExpression) throws(VelocityError) -> VelocityValue {
        switch expression {
        case .literal(let value): return value
        case .interpolated(let nodes):
            var text = ""
            _ = try run(nodes, &text)
            return .string(text)
        case .reference(let reference): return try value(of: reference) ?? .null
        case .list(let all):
            var items: [VelocityValue] = []
            for element in all { items.append(try evaluate(element)) }
            return .list(VelocityList(items))
        case .range(let first, let last):
            guard case .integer(let start) = try evaluate(first),
                case .integer(let end) = try evaluate(last), abs(end - start) <= Self.loopLimit
            else { throw VelocityError("has a range that is none") }
            let numbers = start <= end ? Array(start...end) : Array((end...start).reversed())
            return .list(VelocityList(numbers.map(VelocityValue.integer)))
        case .map(let entries):
            let map = VelocityMap()
            for (key, value) in entries { map.set(try evaluate(key).text, try evaluate(value)) }
            return .map(map)
        case .not(let inner): return .bool(!(try evaluate(inner).isTrue))
        case .binary(.and, let left, let right):
            let first = try evaluate(left)
            if !first.isTrue { return .bool(false) }
            return .bool(try evaluate(right).isTrue)
        case .binary(.or, let left, let right):
            let first = try evaluate(left)
            if first.isTrue { return .bool(true) }
            return .bool(try evaluate(right).isTrue)
        case .binary(let operation, let left, let right):
            return Self.combine(operation, try evaluate(left), try evaluate(right))
        }
    }

    private static func combine(
        _ operation: VelocityExpression.Operator,
        _ left: VelocityValue,
        _ right: VelocityValue
    ) -> VelocityValue {
        switch operation {
        case .equal: return .bool(left.equals(right))
        case .unequal: return .bool(!left.equals(right))
        case .plus where left.number == nil || right.number == nil:
            return .string(left.text + right.text)
        default: break
        }
        if case .integer(let first) = left, case .integer(let second) = right {
            switch operation {
            case .plus: return .integer(first &+ second)
            case .minus: return .integer(first &- second)
            case .times: return .integer(first &* second)
            case .over: return second == 0 ? .null : .integer(first / second)
            case .modulo: return second == 0 ? .null : .integer(first % second)
            default: break
            }
        }
        guard let first = left.number, let second = right.number else {
            return operation.strength == 4 ? .bool(false) : .null
        }
        return switch operation {
        case .less: .bool(first < second)
        case .lessOrEqual: .bool(first <= second)
        case .greater: .bool(first > second)
        case .greaterOrEqual: .bool(first >= second)
        case .plus: .decimal("\(first + second)")
        case .minus: .decimal("\(first - second)")
        case .times: .decimal("\(first * second)")
        case .over: second == 0 ? .null : .decimal("\(first / second)")
        default: .null
        }
    }
}
