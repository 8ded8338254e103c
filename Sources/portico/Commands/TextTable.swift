/// Rows of text in columns that are as wide as their widest cell.
enum TextTable {
    /// The lines of a table, without spaces at their ends.
    static func lines(_ rows: [[String]], right: Set<Int> = []) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                if column > 0 { line += "  " }
                line += right.contains(column) ? gap + cell : cell + gap
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
