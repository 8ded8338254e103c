"""Every operation of CloudFront's models, called once: what is said to be here is, the rest says that it is not.

Waiters and paginators are those that the models name.
"""
import os
import re
import socket
import subprocess

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from support import ACCOUNT, client, refused

# What Portico does not have, by what it is about: an operation of these gives AWS's error and a sentence.
ABSENT = re.compile(
    "DistributionTenant|ConnectionGroup|AnycastIp|VpcOrigin|FieldLevelEncryption|StreamingDistribution"
    "|MonitoringSubscription|ResourcePolicy|ManagedCertificate|DomainConflicts|DomainAssociation|VerifyDns"
    "|WebACL$|ByOwnedResource|ByConnectionMode")


def keys():
    """The client for the content of stores; its signature wants a library, and its host an account's name."""
    return boto3.client(
        "cloudfront-keyvaluestore", endpoint_url=os.environ["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost"),
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}))


resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    "127.0.0.1" if host.endswith(".localhost") else host, *rest, **more)


def minimal(shape, depth=0):
    """The least that a shape accepts: its required members alone."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_tagged_union:
            name, member = next(iter(shape.members.items()))
            return {name: minimal(member, depth + 1)}
        return {name: minimal(member, depth + 1) for name, member in shape.members.items()
                if name in shape.required_members}
    if kind == "list":
        return [minimal(shape.member, depth + 1) for _ in range(shape.metadata.get("min", 0))]
    if kind == "map":
        return {}
    if kind == "boolean":
        return False
    if kind in ("integer", "long", "float", "double"):
        return shape.metadata.get("min", 0)
    if kind == "blob":
        return b"{}"
    if kind == "timestamp":
        return "2026-01-01T00:00:00Z"
    if shape.enum:
        return shape.enum[0]
    return "x" * max(1, shape.metadata.get("min", 1))


def method(name):
    return botocore.xform_name(name)


def problem(model, name, absent, answer):
    """What is wrong with the answer to an operation; nothing for a reply of what is here."""
    if answer is None:
        return "is here: take it out of ABSENT" if absent else None
    said, status = answer["Error"], answer["ResponseMetadata"]["HTTPStatusCode"]
    if not answer["ResponseMetadata"].get("RequestId"):
        return f"has no request id: {answer}"
    if absent:
        told = said["Code"] == "UnsupportedOperation" and status == 400
        return None if told and name in said["Message"] and said["Message"].endswith(".") else f"{said} {status}"
    known = {shape.name for shape in model.error_shapes} | {"MalformedXML", "ValidationException"}
    if said["Code"] == "UnsupportedOperation" or said["Code"] not in known or status >= 500 or not said["Message"]:
        return f"{said} {status}"
    return None


def check_operations(service):
    """Calls each operation; what comes back is a reply, an error of the model, or the sentence."""
    api = keys() if service.endswith("keyvaluestore") else client(service)
    model = api.meta.service_model
    problems = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        given = minimal(operation.input_shape) if operation.input_shape else {}
        if "KvsARN" in given:
            given["KvsARN"] = f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/00000000-0000-4000-8000-000000000000"
        if "Resource" in given:
            given["Resource"] = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E0000000000000"
        answer = None
        try:
            getattr(api, method(name))(**given)
        except ClientError as error:
            answer = error.response
        absent = service == "cloudfront" and ABSENT.search(name)
        found = problem(model, name, absent, answer)
        if found:
            problems.append(f"{name} {found}")
    assert not problems, "\n".join(problems)


def distribution(api, number):
    origin = {"Id": "o", "DomainName": "o.example.com", "CustomOriginConfig": {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}
    return api.create_distribution(DistributionConfig={
        "CallerReference": f"page-{number}", "Comment": "", "Enabled": False,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"}})["Distribution"]["Id"]


def make_pages(api):
    """Three of each thing that a paginator lists; gives what each paginator is asked with."""
    ids = [distribution(api, number) for number in range(3)]
    for number in range(3):
        api.create_invalidation(DistributionId=ids[0], InvalidationBatch={
            "CallerReference": str(number), "Paths": {"Quantity": 1, "Items": [f"/{number}"]}})
        api.create_cloud_front_origin_access_identity(CloudFrontOriginAccessIdentityConfig={
            "CallerReference": str(number), "Comment": ""})
        api.create_origin_access_control(OriginAccessControlConfig={
            "Name": f"page-{number}", "SigningProtocol": "sigv4", "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3"})
        api.create_key_value_store(Name=f"page-{number}")
        api.create_public_key(PublicKeyConfig={
            "CallerReference": str(number), "Name": f"page-{number}", "EncodedKey": public_key()})
    return {"ListInvalidations": {"DistributionId": ids[0]}}, ids


def public_key():
    key = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
                         check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "ec", "-pubout"], input=key, check=True, capture_output=True).stdout.decode()


def check_paginators(api, arguments):
    """Pages of one give the same as one page of all."""
    names = botocore.session.get_session().get_paginator_model("cloudfront")._paginator_config
    paged = 0
    for name in sorted(names):
        if ABSENT.search(name):
            continue
        wanted = api.meta.service_model.operation_model(name).input_shape.required_members
        if not set(wanted) <= set(arguments.get(name, {})):
            continue
        pages = api.get_paginator(method(name))
        key = names[name]["result_key"]
        whole = pages.paginate(**arguments.get(name, {})).build_full_result()
        single = pages.paginate(**arguments.get(name, {}), PaginationConfig={"PageSize": 1}).build_full_result()

        def items(result):
            for part in (key if isinstance(key, str) else key[0]).split("."):
                result = (result or {}).get(part)
            return result or []

        assert items(whole) == items(single), name
        if len(items(whole)) > 2:
            paged += 1
    assert paged >= 6, f"{paged} paginators had pages to turn"


def check_waiters(api, ids):
    """Both waiters come back; those of streaming distributions and of tenants have nothing to wait for."""
    assert {"distribution_deployed", "invalidation_completed"} <= set(api.waiter_names), api.waiter_names
    quick = {"Delay": 1, "MaxAttempts": 120}
    api.get_waiter("distribution_deployed").wait(Id=ids[0], WaiterConfig=quick)
    invalidation = api.list_invalidations(DistributionId=ids[0])["InvalidationList"]["Items"][0]["Id"]
    api.get_waiter("invalidation_completed").wait(
        DistributionId=ids[0], Id=invalidation, WaiterConfig=quick)


def check_store_pages(api):
    """The keys of a store, a page at a time."""
    arn = api.create_key_value_store(Name="paged")["KeyValueStore"]["ARN"]
    data = keys()
    etag = data.describe_key_value_store(KvsARN=arn)["ETag"]
    puts = [{"Key": f"k{number}", "Value": str(number)} for number in range(5)]
    data.update_keys(KvsARN=arn, IfMatch=etag, Puts=puts)
    pages = data.get_paginator("list_keys").paginate(KvsARN=arn, PaginationConfig={"PageSize": 2})
    turned = list(pages)
    assert [item["Key"] for page in turned for item in page["Items"]] == [put["Key"] for put in puts], turned
    assert len(turned) == 3, turned


def main():
    check_operations("cloudfront")
    check_operations("cloudfront-keyvaluestore")
    api = client("cloudfront")
    arguments, ids = make_pages(api)
    check_paginators(api, arguments)
    check_waiters(api, ids)
    check_store_pages(api)
    with refused("UnsupportedOperation", "CreateVpcOrigin", 400):
        api.create_vpc_origin(VpcOriginEndpointConfig={
            "Name": "x", "Arn": "x", "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"})


if __name__ == "__main__":
    main()
