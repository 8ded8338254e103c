#!/usr/bin/env python3
"""Writes Sources/ControlPlane/Generated from the service models that botocore ships.

One string literal for each service: a first line with the service, then a line for each operation and
each shape, each a letter, a name and JSON. Documentation, examples and traits that only clients read are
left out. `pip install botocore`, run without arguments; the output depends on botocore's version alone.
"""
import json
import pathlib

import botocore
import botocore.session

SERVICES = {
    "lambda": "Lambda",
    "cloudfront": "CloudFront",
    "cloudfront-keyvaluestore": "KeyValueStore",
    "elbv2": "LoadBalancing",
    "apigatewayv2": "GatewayV2",
    "apigateway": "GatewayV1",
    "sts": "TokenService",
    "events": "EventBridge",
    "logs": "CloudWatchLogs",
    "iam": "Identity",
}
# Of services of which little is here, only these operations.
OPERATIONS = {
    "logs": """
        CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy DescribeLogGroups
        DescribeLogStreams FilterLogEvents GetLogEvents ListTagsForResource ListTagsLogGroup PutLogEvents
        PutRetentionPolicy TestMetricFilter
    """.split(),
    "iam": """
        AttachRolePolicy CreatePolicy CreateRole DeletePolicy DeleteRole DeleteRolePolicy DetachRolePolicy
        GetPolicy GetPolicyVersion GetRole GetRolePolicy GetUser ListAttachedRolePolicies
        ListInstanceProfilesForRole ListPolicies ListPolicyVersions ListRolePolicies ListRoleTags ListRoles
        PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription
    """.split(),
}
SHAPE_TRAITS = (
    "type", "members", "member", "key", "value", "required", "min", "max", "pattern", "enum", "payload",
    "streaming", "eventstream", "event", "timestampFormat", "flattened", "locationName", "xmlNamespace",
)
MEMBER_TRAITS = (
    "shape", "location", "locationName", "flattened", "xmlNamespace", "xmlAttribute", "timestampFormat",
    "streaming", "eventpayload", "queryName", "idempotencyToken", "enum",
)
OUT = pathlib.Path(__file__).resolve().parent.parent / "Sources/ControlPlane/Generated"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def pick(source, traits):
    return {name: source[name] for name in traits if name in source}


def shape(source):
    result = pick(source, SHAPE_TRAITS)
    for name in ("member", "key", "value"):
        if name in result:
            result[name] = pick(result[name], MEMBER_TRAITS)
    if "members" in result:
        result["members"] = {k: pick(v, MEMBER_TRAITS) for k, v in result["members"].items()}
    if "error" in source or source.get("exception"):
        error = source.get("error", {})
        result["error"] = {
            key: value
            for key, value in (("code", error.get("code")), ("status", error.get("httpStatusCode")))
            if value is not None
        }
    return result


def operation(source):
    http = source["http"]
    result = {"http": [http["method"], http["requestUri"], http.get("responseCode", 200)]}
    if "input" in source:
        result["input"] = pick(source["input"], ("shape", "locationName", "xmlNamespace"))
    if "output" in source:
        result["output"] = pick(source["output"], ("shape", "resultWrapper"))
    if source.get("errors"):
        result["errors"] = [error["shape"] for error in source["errors"]]
    return result


def reachable(model):
    """The names of the shapes that an operation uses."""
    found, queue = set(), []
    for source in model["operations"].values():
        queue += [source[key]["shape"] for key in ("input", "output") if key in source]
        queue += [error["shape"] for error in source.get("errors", [])]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        source = model["shapes"][name]
        queue += [source[key]["shape"] for key in ("member", "key", "value") if key in source]
        queue += [member["shape"] for member in source.get("members", {}).values()]
    return found


def write(service, name, model):
    metadata = model["metadata"]
    if service in OPERATIONS:
        model["operations"] = {key: model["operations"][key] for key in OPERATIONS[service]}
    head = {
        "service": service,
        "protocol": metadata["protocol"],
        "version": metadata["apiVersion"],
        "signing": metadata.get("signingName", metadata["endpointPrefix"]),
    }
    if "targetPrefix" in metadata:
        head["target"] = metadata["targetPrefix"]
    if "xmlNamespace" in metadata:
        head["xmlNamespace"] = metadata["xmlNamespace"]
    used = reachable(model)
    lines = [compact(head)]
    lines += [f"o {key} {compact(operation(value))}" for key, value in sorted(model["operations"].items())]
    lines += [f"s {key} {compact(shape(value))}" for key, value in sorted(model["shapes"].items()) if key in used]
    body = "\n".join(lines)
    assert '"""##' not in body
    text = (
        "// swift-format-ignore-file\n"
        f"// Written by scripts/generate-service-models.py from botocore {botocore.__version__}; not edited by hand.\n\n"
        "extension GeneratedModels {\n"
        f"    static let {name[0].lower() + name[1:]} = ##\"\"\"\n{body}\n\"\"\"##\n"
        "}\n"
    )
    (OUT / f"{name}Model.swift").write_text(text)
    print(f"{name}Model.swift: {len(model['operations'])} operations, {len(used)} shapes, {len(text)} bytes")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    loader = botocore.session.get_session().get_component("data_loader")
    for service, name in SERVICES.items():
        write(service, name, loader.load_service_model(service, "service-2"))


if __name__ == "__main__":
    main()
