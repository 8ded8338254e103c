import Crypto
import JSON
import Model
import Registry

/// Custom domain names and their mappings to stages.
extension GatewayService {
    private static func key(_ name: String) -> String { "gateway/domain/" + name }

    func performDomain(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateDomainName": try await createDomain(call)
        case "GetDomainName": try await getDomain(call)
        case "GetDomainNames": try await listDomains(call)
        case "UpdateDomainName": try await updateDomain(call)
        case "DeleteDomainName": try await deleteDomain(call)
        case "CreateApiMapping": try await putMapping(call, isNew: true)
        case "UpdateApiMapping": try await putMapping(call, isNew: false)
        case "GetApiMapping": try await getMapping(call)
        case "GetApiMappings": try await listMappings(call)
        case "DeleteApiMapping": try await deleteMapping(call)
        default: nil
        }
    }

    private func domain(_ call: APICall, in snapshot: Snapshot) throws(APIError) -> GatewayDomain {
        let name = call.text("DomainName")
        guard let domain = snapshot.domains[name] else {
            throw APIError(
                404,
                "NotFoundException",
                "Invalid domain name identifier specified",
                ["resourceType": "DomainName"]
            )
        }
        return domain
    }

    private func shown(_ domain: GatewayDomain, in snapshot: Snapshot) -> JSONValue {
        let record = snapshot.record(Self.key(domain.name))
        var configuration =
            record?["DomainNameConfigurations"]?[0]?.object ?? JSONObject()
        configuration["ApiGatewayDomainName"] = .string(domain.name)
        configuration["DomainNameStatus"] = "AVAILABLE"
        configuration["EndpointType"] = configuration["EndpointType"] ?? "REGIONAL"
        configuration["SecurityPolicy"] = configuration["SecurityPolicy"] ?? "TLS_1_2"
        configuration["HostedZoneId"] = "Z1UJRXOUMOOFQ8"
        return [
            "DomainName": .string(domain.name),
            "ApiMappingSelectionExpression": "$request.basepath",
            "DomainNameConfigurations": [.object(configuration)],
            "RoutingMode": .string(domain.mode.rawValue), "Tags": record?["Tags"] ?? [:],
        ]
    }

    private func createDomain(_ call: APICall) async throws(APIError) -> APIReply {
        guard call["MutualTlsAuthentication"] == nil else {
            throw Self.bad("Mutual TLS is not supported here.")
        }
        return try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("DomainName")
            guard draft.snapshot.domains[name] == nil else {
                throw APIError(
                    409,
                    "ConflictException",
                    "The domain name you provided already exists."
                )
            }
            var domain = GatewayDomain(name: name)
            if let mode = call["RoutingMode"]?.string.flatMap(GatewayDomain.Mode.init) {
                domain.mode = mode
            }
            var record = JSONObject()
            record["DomainNameConfigurations"] = call["DomainNameConfigurations"]
            record["Tags"] = call["Tags"]
            draft.put(.domain(domain))
            draft.setRecord(Self.key(name), record)
            return APIReply(shown(domain, in: draft.snapshot))
        }
    }

    private func getDomain(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        return APIReply(shown(try domain(call, in: snapshot), in: snapshot))
    }

    private func listDomains(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let entries = snapshot.domains.values.sorted { $0.name < $1.name }
            .map { (key: $0.name, value: shown($0, in: snapshot)) }
        return try Self.page(entries, call)
    }

    private func updateDomain(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var domain = try domain(call, in: draft.snapshot)
            if let mode = call["RoutingMode"]?.string.flatMap(GatewayDomain.Mode.init) {
                domain.mode = mode
                draft.put(.domain(domain))
            }
            if let given = call["DomainNameConfigurations"] {
                var record = draft.record(Self.key(domain.name)) ?? JSONObject()
                record["DomainNameConfigurations"] = given
                draft.setRecord(Self.key(domain.name), record)
            }
            return APIReply(shown(domain, in: draft.snapshot))
        }
    }

    private func deleteDomain(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let domain = try domain(call, in: draft.snapshot)
            draft.delete(.domain(domain))
            draft.setRecord(Self.key(domain.name), nil)
            return .empty(204)
        }
    }

    // MARK: Mappings

    /// The id of a mapping follows from what it maps.
    private static func id(_ mapping: GatewayDomain.Mapping, of domain: GatewayDomain) -> String {
        String(Digest.hex(Digest.sha256("\(domain.name)/\(mapping.key)")).prefix(6))
    }

    private static func shown(
        _ mapping: GatewayDomain.Mapping,
        of domain: GatewayDomain
    ) -> JSONValue {
        [
            "ApiId": .string(mapping.api), "ApiMappingId": .string(id(mapping, of: domain)),
            "ApiMappingKey": .string(mapping.key), "Stage": .string(mapping.stage),
        ]
    }

    private func index(_ call: APICall, of domain: GatewayDomain) throws(APIError) -> Int {
        let id = call.text("ApiMappingId")
        guard let index = domain.mappings.firstIndex(where: { Self.id($0, of: domain) == id })
        else { throw Self.missing("API mapping", id) }
        return index
    }

    private func putMapping(_ call: APICall, isNew: Bool) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var domain = try domain(call, in: draft.snapshot)
            let index = isNew ? nil : try index(call, of: domain)
            var mapping =
                index.map { domain.mappings[$0] }
                ?? GatewayDomain.Mapping(api: call.text("ApiId"), stage: call.text("Stage"))
            if let api = call["ApiId"]?.string { mapping.api = api }
            if let stage = call["Stage"]?.string { mapping.stage = stage }
            if let key = call["ApiMappingKey"]?.string {
                mapping.key = key == "(none)" ? "" : key
            }
            let record = try record(mapping.api, in: draft.snapshot)
            guard record[.stage][mapping.stage] != nil else {
                throw Self.bad("Invalid stage identifier specified")
            }
            let twin = domain.mappings.firstIndex { $0.key == mapping.key }
            guard twin == nil || twin == index else {
                throw APIError(
                    409,
                    "ConflictException",
                    "ApiMapping key already exists for this domain name"
                )
            }
            if let index {
                domain.mappings[index] = mapping
            } else {
                domain.mappings.append(mapping)
            }
            draft.put(.domain(domain))
            return APIReply(Self.shown(mapping, of: domain))
        }
    }

    private func getMapping(_ call: APICall) async throws(APIError) -> APIReply {
        let domain = try domain(call, in: try await ledger.snapshot())
        return APIReply(Self.shown(domain.mappings[try index(call, of: domain)], of: domain))
    }

    private func listMappings(_ call: APICall) async throws(APIError) -> APIReply {
        let domain = try domain(call, in: try await ledger.snapshot())
        let entries = domain.mappings.sorted { $0.key < $1.key }
            .map { (key: $0.key, value: Self.shown($0, of: domain)) }
        return try Self.page(entries, call)
    }

    private func deleteMapping(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var domain = try domain(call, in: draft.snapshot)
            domain.mappings.remove(at: try index(call, of: domain))
            draft.put(.domain(domain))
            return .empty(204)
        }
    }
}
