import Foundation
import Testing

/// Function files as they are deployed to AWS run unchanged: every form of handler in both languages, with
/// their environment, files, modules and packages.
@Suite("Forms of functions", .serialized, .timeLimit(.minutes(15)))
struct FunctionFormsTests {
    static let files = [
        "template.yaml": """
        Transform: AWS::Serverless-2016-10-31
        Globals:
          Function: { Runtime: nodejs22.x, Timeout: 20, Environment: { Variables: { STAGE: dev } } }
        Resources:
          Callback: { Type: AWS::Serverless::Function, Properties: { Handler: index.handler, CodeUri: callback } }
          Module: { Type: AWS::Serverless::Function, Properties: { Handler: index.handler, CodeUri: module } }
          Nested: { Type: AWS::Serverless::Function, Properties: { Handler: src/app.run, CodeUri: nested } }
          Python:
            Type: AWS::Serverless::Function
            Properties: { Runtime: python3.12, Handler: app.main.handler, CodeUri: python }
        """,
        "callback/index.js": """
        const fs = require('fs');
        const { add } = require('./lib/add');
        const dependency = require('dependency');
        exports.handler = (event, context, callback) => {
          fs.writeFileSync('/tmp/portico-forms', 'kept');
          callback(null, {
            sum: add(event.n, 1), dependency, stage: process.env.STAGE,
            name: process.env.AWS_LAMBDA_FUNCTION_NAME, region: process.env.AWS_REGION,
            file: fs.readFileSync('/tmp/portico-forms', 'utf8'),
            left: context.getRemainingTimeInMillis() > 0,
          });
        };
        """,
        "callback/lib/add.js": "exports.add = (a, b) => a + b;",
        "callback/node_modules/dependency/index.js": "module.exports = 'found';",
        "module/index.mjs": """
        const ready = await Promise.resolve('awaited');
        export const handler = async (event, context) => ({ ready, id: context.awsRequestId.length });
        """,
        "nested/src/app.js": "exports.run = async (event) => ({ nested: event.n });",
        "python/app/__init__.py": "",
        "python/app/main.py": """
        import os
        from packages.double import double

        def handler(event, context):
            with open("/tmp/portico-forms-python", "w") as file:
                file.write("kept")
            return {"double": double(event["n"]), "stage": os.environ["STAGE"],
                    "name": context.function_name,
                    "file": open("/tmp/portico-forms-python").read()}
        """,
        "python/packages/__init__.py": "",
        "python/packages/double.py": "def double(n):\n    return n * 2\n",
    ]

    @Test("each form answers as it does at AWS")
    func forms() throws {
        let node = try CommandRun.node(["up"], in: try CommandRun.folder(Self.files))
        let port = "\(try node.port("api"))"
        let wanted: [(String, [String: String])] = [
            (
                "Callback",
                [
                    "sum": "5", "dependency": "found", "stage": "dev", "name": "portico-Callback",
                    "region": "us-east-1", "file": "kept", "left": "1",
                ]
            ),
            ("Module", ["ready": "awaited", "id": "36"]),
            ("Nested", ["nested": "4"]),
            (
                "Python",
                ["double": "8", "stage": "dev", "name": "portico-Python", "file": "kept"]
            ),
        ]
        for (name, members) in wanted {
            let result = try CommandRun(
                ["invoke", name, "--event", "-", "--api-port", port],
                in: try CommandRun.folder(),
                input: "{\"n\":4}"
            ).finish()
            #expect(result.status == 0, "\(name): \(result.errors)")
            let value = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
            let found = try #require(value as? [String: Any]).mapValues { "\($0)" }
            #expect(
                found == members
                    || found.mapValues { $0 == "true" ? "1" : $0 } == members,
                "\(name): \(result.output)"
            )
        }
    }
}
