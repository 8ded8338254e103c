import Foundation
import JSON
import Testing

@testable import ControlPlane

@Suite("Service models")
struct ModelTests {
    static let all: [ServiceModel] = [
        .lambda, .cloudFront, .keyValueStore, .loadBalancing, .gatewayV2, .gatewayV1, .tokenService,
    ]

    @Test("every pattern of every model can be compiled", arguments: all.map(\.service))
    func patterns(service: String) throws {
        let model = try #require(Self.all.first { $0.service == service })
        let cache = PatternCache()
        for shape in model.allShapes {
            guard let pattern = shape.pattern else { continue }
            #expect(cache.expression(pattern) != nil, "\(shape.name): \(pattern)")
        }
    }

    @Test("every REST operation is found again by a path made of its own template")
    func matching() {
        for model in Self.all where model.wire != .query {
            for operation in model.operations.values {
                let path = operation.segments.map { segment in
                    switch segment {
                    case .literal(let text): text
                    case .label, .greedy: "x"
                    }
                }.joined(separator: "/")
                let query = operation.query.map { $0.name + ($0.value.map { "=" + $0 } ?? "") }
                let found = model.match(
                    method: operation.method,
                    path: "/" + path,
                    query: Query(query.joined(separator: "&"))
                )
                // Deprecated operations may share the place of their successors.
                let isSame =
                    found?.operation.name == operation.name
                    || found?.operation.segments == operation.segments
                #expect(isSame, "\(operation.name) is taken for \(found?.operation.name ?? "none")")
            }
        }
    }

    @Test("an encoded slash or colon stays inside its segment")
    func encodedLabels() {
        let found = ServiceModel.lambda.match(
            method: "GET",
            path: "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3Afunction%3Af",
            query: Query(nil)
        )
        #expect(found?.operation.name == "ListTags")
        #expect(
            found?.labels["ARN"] ?? found?.labels["Resource"]
                == "arn:aws:lambda:us-east-1:1:function:f"
        )
    }

    @Test("what a query holds decides between operations of one path")
    func queries() {
        let cases = [
            ("/2018-10-31/layers", "", "ListLayers"),
            ("/2018-10-31/layers", "find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
            (
                "/2019-09-30/functions/f/provisioned-concurrency", "List=ALL",
                "ListProvisionedConcurrencyConfigs"
            ),
            (
                "/2019-09-30/functions/f/provisioned-concurrency", "Qualifier=1",
                "GetProvisionedConcurrencyConfig"
            ),
        ]
        for (path, query, name) in cases {
            let found = ServiceModel.lambda.match(method: "GET", path: path, query: Query(query))
            #expect(found?.operation.name == name)
        }
    }
}

@Suite("Parameter validation")
struct ValidationTests {
    private func problems(_ shape: String, _ input: JSONValue) -> [String] {
        ParameterValidation(
            model: .lambda,
            enumPhrase: "enum value set",
            exempt: ["Runtime"],
            patterns: PatternCache()
        ).problems(input, ServiceModel.lambda.shape(shape))
    }

    @Test("a missing member, a wrong pattern and an enumeration are said as AWS says them")
    func sentences() {
        let input: JSONValue = [
            "FunctionName": "invalid:function:name:x", "Role": "r1", "PackageType": "Tar",
        ]
        let found = problems("CreateFunctionRequest", input)
        #expect(
            found.contains(
                "Value null at 'code' failed to satisfy constraint: Member must not be null"
            )
        )
        #expect(
            found.contains(
                "Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular "
                    + "expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"
            )
        )
        #expect(
            found.contains(
                "Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum "
                    + "value set: [Zip, Image]"
            )
        )
        #expect(
            ParameterValidation.message(found)?.hasPrefix(
                "\(found.count) validation errors detected: "
            ) == true
        )
    }

    @Test("bounds of numbers, lists, map keys and map values have their own phrases")
    func bounds() {
        #expect(
            problems(
                "PutProvisionedConcurrencyConfigRequest",
                [
                    "FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0,
                ]
            ) == [
                "Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member "
                    + "must have value greater than or equal to 1"
            ]
        )
        let alias: JSONValue = [
            "FunctionName": "f", "Name": "live", "FunctionVersion": "1",
            "RoutingConfig": ["AdditionalVersionWeights": ["2": .number("2.0")]],
        ]
        #expect(
            problems("CreateAliasRequest", alias) == [
                "Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
                    + "constraint: Map value must satisfy constraint: [Member must have value less than "
                    + "or equal to 1.0, Member must have value greater than or equal to 0.0, Member must "
                    + "not be null]"
            ]
        )
        let latest: JSONValue = [
            "FunctionName": "f", "Name": "live", "FunctionVersion": "1",
            "RoutingConfig": ["AdditionalVersionWeights": ["$LATEST": .number("0.5")]],
        ]
        #expect(
            problems("CreateAliasRequest", latest) == [
                "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
                    + "constraint: Map keys must satisfy constraint: [Member must have length less than "
                    + "or equal to 1024, Member must have length greater than or equal to 1, Member must "
                    + "satisfy regular expression pattern: [0-9]+]"
            ]
        )
    }
}

