"""STS and IAM: who calls, roles and what they trust, policies; and forgetting everything."""
import json
import urllib.request

from support import *

sts, iam, lambda_ = client("sts"), client("iam"), client("lambda")
assert sts.get_caller_identity()["Account"] == ACCOUNT
numbered = boto3.client("sts", aws_access_key_id="111122223333", aws_secret_access_key="x")
assert numbered.get_caller_identity()["Account"] == "111122223333"
assert numbered.get_caller_identity()["Arn"] == "arn:aws:iam::111122223333:root"
assert json.loads(aws("sts", "get-caller-identity"))["Account"] == ACCOUNT
assert sts.get_access_key_info(AccessKeyId="AKIAIOSFODNN7EXAMPLE")["Account"] == ACCOUNT
assert sts.get_session_token()["Credentials"]["AccessKeyId"].startswith("ASIA")


def trust(*services, **principals):
    principal = {"Service": list(services)} if services else principals
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]})


# Roles.
role = iam.create_role(RoleName="runner", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), Path="/team/",
                       Description="d", Tags=[{"Key": "a", "Value": "b"}])["Role"]
assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/team/runner" and role["RoleId"].startswith("AROA")
assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": ["lambda.amazonaws.com"]}
assert iam.get_role(RoleName="runner")["Role"]["MaxSessionDuration"] == 3600
with refused("EntityAlreadyExists", "Role with name runner already exists.", 409):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
with refused("MalformedPolicyDocument", status=400):
    iam.create_role(RoleName="broken", AssumeRolePolicyDocument="{")
with refused("NoSuchEntity", "The role with name none cannot be found.", 404):
    iam.get_role(RoleName="none")
iam.get_waiter("role_exists").wait(RoleName="runner", WaiterConfig={"Delay": 1})
for n in range(5):
    iam.create_role(RoleName=f"r{n}", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
pages = iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 2})
assert [r["RoleName"] for p in pages for r in p["Roles"]] == ["r0", "r1", "r2", "r3", "r4", "runner"]
assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/team/")["Roles"]] == ["runner"]
iam.tag_role(RoleName="runner", Tags=[{"Key": "c", "Value": "d"}])
iam.untag_role(RoleName="runner", TagKeys=["a"])
assert iam.list_role_tags(RoleName="runner")["Tags"] == [{"Key": "c", "Value": "d"}]
iam.update_role(RoleName="runner", MaxSessionDuration=7200)

# Policies.
document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
iam.put_role_policy(RoleName="runner", PolicyName="inline", PolicyDocument=document)
assert iam.list_role_policies(RoleName="runner")["PolicyNames"] == ["inline"]
assert iam.get_role_policy(RoleName="runner", PolicyName="inline")["PolicyDocument"] == json.loads(document)
policy = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
for arn in (policy, basic):
    iam.attach_role_policy(RoleName="runner", PolicyArn=arn)
attached = iam.list_attached_role_policies(RoleName="runner")["AttachedPolicies"]
assert [one["PolicyName"] for one in attached] == ["p", "AWSLambdaBasicExecutionRole"]
with refused("NoSuchEntity"):
    iam.attach_role_policy(RoleName="runner", PolicyArn=policy + "x")
assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
version = iam.get_policy_version(PolicyArn=policy, VersionId="v1")["PolicyVersion"]
assert version["Document"] == json.loads(document) and version["IsDefaultVersion"]
assert [p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]] == ["p"]
with refused("DeleteConflict"):
    iam.delete_policy(PolicyArn=policy)
with refused("DeleteConflict", "detach all policies"):
    iam.delete_role(RoleName="runner")

# Trust.
function = dict(Runtime="nodejs22.x", Handler="index.handler", Code={"ZipFile": archive()})
lambda_.create_function(FunctionName="f", Role=role["Arn"], **function)
settle(lambda_, "f")
refusal = ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
with refused(*refusal):
    lambda_.create_function(FunctionName="g", Role=f"arn:aws:iam::{ACCOUNT}:role/r0", **function)
with refused(*refusal):
    lambda_.update_function_configuration(FunctionName="f", Role=f"arn:aws:iam::{ACCOUNT}:role/r0")
assumed = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/elsewhere", RoleSessionName="me", DurationSeconds=900)
assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/elsewhere/me"
with refused("AccessDenied", "is not authorized to perform: sts:AssumeRole", 403):
    sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")
