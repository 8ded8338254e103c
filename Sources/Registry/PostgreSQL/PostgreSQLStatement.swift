/// A statement with its parameters, `$1` and on.
struct PostgreSQLStatement {
    /// One parameter.
    enum Value {
        case null
        case int(Int)
        case double(Double)
        case text(String)
        /// Sent as they are.
        case bytes([UInt8])
        /// For `= ANY($1)` and `unnest($1)`.
        case texts([String])
    }

    var sql: String
    var values: [Value]

    init(_ sql: String, _ values: Value...) {
        self.sql = sql
        self.values = values
    }
}

extension PostgreSQLStatement.Value {
    /// The parameter's type in the catalogue `pg_type`; 0 lets the server infer it.
    var type: UInt32 {
        switch self {
        case .null: 0
        case .int: 20
        case .double: 701
        case .text: 25
        case .bytes: 17
        case .texts: 1009
        }
    }

    /// Whether the parameter goes in the binary format.
    var isBinary: Bool { if case .bytes = self { true } else { false } }

    /// What is sent: bytes as they are, everything else as text that ends with a zero.
    var encoded: [UInt8]? {
        switch self {
        case .null: nil
        case .int(let number): Array(String(number).utf8) + [0]
        case .double(let number): Array("\(number)".utf8) + [0]
        case .text(let text): Array(text.utf8) + [0]
        case .bytes(let bytes): bytes
        case .texts(let texts): Array(Self.array(texts).utf8) + [0]
        }
    }

    /// PostgreSQL's text form of an array: each element quoted.
    private static func array(_ texts: [String]) -> String {
        let quoted = texts.map { text in
            var result = "\""
            for scalar in text.unicodeScalars {
                if scalar == "\"" || scalar == "\\" { result += "\\" }
                result.unicodeScalars.append(scalar)
            }
            return result + "\""
        }
        return "{" + quoted.joined(separator: ",") + "}"
    }
}

/// The rows of one statement, with all columns in the binary format.
struct PostgreSQLRows {
    /// What the command did: `SELECT 3`, `COMMIT`.
    var command = ""
    var rows: [[[UInt8]?]] = []

    var count: Int { rows.count }

    /// An integer column of 2, 4 or 8 bytes.
    func int(_ row: Int, _ column: Int) -> Int? {
        rows[row][column].map { bytes in
            let start = (bytes.first ?? 0) & 0x80 == 0 ? 0 : -1
            return bytes.reduce(start) { $0 << 8 | Int($1) }
        }
    }

    /// A column of 8-byte floating point.
    func double(_ row: Int, _ column: Int) -> Double? {
        int(row, column).map { Double(bitPattern: UInt64(bitPattern: Int64($0))) }
    }

    /// A column of text.
    func text(_ row: Int, _ column: Int) -> String? {
        rows[row][column].map { String(decoding: $0, as: UTF8.self) }
    }

    /// A column of bytes.
    func bytes(_ row: Int, _ column: Int) -> [UInt8]? { rows[row][column] }

    /// A column of truth.
    func bool(_ row: Int, _ column: Int) -> Bool? { rows[row][column].map { $0.first == 1 } }
}
