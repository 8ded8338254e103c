"""viewer-request: the cookie variant=b leads to the other page of the experiment."""


def handler(event, context):
    request = event["Records"][0]["cf"]["request"]
    cookies = [header["value"] for header in request["headers"].get("cookie", [])]
    pairs = [pair.strip() for line in cookies for pair in line.split(";")]
    variant = "b" if "variant=b" in pairs else "a"
    request["uri"] = f"/experiment/{variant}.html"
    return request
