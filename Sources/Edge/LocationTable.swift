import Model

/// Where addresses are: a small stand-in for a database of places.
package struct LocationTable: Sendable {
    private var rows: [(block: AddressBlock, facts: ViewerFacts)] = []

    /// Makes an empty table.
    package init() {}

    /// Reads blocks of addresses with what is known of them, as the preset header writes it.
    ///
    /// Rows that cannot be read are left out; the longest matching block wins.
    package init(_ presets: [String: String]) {
        rows = presets.compactMap { block, preset in
            guard let block = AddressBlock(block), let preset = ViewerPreset(preset) else {
                return nil
            }
            return (block, ViewerFacts(preset))
        }
        rows.sort { $0.block.prefixLength > $1.block.prefixLength }
    }

    /// What is known of an address; nil for nothing.
    func facts(of address: String) -> ViewerFacts? {
        if rows.isEmpty { return nil }
        return rows.first { $0.block.contains(address) }?.facts
    }
}
