"""Layers."""
import urllib.request

from support import *

lambda_ = client("lambda")
content = archive("module.exports = 1", "nodejs/node_modules/m/index.js")
first = lambda_.publish_layer_version(
    LayerName="l", Content={"ZipFile": content}, CompatibleRuntimes=["nodejs22.x"], Description="d", LicenseInfo="MIT"
)
assert first["Version"] == 1 and first["LayerVersionArn"].endswith(":layer:l:1") and first["Content"]["CodeSize"] == len(content)
assert urllib.request.urlopen(first["Content"]["Location"]).read() == content
second = lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": content})
assert second["Version"] == 2
assert [v["Version"] for v in lambda_.list_layer_versions(LayerName="l")["LayerVersions"]] == [2, 1]
assert [v["Version"] for v in lambda_.list_layer_versions(LayerName="l", CompatibleRuntime="nodejs22.x")["LayerVersions"]] == [1]
assert lambda_.list_layers()["Layers"][0]["LatestMatchingVersion"]["Version"] == 2
assert lambda_.get_layer_version(LayerName="l", VersionNumber=1)["LicenseInfo"] == "MIT"
assert lambda_.get_layer_version_by_arn(Arn=second["LayerVersionArn"])["Version"] == 2
with refused("ResourceNotFoundException", "The resource you requested does not exist."):
    lambda_.get_layer_version(LayerName="l", VersionNumber=9)
with refused("InvalidParameterValueException", "Layer Version Cannot be less than 1"):
    lambda_.get_layer_version(LayerName="l", VersionNumber=0)

created = create(lambda_, "f", Layers=[first["LayerVersionArn"]])
assert created["Layers"] == [{"Arn": first["LayerVersionArn"], "CodeSize": len(content)}]
arns = [first["LayerVersionArn"], second["LayerVersionArn"]]
with refused("InvalidParameterValueException", "Two different versions of the same layer"):
    lambda_.update_function_configuration(FunctionName="f", Layers=arns)
with refused("InvalidParameterValueException", "Cannot reference more than 5 layers."):
    lambda_.update_function_configuration(FunctionName="f", Layers=[f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:x{n}:1" for n in range(6)])
missing = f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:none:1"
with refused("InvalidParameterValueException", f"Layer version {missing} does not exist."):
    lambda_.update_function_configuration(FunctionName="f", Layers=[missing])
with refused("InvalidParameterValueException", "expected to be in region us-east-1."):
    lambda_.update_function_configuration(FunctionName="f", Layers=[missing.replace("us-east-1", "eu-west-1")])
with refused("ValidationException", "layers"):
    lambda_.update_function_configuration(FunctionName="f", Layers=["l"])

with refused("ResourceNotFoundException", "No policy is associated with the given resource."):
    lambda_.get_layer_version_policy(LayerName="l", VersionNumber=1)
permission = lambda_.add_layer_version_permission(
    LayerName="l", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="*"
)
assert lambda_.get_layer_version_policy(LayerName="l", VersionNumber=1)["RevisionId"] == permission["RevisionId"]
with refused("ResourceConflictException", "The statement id (s) provided already exists."):
    lambda_.add_layer_version_permission(LayerName="l", VersionNumber=1, StatementId="s", Action="lambda:GetLayerVersion", Principal="*")
lambda_.remove_layer_version_permission(LayerName="l", VersionNumber=1, StatementId="s")

lambda_.delete_layer_version(LayerName="l", VersionNumber=1)
lambda_.delete_layer_version(LayerName="l", VersionNumber=1)
assert lambda_.get_function_configuration(FunctionName="f")["Layers"] == created["Layers"]
with refused("InvalidParameterValueException", "does not exist."):
    create(lambda_, "g", Layers=[first["LayerVersionArn"]])
assert lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": content})["Version"] == 3

# What a layer holds is there for the function.
lambda_.publish_layer_version(LayerName="m", Content={"ZipFile": archive("module.exports = 42", "nodejs/node_modules/m/index.js")})
create(lambda_, "uses", "exports.handler = async () => require('m')", Layers=[f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:m:1"])
assert lambda_.invoke(FunctionName="uses")["Payload"].read() == b"42"
