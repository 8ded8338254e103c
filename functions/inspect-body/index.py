"""viewer-request with the body: refuses forms that carry a forbidden field."""

import base64


def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    body = request.get("body") or {}
    data = body.get("data", "")
    if body.get("encoding") == "base64":
        data = base64.b64decode(data).decode("utf-8", "replace")
    if "forbidden=" in data:
        return {
            "status": "403",
            "statusDescription": "Forbidden",
            "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
            "body": "This form is not accepted.\n",
        }
    return request
