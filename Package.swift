// swift-tools-version:6.2
import Foundation
import PackageDescription

// Every module with what it imports. A module imports only lower rows; RepositoryTests hold the sources
// to the same table. PORTICO_MODULES=HTTP,TLS builds and tests only those modules and what they need.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let systemLibraries = ["CLinux", "COpenSSL", "CZlib", "CBrotli", "CNGHTTP2", "CPostgres"]

let modules: [(name: String, imports: [String], packages: [String])] = [
    ("Reactor", ["CLinux"], []),
    ("TLS", ["COpenSSL"], []),
    ("Crypto", ["COpenSSL"], []),
    ("HTTP", ["CZlib", "CBrotli", "CNGHTTP2"], []),
    ("JSON", [], []),
    ("Model", [], []),
    ("Telemetry", [], []),
    ("DataPlane", ["Reactor", "TLS", "HTTP", "JSON", "Telemetry"], []),
    (
        "Registry",
        ["Model", "Crypto", "JSON", "Telemetry", "Reactor", "CZlib", "CPostgres"], ["GRDB"]
    ),
    ("Edge", ["DataPlane", "Reactor", "HTTP", "JSON", "Model", "Telemetry", "Crypto"], []),
    (
        "Executor", ["DataPlane", "Reactor", "HTTP", "JSON", "Model", "Telemetry", "Crypto"],
        ["GRDB"]
    ),
    (
        "Replication",
        ["Registry", "DataPlane", "Reactor", "TLS", "HTTP", "JSON", "Model", "Crypto"], []
    ),
    ("Templates", ["Registry", "Model", "Crypto", "JSON"], ["Yams"]),
    (
        "FrontDoors",
        [
            "Edge", "Executor", "DataPlane", "Reactor", "HTTP", "JSON", "Model", "Telemetry",
            "Crypto",
        ], []
    ),
    (
        "ControlPlane",
        [
            "Templates", "Replication", "Executor", "Registry", "DataPlane", "Reactor", "HTTP",
            "JSON", "Model",
            "Telemetry", "Crypto",
        ], []
    ),
]

/// What only the tests of a module use besides the module's own imports.
let testImports = [
    "TLS": ["Crypto"], "Edge": ["CZlib", "Testkit"], "DataPlane": ["Testkit"],
    "Registry": ["Testkit"],
    "FrontDoors": ["Testkit"], "Executor": ["Testkit"], "portico": ["Testkit"],
]

/// Test suites that belong to no single module, with what they import.
let suites: [(name: String, imports: [String])] = [
    (
        "DialogueTests",
        [
            "Testkit", "FrontDoors", "Edge", "Executor", "DataPlane", "Reactor", "TLS", "HTTP",
            "JSON", "Model", "Telemetry", "Crypto",
        ]
    ),
    ("ClientTests", ["Testkit", "TLS"]), ("RepositoryTests", ["Testkit"]),
    ("FuzzTests", ["FuzzTargets"]),
]

/// What tests share.
let kits: [(name: String, path: String, imports: [String])] = [
    ("Testkit", "Tests/Testkit", ["TLS", "CLinux"]),
    (
        "FuzzTargets", "Tests/Fuzz/Targets",
        ["HTTP", "JSON", "Edge", "Model", "Templates", "FrontDoors", "Replication"]
    ),
]

let packageOf = [
    "GRDB": "GRDB.swift", "Yams": "Yams", "ArgumentParser": "swift-argument-parser",
    "Logging": "swift-log",
]

/// The modules asked for by PORTICO_MODULES with all they import, or nil for everything.
func closure(of names: [String]) -> Set<String> {
    var wanted = Set(names)
    var queue = names
    while let next = queue.popLast() {
        let known =
            modules.map { ($0.name, $0.imports) } + suites.map { ($0.name, $0.imports) }
            + kits.map { ($0.name, $0.imports) }
        let imports = known.first { $0.0 == next }?.1 ?? []
        for dependency in imports where wanted.insert(dependency).inserted {
            queue.append(dependency)
        }
    }
    return wanted
}
let asked = ProcessInfo.processInfo.environment["PORTICO_MODULES"].map {
    $0.split(separator: ",").map(String.init)
}
let wanted = asked.map { closure(of: $0 + $0.flatMap { testImports[$0] ?? [] }) }
let everything = wanted == nil

func dependencies(_ imports: [String], _ packages: [String]) -> [Target.Dependency] {
    imports.map { .target(name: $0) }
        + packages.map { .product(name: $0, package: packageOf[$0] ?? $0) }
}
func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: Context.packageDirectory + "/" + path)
}

