"""origin-response: pages without a Cache-Control may be kept for a minute."""


def handler(event, context):
    response = event["Records"][0]["cf"]["response"]
    if "cache-control" not in response["headers"] and response["status"] == "200":
        response["headers"]["cache-control"] = [
            {"key": "Cache-Control", "value": "public, max-age=60"}
        ]
    return response
