import ArgumentParser
import Foundation

/// Puts one function in front of one origin, without a template.
struct Try: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "HTTPS with one function in front of an origin; no template needed."
    )

    @Argument(help: "The function's file, .js, .mjs, .cjs or .py, with an exported `handler`.")
    var functionFile: String

    @Option(help: "Where the origin is.")
    var to: String

    @Option(help: "viewer-request, origin-request, origin-response or viewer-response.")
    var event = "viewer-request"

    @OptionGroup
    var serving: ServingOptions

    mutating func validate() throws {
        guard
            ["viewer-request", "origin-request", "origin-response", "viewer-response"].contains(
                event
            )
        else {
            throw ValidationError(
                "--event takes viewer-request, origin-request, origin-response or viewer-response"
            )
        }
        guard let url = URL(string: to), ["http", "https"].contains(url.scheme ?? ""),
            url.host != nil
        else {
            throw ValidationError("--to takes a URL such as http://127.0.0.1:3000")
        }
        guard ["js", "mjs", "cjs", "py"].contains(URL(fileURLWithPath: functionFile).pathExtension)
        else {
            throw ValidationError("\(functionFile) is neither .js, .mjs, .cjs nor .py")
        }
    }

    func run() async throws {
        guard FileManager.default.fileExists(atPath: functionFile) else {
            throw CommandFailure("there is no file \(functionFile)")
        }
        let text = try templateText()
        let path =
            URL(fileURLWithPath: functionFile).deletingLastPathComponent().path
            + "/portico-try.yaml"
        let node = try Node(serving.configuration()) { try Stack(text: text, path: path) }
        try await node.run()
    }

    /// The template that says the same.
    private func templateText() throws -> String {
        let file = URL(fileURLWithPath: functionFile).standardizedFileURL
        let runtime = file.pathExtension == "py" ? "python3.12" : "nodejs22.x"
        let handler = file.deletingPathExtension().lastPathComponent + ".handler"
        let body = event.hasSuffix("request") ? "true" : "false"
        return """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              Function:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: \(runtime)
                  Handler: '\(handler)'
                  CodeUri: '\(file.deletingLastPathComponent().path)'
                  Timeout: 5
                  AutoPublishAlias: live
              Site:
                Type: AWS::CloudFront::Distribution
                Properties:
                  DistributionConfig:
                    Enabled: true
                    Origins:
                      - Id: origin
                        DomainName: origin.portico.invalid
                        CustomOriginConfig: { OriginProtocolPolicy: http-only }
                    DefaultCacheBehavior:
                      TargetOriginId: origin
                      ViewerProtocolPolicy: allow-all
                      AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
                      CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
                      OriginRequestPolicyId: 216adef6-5c7f-47e4-b989-5492eafa07d3
                      LambdaFunctionAssociations:
                        - EventType: \(event)
                          IncludeBody: \(body)
                          LambdaFunctionARN: !Ref Function.Version
            Metadata:
              Portico:
                Origins:
                  origin.portico.invalid: '\(to)'
            """
    }
}
