"""The limit of stored code, with a node that was started with --code-storage 1 (MB)."""
import base64

from support import *

lambda_ = client("lambda")
full = "CodeStorageExceededException"
LIMIT = 1 << 20


def large(byte):
    """An archive of about 400 KB that does not compress."""
    noise = base64.b64encode(os.urandom(300_000)).decode()
    return archive(f"// {byte} {noise}\n{ECHO}")


def usage():
    settings = lambda_.get_account_settings()
    assert settings["AccountLimit"]["TotalCodeSize"] == LIMIT, settings
    return settings["AccountUsage"]["TotalCodeSize"]


assert usage() == 0
one = lambda_.create_function(FunctionName="a", Runtime="nodejs22.x", Role=ROLE, Handler="index.handler",
                              Code={"ZipFile": large(1)})["CodeSize"]
settle(lambda_, "a")
assert 390_000 < one < LIMIT // 2 and usage() == one, (one, usage())
lambda_.publish_version(FunctionName="a")
assert usage() == 2 * one, usage()
with refused(full, "Code storage limit exceeded.", 400):
    lambda_.create_function(FunctionName="b", Runtime="nodejs22.x", Role=ROLE, Handler="index.handler",
                            Code={"ZipFile": large(2)})
with refused(full, "Code storage limit exceeded.", 400):
    lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": large(3)})
assert usage() == 2 * one and not lambda_.list_layers()["Layers"]

# What replaces other code counts in its place; another version does not fit before one is gone.
two = lambda_.update_function_code(FunctionName="a", ZipFile=large(4))["CodeSize"]
settle(lambda_, "a")
assert usage() == one + two, usage()
with refused(full, "Code storage limit exceeded.", 400):
    lambda_.publish_version(FunctionName="a")
with refused(full, "Code storage limit exceeded.", 400):
    lambda_.update_function_code(FunctionName="a", ZipFile=large(5), Publish=True)
lambda_.delete_function(FunctionName="a", Qualifier="1")
assert usage() == two, usage()
lambda_.publish_version(FunctionName="a")
lambda_.delete_function(FunctionName="a")
layer = lambda_.publish_layer_version(LayerName="l", Content={"ZipFile": large(6)})
assert usage() == layer["Content"]["CodeSize"], usage()
lambda_.delete_layer_version(LayerName="l", VersionNumber=1)
assert usage() == 0