iam.update_assume_role_policy(RoleName="runner", PolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root"))
keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me")["Credentials"]
session = boto3.client("lambda", aws_access_key_id=keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"],
                       aws_session_token=keys["SessionToken"])
assert session.get_function(FunctionName="f")
with refused("ValidationError", "MaxSessionDuration"):
    sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me", DurationSeconds=10_000)

# A key of twelve digits: everything is found under that account, and nothing is another's.
theirs, queue = "111122223333", "arn:aws:sqs:us-east-1:111122223333:q"
numbered = {name: boto3.client(name, aws_access_key_id=theirs, aws_secret_access_key="x")
            for name in ("lambda", "iam", "sts", "events")}
made = numbered["iam"].create_role(
    RoleName="numbered", AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{theirs}:root"))["Role"]
assert made["Arn"] == f"arn:aws:iam::{theirs}:role/numbered"
assert made["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{theirs}:root"}
assert iam.get_role(RoleName="numbered")["Role"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/numbered"
assert numbered["sts"].assume_role(RoleArn=made["Arn"], RoleSessionName="me")["AssumedRoleUser"]["Arn"] == \
    f"arn:aws:sts::{theirs}:assumed-role/numbered/me"
with refused("AccessDenied", f"arn:aws:iam::{theirs}:root is not authorized", 403):
    numbered["sts"].assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/numbered", RoleSessionName="me")
found = numbered["lambda"].get_function_configuration(FunctionName=f"arn:aws:lambda:us-east-1:{theirs}:function:f")
assert found["FunctionArn"] == f"arn:aws:lambda:us-east-1:{theirs}:function:f"
assert found["Role"] == role["Arn"].replace(ACCOUNT, theirs)
numbered["lambda"].add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", SourceAccount=theirs,
                                  Principal="events.amazonaws.com", SourceArn=f"arn:aws:events:us-east-1:{theirs}:rule/r")
for account, reader in ((theirs, numbered["lambda"]), (ACCOUNT, lambda_)):
    text = reader.get_policy(FunctionName="f")["Policy"]
    assert f"arn:aws:events:us-east-1:{account}:rule/r" in text and f'"{account}"' in text, text
with refused("ResourceNotFoundException", f"arn:aws:lambda:us-east-1:{theirs}:function:none"):
    numbered["lambda"].get_function(FunctionName="none")
rule = numbered["events"].put_rule(Name="numbered", EventPattern=json.dumps({"account": [theirs]}))["RuleArn"]
assert rule == f"arn:aws:events:us-east-1:{theirs}:rule/numbered"
numbered["lambda"].put_function_event_invoke_config(
    FunctionName="f", DestinationConfig={"OnFailure": {"Destination": queue}})
assert lambda_.get_function_event_invoke_config(FunctionName="f")["DestinationConfig"]["OnFailure"]["Destination"] == queue
lambda_.delete_function_event_invoke_config(FunctionName="f")

# What Lambda@Edge asks of a role.
iam.update_assume_role_policy(RoleName="runner", PolicyDocument=trust("lambda.amazonaws.com"))
arn = lambda_.publish_version(FunctionName="f")["FunctionArn"]
cloudfront = client("cloudfront")
config = {
    "CallerReference": "1", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "example.com", "CustomOriginConfig": {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all",
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "LambdaFunctionAssociations": {"Quantity": 1, "Items": [{"LambdaFunctionARN": arn, "EventType": "viewer-request"}]}}}
with refused("InvalidLambdaFunctionAssociation", "must be assumable with edgelambda.amazonaws.com"):
    cloudfront.create_distribution(DistributionConfig=config)
iam.update_assume_role_policy(RoleName="runner", PolicyDocument=trust("lambda.amazonaws.com", "edgelambda.amazonaws.com"))
cloudfront.create_distribution(DistributionConfig=config)

# Everything is forgotten, at both addresses.
client("s3").create_bucket(Bucket="kept")
client("s3").put_object(Bucket="kept", Key="k", Body=b"x")
for path in ("/_portico/reset", "/moto-api/reset"):
    create(lambda_, "again")
    assert client("logs").describe_log_groups()["logGroups"] == [] or path
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + path, method="POST")
    assert json.load(urllib.request.urlopen(request)) == {"status": "ok"}
    assert lambda_.list_functions()["Functions"] == []
    assert iam.list_roles()["Roles"] == [] and iam.list_policies(Scope="Local")["Policies"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert cloudfront.list_distributions()["DistributionList"]["Quantity"] == 0
create(lambda_, "again")
assert lambda_.publish_version(FunctionName="again")["Version"] == "1"
client("s3").create_bucket(Bucket="kept")
assert client("s3").list_objects_v2(Bucket="kept")["KeyCount"] == 0
