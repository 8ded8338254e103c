"""viewer-request with the body included: refuses what looks like a script, marks the rest."""
import base64


def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    body = request.get("body", {})
    content = base64.b64decode(body.get("data", ""))
    if b"<script" in content.lower():
        return {
            "status": "403",
            "statusDescription": "Forbidden",
            "headers": {"content-type": [{"key": "Content-Type", "value": "text/plain"}]},
            "body": "no scripts, please\n",
        }
    request["headers"]["x-body-inspected"] = [{"key": "X-Body-Inspected", "value": str(len(content))}]
    return request
