"""The aws command line's own conveniences: create by origin, change the root object, invalidate, delete."""
import json
import pathlib
import tempfile

from support import *

made = json.loads(aws("cloudfront", "create-distribution", "--origin-domain-name", "origin.example.net", "--default-root-object", "index.html"))
id_ = made["Distribution"]["Id"]
assert made["Distribution"]["DistributionConfig"]["DefaultRootObject"] == "index.html"
aws("cloudfront", "wait", "distribution-deployed", "--id", id_)
changed = json.loads(aws("cloudfront", "update-distribution", "--id", id_, "--default-root-object", "home.html"))
assert changed["Distribution"]["DistributionConfig"]["DefaultRootObject"] == "home.html"
batch = json.loads(aws("cloudfront", "create-invalidation", "--distribution-id", id_, "--paths", "/a", "/b/*"))["Invalidation"]
assert batch["InvalidationBatch"]["Paths"]["Quantity"] == 2
aws("cloudfront", "wait", "invalidation-completed", "--distribution-id", id_, "--id", batch["Id"])
with tempfile.TemporaryDirectory() as folder:
    code = pathlib.Path(folder, "f.js")
    code.write_text("function handler(event) { return event.request }")
    function = json.loads(aws(
        "cloudfront", "create-function", "--name", "f", "--function-config", "Comment=,Runtime=cloudfront-js-2.0",
        "--function-code", f"fileb://{code}"))
    aws("cloudfront", "publish-function", "--name", "f", "--if-match", function["ETag"])
    config = json.loads(aws("cloudfront", "get-distribution-config", "--id", id_))
    config["DistributionConfig"]["Enabled"] = False
    path = pathlib.Path(folder, "config.json")
    path.write_text(json.dumps(config["DistributionConfig"]))
    off = json.loads(aws(
        "cloudfront", "update-distribution", "--id", id_, "--distribution-config", f"file://{path}", "--if-match", config["ETag"]))
aws("cloudfront", "wait", "distribution-deployed", "--id", id_)
aws("cloudfront", "delete-distribution", "--id", id_, "--if-match", off["ETag"])
assert json.loads(aws("cloudfront", "list-distributions") or "{}").get("DistributionList", {}).get("Quantity", 0) == 0

# Pages: all of them one by one, and a part with a token for the rest.
for number in range(3):
    aws("cloudfront", "create-key-value-store", "--name", f"store-{number}")
listed = json.loads(aws("cloudfront", "list-key-value-stores", "--page-size", "1"))["KeyValueStoreList"]
assert [item["Name"] for item in listed["Items"]] == [f"store-{number}" for number in range(3)], listed
part = json.loads(aws("cloudfront", "list-key-value-stores", "--page-size", "1", "--max-items", "2"))
assert len(part["KeyValueStoreList"]["Items"]) == 2 and part["NextToken"], part
rest = json.loads(aws("cloudfront", "list-key-value-stores", "--page-size", "1", "--starting-token", part["NextToken"]))
assert [item["Name"] for item in rest["KeyValueStoreList"]["Items"]] == ["store-2"], rest
unknown = aws("cloudfront", "list-vpc-origins", check=False)
assert unknown.returncode != 0 and "UnsupportedOperation" in unknown.stderr, unknown.stderr
assert "ListVpcOrigins is not supported here." in unknown.stderr
