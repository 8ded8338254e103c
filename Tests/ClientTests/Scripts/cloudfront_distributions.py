"""Distributions: defaults, versions, errors, lists, tags, association of functions."""
from support import *

cloudfront = client("cloudfront")
lambda_ = client("lambda")
OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


def config(reference, **members):
    base = {
        "CallerReference": reference, "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{
            "Id": "o", "DomainName": "origin.example.net",
            "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"},
        }]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": OPTIMIZED},
    }
    return {**base, **members}


def behavior(**members):
    return {"DefaultCacheBehavior": {**config("x")["DefaultCacheBehavior"], **members}}


made = cloudfront.create_distribution(DistributionConfig=config("a"))
distribution = made["Distribution"]
id_ = distribution["Id"]
assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["Location"].endswith("/2020-05-31/distribution/" + id_)
assert distribution["Status"] == "InProgress" and distribution["DomainName"].endswith(".cloudfront.net")
assert distribution["ARN"] == f"arn:aws:cloudfront::{ACCOUNT}:distribution/{id_}"
cloudfront.get_waiter("distribution_deployed").wait(Id=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
got = cloudfront.get_distribution_config(Id=id_)
filled = got["DistributionConfig"]
assert got["ETag"] == made["ETag"] == cloudfront.get_distribution(Id=id_)["ETag"]
assert filled["Aliases"] == {"Quantity": 0} and filled["PriceClass"] == "PriceClass_All" and filled["HttpVersion"] == "http2"
assert filled["DefaultCacheBehavior"]["AllowedMethods"]["Items"] == ["HEAD", "GET"]
assert filled["Origins"]["Items"][0]["CustomOriginConfig"]["OriginReadTimeout"] == 30
assert filled["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
assert filled["Restrictions"]["GeoRestriction"] == {"RestrictionType": "none", "Quantity": 0}
assert cloudfront.create_distribution(DistributionConfig=config("a"))["Distribution"]["Id"] == id_
with refused("DistributionAlreadyExists", id_, 409):
    cloudfront.create_distribution(DistributionConfig=config("a", Comment="other"))

with refused("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.", 400):
    cloudfront.update_distribution(Id=id_, DistributionConfig=filled)
with refused("InvalidIfMatchVersion"):
    cloudfront.update_distribution(Id=id_, DistributionConfig=filled, IfMatch="nonsense")
with refused("PreconditionFailed", "didn't meet the preconditions", 412):
    cloudfront.update_distribution(Id=id_, DistributionConfig=filled, IfMatch="E0000000000000")
with refused("IllegalUpdate"):
    cloudfront.update_distribution(Id=id_, DistributionConfig={**filled, "CallerReference": "b"}, IfMatch=got["ETag"])
with refused("IllegalUpdate", "Aliases is required for updates"):
    cloudfront.update_distribution(Id=id_, DistributionConfig=config("a"), IfMatch=got["ETag"])
changed = cloudfront.update_distribution(Id=id_, DistributionConfig={**filled, "Comment": "new"}, IfMatch=got["ETag"])
assert changed["ETag"] != got["ETag"] and changed["Distribution"]["DistributionConfig"]["Comment"] == "new"
with refused("PreconditionFailed"):
    cloudfront.update_distribution(Id=id_, DistributionConfig=filled, IfMatch=got["ETag"])

missing = "00000000-0000-4000-8000-000000000000"
legacy = {"QueryString": False, "Cookies": {"Forward": "none"}}
for code, text, members in [
    ("InconsistentQuantities", "", {"Aliases": {"Quantity": 2, "Items": ["a.test"]}}),
    ("NoSuchOrigin", "One or more of your origins or origin groups do not exist.", behavior(TargetOriginId="x")),
    ("NoSuchCachePolicy", "", behavior(CachePolicyId=missing)),
    ("NoSuchOriginRequestPolicy", "", behavior(OriginRequestPolicyId=missing)),
    ("NoSuchResponseHeadersPolicy", "", behavior(ResponseHeadersPolicyId=missing)),
    ("InvalidArgument", "The parameter ForwardedValues cannot be used when a cache policy", behavior(ForwardedValues=legacy)),
    ("InvalidArgument", "The parameter MinTTL cannot be used when a cache policy", behavior(MinTTL=0)),
    ("InvalidArgument", "The parameter ForwardedValues is required.", behavior(CachePolicyId="")),
    ("InvalidArgument", "The parameter MinTTL is required.", behavior(CachePolicyId="", ForwardedValues=legacy)),
    ("InvalidTTLOrder", "", behavior(CachePolicyId="", ForwardedValues=legacy, MinTTL=10, MaxTTL=5)),
    ("InvalidArgument", "AllowedMethods", behavior(AllowedMethods={"Quantity": 2, "Items": ["GET", "POST"]})),
    ("TrustedKeyGroupDoesNotExist", "", behavior(TrustedKeyGroups={"Enabled": True, "Quantity": 1, "Items": [missing]})),
    ("InvalidErrorCode", "", {"CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 401}]}}),
    ("InvalidGeoRestrictionParameter", "", {"Restrictions": {"GeoRestriction": {"RestrictionType": "whitelist", "Quantity": 0}}}),
    ("MalformedXML", "1 validation error detected: Value 'PriceClass_1' at 'distributionConfig.priceClass' failed to satisfy "
     "constraint: Member must satisfy value set: [", {"PriceClass": "PriceClass_1"}),
    ("MalformedXML", "at 'distributionConfig.defaultCacheBehavior.functionAssociations.items.1.member.eventType'", behavior(
        FunctionAssociations={"Quantity": 1, "Items": [{"FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/f", "EventType": "none"}]})),
    ("InvalidFunctionAssociation", "", behavior(
        FunctionAssociations={"Quantity": 1, "Items": [{"FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/f", "EventType": "viewer-request"}]})),
]:
    with refused(code, text):
        cloudfront.create_distribution(DistributionConfig=config("bad", **members))

# Lambda@Edge associations.
create(lambda_, "edge", Timeout=5)
arn = lambda_.publish_version(FunctionName="edge")["FunctionArn"]
create(lambda_, "env", Environment={"Variables": {"A1": "b"}}, Publish=True)
create(lambda_, "slow", Timeout=31, Publish=True)


def hook(function, event="viewer-request", **members):
    return behavior(LambdaFunctionAssociations={"Quantity": 1, "Items": [{"LambdaFunctionARN": function, "EventType": event, **members}]})


base = arn.rsplit(":", 2)[0]
for text, function in [
    ("The function must be in region 'us-east-1'. ARN: ", arn.replace("us-east-1", "eu-west-1")),
    ("The function ARN must reference a specific function version.", arn[:-2] + ":$LATEST"),
    ("Lambda@Edge cannot retrieve the specified Lambda function.", base + ":none:1"),
    ("The function cannot have environment variables. Function: ", base + ":env:1"),
    ("triggered by a CloudFront event: 31 Max allowed: 30 Function: ", base + ":slow:1"),
]:
    with refused("InvalidLambdaFunctionAssociation", text, 400):
        cloudfront.create_distribution(DistributionConfig=config("bad", **hook(function)))
hooked = cloudfront.create_distribution_with_tags(DistributionConfigWithTags={
    "DistributionConfig": config("hooked", Aliases={"Quantity": 1, "Items": ["app.example.test"]}, **hook(arn)),
    "Tags": {"Items": [{"Key": "k", "Value": "v"}]},
})["Distribution"]
with refused("InvalidParameterValueException", "because it is a replicated function"):
    lambda_.delete_function(FunctionName="edge")
with refused("CNAMEAlreadyExists", "", 409):
    cloudfront.create_distribution(DistributionConfig=config("bad", Aliases={"Quantity": 1, "Items": ["APP.example.test"]}))

assert cloudfront.list_tags_for_resource(Resource=hooked["ARN"])["Tags"]["Items"] == [{"Key": "k", "Value": "v"}]
cloudfront.tag_resource(Resource=hooked["ARN"], Tags={"Items": [{"Key": "a", "Value": "b"}]})
cloudfront.untag_resource(Resource=hooked["ARN"], TagKeys={"Items": ["k"]})
assert cloudfront.list_tags_for_resource(Resource=hooked["ARN"])["Tags"]["Items"] == [{"Key": "a", "Value": "b"}]
with refused("NoSuchResource", "", 404):
    cloudfront.list_tags_for_resource(Resource=hooked["ARN"] + "X")

pages = list(cloudfront.get_paginator("list_distributions").paginate(PaginationConfig={"PageSize": 1}))
assert sorted(page["DistributionList"]["Items"][0]["Id"] for page in pages) == sorted([id_, hooked["Id"]])
assert pages[0]["DistributionList"]["IsTruncated"] and not pages[-1]["DistributionList"]["IsTruncated"]
by_policy = cloudfront.list_distributions_by_cache_policy_id(CachePolicyId=OPTIMIZED)["DistributionIdList"]
assert sorted(by_policy["Items"]) == sorted([id_, hooked["Id"]])
conflicts = cloudfront.list_conflicting_aliases(DistributionId=id_, Alias="app.example.test")["ConflictingAliasesList"]
assert conflicts["Quantity"] == 1 and conflicts["Items"][0]["DistributionId"] == hooked["Id"]

with refused("NoSuchDistribution", "The specified distribution does not exist.", 404):
    cloudfront.get_distribution(Id="E0000000000000")
now = cloudfront.get_distribution_config(Id=id_)
with refused("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.", 409):
    cloudfront.delete_distribution(Id=id_, IfMatch=now["ETag"])
off = cloudfront.update_distribution(Id=id_, DistributionConfig={**now["DistributionConfig"], "Enabled": False}, IfMatch=now["ETag"])
cloudfront.get_waiter("distribution_deployed").wait(Id=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
assert cloudfront.delete_distribution(Id=id_, IfMatch=off["ETag"])["ResponseMetadata"]["HTTPStatusCode"] == 204
with refused("NoSuchDistribution"):
    cloudfront.get_distribution(Id=id_)
with refused("UnsupportedOperation", "CreateFieldLevelEncryptionConfig is not supported here."):
    cloudfront.create_field_level_encryption_config(FieldLevelEncryptionConfig={"CallerReference": "x"})