@Suite("Wire protocols")
struct ProtocolTests {
    @Test("XML is read with its entities, and what is damaged is refused")
    func reading() throws {
        let text =
            "<?xml version=\"1.0\"?><!-- c --><a:X xmlns='u'><Y>1 &lt; &#50;</Y><Z/><![CDATA[<&]]></a:X>"
        let node = try XMLNode.parse(Array(text.utf8))
        #expect(node.name == "X")
        #expect(node.child("Y")?.text == "1 < 2")
        #expect(node.child("Z")?.children.isEmpty == true)
        #expect(node.text == "<&")
        for bad in [
            "", "<a>", "<a></b>", "<a>&x;</a>", "<a/><b/>", "<!DOCTYPE a><a/>", "<a b></a>",
        ] {
            #expect(throws: XMLNode.Malformed.self) { try XMLNode.parse(Array(bad.utf8)) }
        }
        let deep = String(repeating: "<a>", count: 100) + String(repeating: "</a>", count: 100)
        #expect(throws: XMLNode.Malformed.self) { try XMLNode.parse(Array(deep.utf8)) }
    }

    @Test("a structure comes back from XML as it was written")
    func roundTrip() throws {
        let model = ServiceModel.cloudFront
        let shape = model.shape("DistributionConfig")
        let value: JSONValue = [
            "CallerReference": "a<&>b", "Aliases": ["Quantity": 1, "Items": ["x.test"]],
            "Origins": ["Quantity": 1, "Items": [["Id": "o", "DomainName": "d"]]],
            "Comment": "", "Enabled": true,
        ]
        var writer = XMLWriter()
        XMLBody(model: model).write(value, as: shape, named: "DistributionConfig", to: &writer)
        let node = try XMLNode.parse(writer.bytes)
        #expect(try XMLBody(model: model).read(node, as: shape) == value)
    }

    @Test("lists and structures of a form are read by their numbers")
    func forms() throws {
        let model = ServiceModel.loadBalancing
        let form = Query(
            "ListenerArn=l&Priority=10&Conditions.member.1.Field=query-string"
                + "&Conditions.member.1.QueryStringConfig.Values.member.1.Key=v"
                + "&Conditions.member.1.QueryStringConfig.Values.member.1.Value=a+b%2F"
                + "&Actions.member.2.Type=b&Actions.member.10.Type=c",
            plusIsSpace: true
        )
        let input = try FormBody(model: model, form: form).read(
            model.shape("CreateRuleInput"),
            at: ""
        )
        #expect(
            input == [
                "ListenerArn": "l",
                "Conditions": [
                    [
                        "Field": "query-string",
                        "QueryStringConfig": ["Values": [["Key": "v", "Value": "a b/"]]],
                    ]
                ],
                "Priority": 10, "Actions": [["Type": "b"], ["Type": "c"]],
            ]
        )
    }

    @Test("times are written in the calendar")
    func times() {
        #expect(Timestamp.iso8601(1_769_860_800.123) == "2026-01-31T12:00:00.123Z")
        #expect(Timestamp.iso8601(951_782_400, fraction: false) == "2000-02-29T00:00:00Z")
        #expect(Timestamp.lambda(0) == "1970-01-01T00:00:00.000+0000")
        #expect(Timestamp.parse("2026-01-31T12:00:00.123Z") == 1_769_860_800.123)
    }

    @Test("an event stream's checksum is that of zlib")
    func checksums() {
        #expect(EventStream.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    }
}
