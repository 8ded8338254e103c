import Foundation
import Model

extension ResourceMapper {
    /// The longest inline code in characters (CloudFormation: "AWS::Lambda::Function Code").
    static let maximumInlineCode = 4_194_304

    /// The code of a SAM function.
    func serverlessCode(_ fields: Fields) -> CodeLocation? {
        let inline = fields.string("InlineCode")
        let place = fields.value("CodeUri")
        if let inline {
            if place != nil { fields.error("CodeUri", "InlineCode stands beside it") }
            return .inline(inline)
        }
        guard let place else {
            fields.error("CodeUri", "CodeUri or InlineCode is required")
            return nil
        }
        if let path = place.text { return location(path, fields, "CodeUri") }
        guard let object = fields.fields("CodeUri") else { return nil }
        defer { object.finish() }
        guard let bucket = object.required("Bucket"), let key = object.required("Key") else {
            return nil
        }
        return stored(bucket, key, fields, "CodeUri")
    }

    /// The code of a function in CloudFormation's form.
    func plainCode(_ fields: Fields) -> CodeLocation? {
        guard let value = fields.value("Code") else {
            fields.error("Code", "Code is required")
            return nil
        }
        // `aws cloudformation package` takes a path here and puts the archive in its place.
        if let path = value.text { return location(path, fields, "Code") }
        guard let code = fields.fields("Code") else { return nil }
        defer { code.finish() }
        if let text = code.string("ZipFile") {
            if text.count > Self.maximumInlineCode {
                code.error("ZipFile", "\(Self.maximumInlineCode) characters are the most")
            }
            return .inline(text)
        }
        if code.string("ImageUri") != nil {
            code.error("ImageUri", "container images do not run here")
            return nil
        }
        guard let bucket = code.string("S3Bucket"), let key = code.string("S3Key") else {
            fields.error("Code", "ZipFile, or S3Bucket with S3Key, is required")
            return nil
        }
        return stored(bucket, key, fields, "Code")
    }

    func location(_ path: String, _ fields: Fields, _ key: String) -> CodeLocation? {
        if path.hasPrefix("s3://") {
            let parts = path.dropFirst(5).split(separator: "/", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                fields.error(key, "'\(path)' is no s3://bucket/key")
                return nil
            }
            return stored(parts[0], parts[1], fields, key)
        }
        let whole = absolute(path)
        return path.hasSuffix(".zip") || path.hasSuffix(".jar") ? .zip(whole) : .folder(whole)
    }

    /// An archive in a bucket, which must be a folder of this machine.
    func stored(
        _ bucket: String,
        _ key: String,
        _ fields: Fields,
        _ property: String
    ) -> CodeLocation? {
        guard let folder = buckets[bucket] else {
            fields.error(
                property,
                "the code is \(key) in the bucket \(bucket), which has no folder here: name one in "
                    + "Metadata.Portico.Buckets"
            )
            return nil
        }
        return .zip(folder + "/" + key)
    }

    /// Says at once what would fail when the function is loaded.
    func checkCode(
        _ code: CodeLocation,
        _ handler: String,
        _ runtime: String,
        _ fields: Fields
    ) {
        if !checkExists(code, fields.has("CodeUri") ? "CodeUri" : "Code", fields) { return }
        if case .folder(let path) = code { checkHandler(handler, runtime, in: path, fields) }
    }

    /// Whether the code is where it should be; says so when it is not.
    @discardableResult
    func checkExists(_ code: CodeLocation, _ property: String, _ fields: Fields) -> Bool {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        switch code {
        case .inline: return true
        case .zip(let path):
            if manager.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue {
                return true
            }
            fields.error(property, "there is no file \(path)")
            return false
        case .folder(let path):
            guard manager.fileExists(atPath: path, isDirectory: &isFolder) else {
                fields.error(property, "there is no folder \(path)")
                return false
            }
            guard isFolder.boolValue else {
                fields.error(property, "\(path) is a file; a folder or a .zip is wanted")
                return false
            }
            return true
        }
    }

    private func checkHandler(
        _ handler: String,
        _ runtime: String,
        in folder: String,
        _ fields: Fields
    ) {
        let endings: [String]
        if runtime.hasPrefix("nodejs") {
            endings = [".js", ".mjs", ".cjs"]
        } else if runtime.hasPrefix("python") {
            endings = [".py", "/__init__.py"]
        } else {
            return
        }
        guard let dot = handler.lastIndex(of: "."), dot != handler.startIndex else {
            return fields.error("Handler", "'\(handler)' is not of the form file.method")
        }
        var module = String(handler[..<dot])
        if runtime.hasPrefix("python") { module = module.replacing(".", with: "/") }
        let exists = endings.contains {
            FileManager.default.fileExists(atPath: folder + "/" + module + $0)
        }
        if !exists {
            let names = endings.map { module + $0 }.joined(separator: ", ")
            fields.warning("Handler", "\(folder) has none of \(names)")
        }
    }
}
