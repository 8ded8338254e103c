"""origin-response: gives visitors without a variant a cookie, so that the next visit is stable."""
import hashlib


def handler(event, context):
    cf = event["Records"][0]["cf"]
    response = cf["response"]
    digest = hashlib.sha256(cf["config"]["requestId"].encode()).digest()
    variant = "a" if digest[0] % 2 == 0 else "b"
    response["headers"]["x-ab-variant"] = [{"key": "X-AB-Variant", "value": variant}]
    response["headers"].setdefault("cache-control", [{"key": "Cache-Control", "value": "public, max-age=60"}])
    print("variant", variant)
    return response
