"""The aws command line: create, wait, invoke, publish, alias, delete."""
import json
import pathlib
import tempfile

from support import *

with tempfile.TemporaryDirectory() as folder:
    code = pathlib.Path(folder, "f.zip")
    code.write_bytes(archive())
    out = pathlib.Path(folder, "out.json")
    made = json.loads(aws(
        "lambda", "create-function", "--function-name", "f", "--runtime", "nodejs22.x", "--role", ROLE,
        "--handler", "index.handler", "--zip-file", f"fileb://{code}", "--environment", "Variables={A1=b}",
    ))
    assert made["State"] == "Pending"
    aws("lambda", "wait", "function-active-v2", "--function-name", "f")
    result = json.loads(aws("lambda", "invoke", "--function-name", "f", "--payload", '{"a":1}', str(out)))
    assert result["StatusCode"] == 200 and json.loads(out.read_text())["event"] == {"a": 1}
    aws("lambda", "update-function-configuration", "--function-name", "f", "--timeout", "9")
    aws("lambda", "wait", "function-updated-v2", "--function-name", "f")
    assert json.loads(aws("lambda", "publish-version", "--function-name", "f"))["Version"] == "1"
    aws("lambda", "wait", "published-version-active", "--function-name", "f", "--qualifier", "1")
    aws("lambda", "create-alias", "--function-name", "f", "--name", "live", "--function-version", "1")
    aws(
        "lambda", "add-permission", "--function-name", "f", "--statement-id", "s", "--action", "lambda:InvokeFunction",
        "--principal", "apigateway.amazonaws.com",
    )
    assert "apigateway" in aws("lambda", "get-policy", "--function-name", "f")
    assert [f["FunctionName"] for f in json.loads(aws("lambda", "list-functions"))["Functions"]] == ["f"]
    aws("lambda", "delete-function", "--function-name", "f")
    gone = aws("lambda", "get-function", "--function-name", "f", check=False)
    assert gone.returncode != 0 and "ResourceNotFoundException" in gone.stderr
