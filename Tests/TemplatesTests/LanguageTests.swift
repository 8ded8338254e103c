import Foundation
import Testing

@testable import Templates

@Suite("Template language")
struct LanguageTests {
    private static let extensions = "Transform: AWS::LanguageExtensions\n"

    @Test(
        "a wrong intrinsic is refused with the reason",
        arguments: [
            ("!ImportValue x", "Fn::ImportValue: there is no other stack here"),
            ("!Select [3, [a]]", "Fn::Select: index 3 is outside a list of 1"),
            ("!Split ['', a]", "Fn::Split needs a delimiter and a string"),
            ("!Join [',', [a, {b: c}]]", "Fn::Join needs a list of strings"),
            ("!Sub '${ A }'", "Fn::Sub: '${ A }' holds no name, or spaces around it"),
            ("!Sub '${A}'", "there is no parameter or resource named A"),
            ("!Ref A", "there is no parameter or resource named A"),
            ("!Ref Off", "the condition of Off is false, so there is no such resource"),
            ("!GetAtt B.Nope", "AWS::S3::Bucket B has no attribute Nope"),
            ("!FindInMap [M, a, b]", "Fn::FindInMap: there is no M.a.b"),
            ("!Cidr [10.0.0.0/30, 5, 8]", "Fn::Cidr needs an address block"),
            ("!If [Nope, a, b]", "there is no condition named Nope"),
            ("{'Fn::Transform': {Name: AWS::Include}}", "Fn::Transform: macros do not run here"),
            ("{'Fn::Nope': 1}", "there is no intrinsic function Fn::Nope"),
            ("{'Fn::Join': ['', []], x: 1}", "Fn::Join must stand alone in its map"),
            ("!Ref AWS::Nope", "there is no parameter or resource named AWS::Nope"),
        ]
    )
    func wrongIntrinsics(expression: String, message: String) throws {
        let plan = try compiled(
            """
            Conditions: {Never: !Equals [a, b]}
            Resources:
              B: {Type: AWS::S3::Bucket}
              Off: {Type: AWS::S3::Bucket, Condition: Never}
            Outputs: {O: {Value: \(expression)}}
            """
        )
        let found = plan.diagnostics.filter { $0.severity == .error }
        #expect(found.contains { $0.message.hasPrefix(message) }, "\(plan.messages)")
        #expect(found.allSatisfy { $0.line == 5 })
    }

    @Test("loops make entries with their value in keys, texts and references")
    func loops() throws {
        let plan = try compiled(
            Self.extensions + """
                Parameters: {Names: {Type: CommaDelimitedList, Default: 'a, b'}}
                Resources:
                  Fn::ForEach::Buckets:
                    - Name
                    - !Ref Names
                    - Bucket${Name}:
                        Type: AWS::S3::Bucket
                        Properties: {BucketName: !Sub 'shop-${Name}-x'}
                Outputs:
                  Fn::ForEach::Outs:
                    - N
                    - [x, y]
                    - Out&{N}: {Value: !Ref N}
                """
        )
        #expect(plan.problems == [])
        #expect(plan.buckets.keys.sorted() == ["shop-a-x", "shop-b-x"])
        #expect(plan.outputs == ["Outx": "x", "Outy": "y"])
    }

    @Test("a loop without its transform is refused")
    func loopNeedsTransform() throws {
        let plan = try compiled("Resources:\n  Fn::ForEach::A: [N, [a], {X: {Type: A::B::C}}]\n")
        #expect(plan.messages.first?.contains("needs Transform: AWS::LanguageExtensions") == true)
    }