var targets: [Target] = [
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CZlib"),
    .systemLibrary(name: "CBrotli", providers: [.apt(["libbrotli-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
        name: "CNGHTTP2",
        pkgConfig: "libnghttp2",
        providers: [.apt(["libnghttp2-dev"])]
    ),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
]
for module in modules where wanted?.contains(module.name) ?? true {
    targets.append(
        .target(
            name: module.name,
            dependencies: dependencies(module.imports, module.packages),
            swiftSettings: settings
        )
    )
    if exists("Tests/\(module.name)Tests"), asked?.contains(module.name) ?? true {
        targets.append(
            .testTarget(
                name: "\(module.name)Tests",
                dependencies: dependencies(
                    [module.name] + module.imports + (testImports[module.name] ?? []),
                    module.packages
                ),
                exclude: exists("Tests/\(module.name)Tests/Golden") ? ["Golden"] : [],
                swiftSettings: settings
            )
        )
    }
}
// Micro-benchmarks need `package` symbols, so they are targets of this package, on demand.
if ProcessInfo.processInfo.environment["PORTICO_DEV"] != nil, wanted?.contains("FrontDoors") ?? true
{
    targets.append(
        .executableTarget(
            name: "DoorBench",
            dependencies: dependencies(
                [
                    "FrontDoors", "Executor", "DataPlane", "Reactor", "TLS", "Model", "JSON",
                    "Crypto",
                ],
                []
            ),
            path: "Tests/Benchmarks/DoorBench",
            swiftSettings: settings
        )
    )
}
if ProcessInfo.processInfo.environment["PORTICO_DEV"] != nil, wanted?.contains("Edge") ?? true {
    targets.append(
        .executableTarget(
            name: "CacheBench",
            dependencies: dependencies(["Edge", "HTTP"], []),
            path: "Tests/Benchmarks/CacheBench",
            swiftSettings: settings
        )
    )
    targets.append(
        .executableTarget(
            name: "FunctionBench",
            dependencies: dependencies(
                ["Edge", "DataPlane", "Reactor", "HTTP", "Model"],
                []
            ),
            path: "Tests/Benchmarks/FunctionBench",
            swiftSettings: settings
        )
    )
}
if ProcessInfo.processInfo.environment["PORTICO_DEV"] != nil,
    wanted?.contains("Replication") ?? true
{
    targets.append(
        .executableTarget(
            name: "FeedSim",
            dependencies: dependencies(
                ["Replication", "Registry", "DataPlane", "Reactor", "Crypto", "Model"],
                []
            ),
            path: "Tests/Benchmarks/FeedSim",
            swiftSettings: settings
        )
    )
}
if ProcessInfo.processInfo.environment["PORTICO_DEV"] != nil, wanted?.contains("Executor") ?? true {
    targets.append(
        .executableTarget(
            name: "InvokeBench",
            dependencies: dependencies(["Executor", "DataPlane", "Reactor", "Model"], []),
            path: "Tests/Benchmarks/InvokeBench",
            swiftSettings: settings
        )
    )
}
// Built with `swift build --sanitize fuzzer`, which brings its own `main`.
if ProcessInfo.processInfo.environment["PORTICO_DEV"] == "fuzz" {
    targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: dependencies(["FuzzTargets"], []),
            path: "Tests/Fuzz/Driver",
            swiftSettings: settings
        )
    )
}
for kit in kits where wanted?.contains(kit.name) ?? true {
    targets.append(
        .target(
            name: kit.name,
            dependencies: dependencies(kit.imports, []),
            path: kit.path,
            swiftSettings: settings
        )
    )
}
for suite in suites where asked?.contains(suite.name) ?? exists("Tests/\(suite.name)") {
    targets.append(
        .testTarget(
            name: suite.name,
            dependencies: dependencies(suite.imports, []),
            exclude: suite.name == "DialogueTests" ? ["Dialogues"] : [],
            swiftSettings: settings
        )
    )
}
if everything {
    targets.append(
        .executableTarget(
            name: "portico",
            dependencies: dependencies(modules.map(\.name) + ["CLinux"], ["ArgumentParser"]),
            swiftSettings: settings
        )
    )
    if exists("Tests/PorticoTests") {
        targets.append(
            .testTarget(
                name: "PorticoTests",
                dependencies: ["portico", "Crypto", "JSON", "Model", "HTTP"],
                swiftSettings: settings
            )
        )
    }
}

let needed = Set(modules.filter { wanted?.contains($0.name) ?? true }.flatMap(\.packages)).union(
    everything ? ["ArgumentParser"] : []
)
let catalogue: [String: Package.Dependency] = [
    "GRDB": .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    "Yams": .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    "ArgumentParser": .package(
        url: "https://github.com/apple/swift-argument-parser",
        from: "1.8.2"
    ),
]

let package = Package(
    name: "portico",
    products: everything ? [.executable(name: "portico", targets: ["portico"])] : [],
    dependencies: needed.sorted().compactMap { catalogue[$0] },
    targets: targets
)
