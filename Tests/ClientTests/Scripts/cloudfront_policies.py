"""Policies, public keys, key groups and access controls."""
import subprocess

from support import *

cloudfront = client("cloudfront")
policy = {
    "Name": "p", "MinTTL": 1, "ParametersInCacheKeyAndForwardedToOrigin": {
        "EnableAcceptEncodingGzip": True, "EnableAcceptEncodingBrotli": True,
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Quantity": 1, "Items": ["X-A"]}},
        "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "all"},
    },
}
made = cloudfront.create_cache_policy(CachePolicyConfig=policy)
id_ = made["CachePolicy"]["Id"]
assert made["Location"].endswith("/cache-policy/" + id_)
got = cloudfront.get_cache_policy(Id=id_)
assert got["ETag"] == made["ETag"] and got["CachePolicy"]["CachePolicyConfig"] == {**policy}
assert cloudfront.get_cache_policy_config(Id=id_)["CachePolicyConfig"]["Name"] == "p"
with refused("CachePolicyAlreadyExists", id_, 409):
    cloudfront.create_cache_policy(CachePolicyConfig=policy)
with refused("InvalidIfMatchVersion"):
    cloudfront.update_cache_policy(Id=id_, CachePolicyConfig=policy)
updated = cloudfront.update_cache_policy(Id=id_, CachePolicyConfig={**policy, "Comment": "c"}, IfMatch=made["ETag"])
with refused("PreconditionFailed"):
    cloudfront.delete_cache_policy(Id=id_, IfMatch=made["ETag"])
custom = cloudfront.list_cache_policies(Type="custom")["CachePolicyList"]
assert [item["CachePolicy"]["Id"] for item in custom["Items"]] == [id_]
managed = {item["CachePolicy"]["CachePolicyConfig"]["Name"] for item in cloudfront.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]}
assert {"Managed-CachingOptimized", "Managed-CachingDisabled"} <= managed, managed
with refused("IllegalDelete"):
    optimized = cloudfront.get_cache_policy(Id="658327ea-f89d-4fab-a63d-7e88639e58f6")
    cloudfront.delete_cache_policy(Id="658327ea-f89d-4fab-a63d-7e88639e58f6", IfMatch=optimized["ETag"])
with refused("InvalidArgument", "caching disabled"):
    cloudfront.create_cache_policy(CachePolicyConfig={**policy, "Name": "q", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0})

request = cloudfront.create_origin_request_policy(OriginRequestPolicyConfig={
    "Name": "r", "HeadersConfig": {"HeaderBehavior": "allViewer"}, "CookiesConfig": {"CookieBehavior": "all"},
    "QueryStringsConfig": {"QueryStringBehavior": "none"},
})["OriginRequestPolicy"]
headers = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={
    "Name": "h", "SecurityHeadersConfig": {"FrameOptions": {"Override": True, "FrameOption": "DENY"}},
    "CustomHeadersConfig": {"Quantity": 1, "Items": [{"Header": "X-B", "Value": "1", "Override": True}]},
})["ResponseHeadersPolicy"]
with refused("InvalidArgument", "Via"):
    cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig={
        "Name": "bad", "RemoveHeadersConfig": {"Quantity": 1, "Items": [{"Header": "Via"}]}})
for item in cloudfront.list_response_headers_policies(Type="managed")["ResponseHeadersPolicyList"]["Items"]:
    assert item["Type"] == "managed" and item["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["Name"].startswith("Managed-")

private = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
pem = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout.decode()
key_config = {"CallerReference": "k", "Name": "k", "EncodedKey": pem}
key = cloudfront.create_public_key(PublicKeyConfig=key_config)
key_id = key["PublicKey"]["Id"]
assert cloudfront.get_public_key(Id=key_id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"] == pem
assert cloudfront.list_public_keys()["PublicKeyList"]["Items"][0]["Name"] == "k"
with refused("CannotChangeImmutablePublicKeyFields"):
    cloudfront.update_public_key(Id=key_id, PublicKeyConfig={**key_config, "Name": "x"}, IfMatch=key["ETag"])
key = cloudfront.update_public_key(Id=key_id, PublicKeyConfig={**key_config, "Comment": "c"}, IfMatch=key["ETag"])
group = cloudfront.create_key_group(KeyGroupConfig={"Name": "g", "Items": [key_id]})
group_id = group["KeyGroup"]["Id"]
assert cloudfront.list_key_groups()["KeyGroupList"]["Items"][0]["KeyGroup"]["KeyGroupConfig"]["Items"] == [key_id]
with refused("PublicKeyInUse", "", 409):
    cloudfront.delete_public_key(Id=key_id, IfMatch=key["ETag"])
with refused("InvalidArgument"):
    cloudfront.create_key_group(KeyGroupConfig={"Name": "bad", "Items": ["K0000000000000"]})

control = cloudfront.create_origin_access_control(OriginAccessControlConfig={
    "Name": "c", "SigningProtocol": "sigv4", "SigningBehavior": "always", "OriginAccessControlOriginType": "s3"})
control_id = control["OriginAccessControl"]["Id"]
assert cloudfront.list_origin_access_controls()["OriginAccessControlList"]["Items"][0]["Id"] == control_id
identity = cloudfront.create_cloud_front_origin_access_identity(
    CloudFrontOriginAccessIdentityConfig={"CallerReference": "i", "Comment": ""})["CloudFrontOriginAccessIdentity"]
assert len(identity["S3CanonicalUserId"]) == 96

distribution = cloudfront.create_distribution(DistributionConfig={
    "CallerReference": "d", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "b.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": control_id}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": id_, "OriginRequestPolicyId": request["Id"],
        "ResponseHeadersPolicyId": headers["Id"], "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [group_id]}},
})["Distribution"]
active = distribution["ActiveTrustedKeyGroups"]
assert active["Items"][0]["KeyGroupId"] == group_id and active["Items"][0]["KeyPairIds"]["Items"] == [key_id]
for code, call in [
    ("CachePolicyInUse", lambda: cloudfront.delete_cache_policy(Id=id_, IfMatch=updated["ETag"])),
    ("ResourceInUse", lambda: cloudfront.delete_key_group(Id=group_id, IfMatch=group["ETag"])),
    ("OriginAccessControlInUse", lambda: cloudfront.delete_origin_access_control(Id=control_id, IfMatch=control["ETag"])),
]:
    with refused(code, "", 409):
        call()
assert cloudfront.list_distributions_by_key_group(KeyGroupId=group_id)["DistributionIdList"]["Items"] == [distribution["Id"]]