    @Test(
        "parameters keep their constraints",
        arguments: [
            ("{Type: Number}", "x", "'x' is no number"),
            ("{Type: Number, MinValue: 3}", "2", "2 is less than MinValue"),
            ("{Type: Number, MaxValue: 3}", "4", "4 is more than MaxValue"),
            ("{Type: String, MinLength: 3}", "ab", "'ab' is shorter than MinLength 3"),
            ("{Type: String, MaxLength: 1}", "ab", "'ab' is longer than MaxLength 1"),
            (
                "{Type: String, AllowedPattern: '[a-c]+'}", "abd",
                "does not match the AllowedPattern"
            ),
            (
                "{Type: String, AllowedValues: [a], ConstraintDescription: be a}", "b",
                "AllowedValues: a (be a)"
            ),
            ("{Type: String, NoEcho: true, MaxLength: 1}", "secret", "'****' is longer"),
            ("{Type: 'List<Number>'}", "1,x", "is no number"),
            ("{Type: Strin}", "a", "'Strin' is no type of a parameter"),
            ("{Type: String, Defalt: a}", "a", "Defalt is no attribute of a parameter"),
        ]
    )
    func parameters(declaration: String, value: String, message: String) throws {
        let plan = try compiled("Parameters:\n  P: \(declaration)\n", parameters: ["P": value])
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
        #expect(plan.diagnostics.allSatisfy { $0.line == 2 })
    }

    @Test("a parameter that is missing or unknown is refused")
    func missingParameters() throws {
        #expect(
            try compiled("Parameters:\n  P: {Type: String}\n").messages
                == ["the parameter has no value and no Default"]
        )
        #expect(
            try compiled("Resources: {}\n", parameters: ["Q": "1"]).messages
                == ["the template has no parameter named Q"]
        )
    }

    @Test(
        "globals are merged: scalars replaced, maps joined, lists concatenated with the global first"
    )
    func globals() throws {
        let text = """
            Transform: AWS::Serverless-2016-10-31
            Globals:
              Function:
                Runtime: nodejs22.x
                Timeout: 7
                Environment: {Variables: {AA: '1', BB: '1'}}
            Resources:
              F:
                Type: AWS::Serverless::Function
                Properties:
                  Handler: index.handler
                  InlineCode: '1'
                  Timeout: 9
                  Environment: {Variables: {BB: '2'}}
            """
        let plan = try compiled(text)
        #expect(plan.problems == [])
        let function = try #require(plan.functions.first)
        #expect(function.runtime == "nodejs22.x" && function.timeout == 9)
        #expect(function.environment == ["AA": "1", "BB": "2"])
        let wrong = try compiled(text.replacing("Timeout: 7", with: "FunctionName: a"))
        #expect(wrong.messages.first?.hasPrefix("FunctionName cannot be global") == true)
        #expect(
            try compiled("Globals:\n  Table: {}\n").messages.first?.hasPrefix("Table is not one of")
                == true
        )
    }

    @Test(
        "sections, macros and attributes that are unknown are reported with their place",
        arguments: [
            ("Resource: {}\n", "1:1 Resource"), ("Transform: My::Macro\n", "1:12 Transform"),
            ("AWSTemplateFormatVersion: 2010-09-10\n", "1:27 AWSTemplateFormatVersion"),
            ("Resources:\n  A-b: {Type: AWS::S3::Bucket}\n", "2:3 Resources.A-b"),
            ("Resources:\n  A: {Type: AWS::S3::Bucket, Typo: 1}\n", "2:30 Resources.A.Typo"),
            ("Outputs:\n  A: {Value: a, Typo: 1}\n", "2:17 Outputs.A.Typo"),
            ("Outputs:\n  A: {}\n", "2:6 Outputs.A"),
            ("Mappings:\n  M: {a: b}\n", "2:10 Mappings.M.a"),
            ("Conditions:\n  C: !Or [x]\n", "2:6 Conditions.C"),
            ("Rules: {}\n", "1:1 Rules"),
        ]
    )
    func unknownNames(text: String, place: String) throws {
        #expect(try compiled(text).problems == [place])
    }

    @Test("a SAM resource without the transform is warned of")
    func samNeedsTransform() throws {
        let plan = try compiled("Resources:\n  A: {Type: AWS::Serverless::HttpApi}\n")
        #expect(plan.messages.first?.contains("without Transform") == true)
    }

    @Test("aliases that multiply without end are refused")
    func manyAliases() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            let list = repeatElement("*a\(level - 1)", count: 10).joined(separator: ",")
            text += "a\(level): &a\(level) [\(list)]\n"
        }
        #expect(throws: TemplateError.self) { try Template.parse(text, path: "t") }
        #expect(throws: TemplateError.self) { try Template.parse("<<: {a: 1}", path: "t") }
    }
}
