import Model
import Testing

@Suite
struct SnapStartTests {
    @Test(
        "runtimes from Java 11, Python 3.12 and .NET 8 on can have snapshots",
        arguments: [
            ("java11", true), ("java17", true), ("java21", true), ("java25", true),
            ("java8.al2", false), ("python3.12", true), ("python3.14", true), ("python3.9", false),
            ("python3.11", false), ("dotnet8", true), ("dotnet10", true), ("dotnet6", false),
            ("nodejs24.x", false), ("provided.al2023", false), ("ruby3.4", false), ("", false),
        ]
    )
    func supports(runtime: String, isSupported: Bool) {
        #expect(FunctionVersion.SnapStart.supports(runtime) == isSupported)
    }
}
