import JSON
import Model

/// Public keys, key groups and origin access controls between the API and the edges.
enum KeyShapes {
    static func publicKey(_ id: String, _ config: JSONValue) throws(APIError) -> Resource {
        let text = config["EncodedKey"]?.string ?? ""
        guard text.contains("-----BEGIN PUBLIC KEY-----"),
            text.contains("-----END PUBLIC KEY-----")
        else {
            throw CloudFrontService.argument(
                "The parameter EncodedKey is not a public key in PEM format."
            )
        }
        var key = PublicKey(id: id, name: config["Name"]?.string ?? "", encodedKey: text)
        key.comment = config["Comment"]?.string ?? ""
        return .publicKey(key)
    }

    static func config(_ key: PublicKey) -> JSONValue {
        [
            "CallerReference": .string(key.id), "Name": .string(key.name),
            "EncodedKey": .string(key.encodedKey), "Comment": .string(key.comment),
        ]
    }

    static func keyGroup(
        _ id: String,
        _ config: JSONValue,
        in snapshot: Snapshot
    ) throws(APIError) -> Resource {
        let keys = config.texts
        for key in keys where snapshot.publicKeys[key] == nil {
            throw CloudFrontService.argument("The public key \(key) does not exist.")
        }
        guard Set(keys).count == keys.count else {
            throw CloudFrontService.argument("A public key stands twice in the key group.")
        }
        guard keys.count <= 5 else {
            throw CloudFrontService.error(
                "TooManyPublicKeysInKeyGroup",
                "The number of public keys in this key group is more than the maximum allowed."
            )
        }
        var group = KeyGroup(id: id, name: config["Name"]?.string ?? "", keys: keys)
        group.comment = config["Comment"]?.string ?? ""
        return .keyGroup(group)
    }

    static func config(_ group: KeyGroup) -> JSONValue {
        [
            "Name": .string(group.name), "Items": .array(group.keys.map(JSONValue.string)),
            "Comment": .string(group.comment),
        ]
    }

    static func accessControl(_ id: String, _ config: JSONValue) throws(APIError) -> Resource {
        let type = config["OriginAccessControlOriginType"]?.string ?? ""
        let behavior = config["SigningBehavior"]?.string ?? ""
        guard let originType = OriginAccessControl.OriginType(rawValue: type),
            let signing = OriginAccessControl.SigningBehavior(rawValue: behavior)
        else { throw CloudFrontService.argument("The origin access control is not valid.") }
        var control = OriginAccessControl(
            id: id,
            name: config["Name"]?.string ?? "",
            originType: originType,
            signingBehavior: signing
        )
        control.description = config["Description"]?.string ?? ""
        return .originAccessControl(control)
    }

    static func config(_ control: OriginAccessControl) -> JSONValue {
        [
            "Name": .string(control.name), "Description": .string(control.description),
            "SigningProtocol": "sigv4",
            "SigningBehavior": .string(control.signingBehavior.rawValue),
            "OriginAccessControlOriginType": .string(control.originType.rawValue),
        ]
    }
}
