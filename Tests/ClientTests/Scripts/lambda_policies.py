"""Resource policies and tags."""
import json

from support import *

lambda_ = client("lambda")
create(lambda_, "f")
lambda_.publish_version(FunctionName="f")
arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
with refused("ResourceNotFoundException", "The resource you requested does not exist."):
    lambda_.get_policy(FunctionName="f")
added = lambda_.add_permission(
    FunctionName="f", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
    SourceArn="arn:aws:s3:::b", SourceAccount=ACCOUNT,
)
assert json.loads(added["Statement"]) == {
    "Sid": "s3", "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "lambda:InvokeFunction",
    "Resource": arn, "Condition": {
        "StringEquals": {"AWS:SourceAccount": ACCOUNT}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
    },
}
with refused("ResourceConflictException", "The statement id (s3) provided already exists."):
    lambda_.add_permission(FunctionName="f", StatementId="s3", Action="lambda:*", Principal="*")
with refused("InvalidParameterValueException", "The provided principal was invalid."):
    lambda_.add_permission(FunctionName="f", StatementId="x", Action="lambda:*", Principal="nobody")
with refused("InvalidParameterValueException", "We currently do not support adding policies for $LATEST."):
    lambda_.add_permission(FunctionName="f", StatementId="x", Action="lambda:*", Principal="*", Qualifier="$LATEST")
with refused("ResourceNotFoundException", "Cannot find alias arn: "):
    lambda_.add_permission(FunctionName="f", StatementId="x", Action="lambda:*", Principal="*", Qualifier="none")
other = lambda_.add_permission(
    FunctionName="f", StatementId="a", Action="lambda:InvokeFunction", Principal=ACCOUNT, Qualifier="1"
)
assert json.loads(other["Statement"])["Resource"] == arn + ":1"
assert json.loads(other["Statement"])["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
policy = lambda_.get_policy(FunctionName="f")
document = json.loads(policy["Policy"])
assert document["Id"] == "default" and [s["Sid"] for s in document["Statement"]] == ["s3"]
assert [s["Sid"] for s in json.loads(lambda_.get_policy(FunctionName="f", Qualifier="1")["Policy"])["Statement"]] == ["a"]
with refused("PreconditionFailedException", "Call the GetPolicy API"):
    lambda_.remove_permission(FunctionName="f", StatementId="s3", RevisionId="0" * 8)
with refused("ResourceNotFoundException", "Statement x is not found in resource policy."):
    lambda_.remove_permission(FunctionName="f", StatementId="x")
lambda_.remove_permission(FunctionName="f", StatementId="s3", RevisionId=policy["RevisionId"])
with refused("ResourceNotFoundException", "No policy is associated with the given resource."):
    lambda_.remove_permission(FunctionName="f", StatementId="s3")
with refused("ResourceNotFoundException", "No policy found for: "):
    lambda_.remove_permission(FunctionName="g", StatementId="s3")
with refused("PolicyLengthExceededException"):
    for number in range(200):
        lambda_.add_permission(
            FunctionName="f", StatementId=f"n{number}", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn="arn:aws:execute-api:us-east-1:123456789012:a/" + "x" * 100,
        )

lambda_.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
lambda_.untag_resource(Resource=arn, TagKeys=["a", "c"])
assert lambda_.list_tags(Resource=arn)["Tags"] == {"b": "2"}
with refused("InvalidParameterValueException", "Number of tags exceeds resource tag limit."):
    lambda_.tag_resource(Resource=arn, Tags={f"t{n}": "" for n in range(50)})
with refused("InvalidParameterValueException", "Tags on function aliases and versions are not supported."):
    lambda_.tag_resource(Resource=arn + ":1", Tags={"a": "1"})
with refused("ResourceNotFoundException", "Function not found: " + arn + "x"):
    lambda_.list_tags(Resource=arn + "x")
