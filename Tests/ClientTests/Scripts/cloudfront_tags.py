"""Invalidations by cache tag: a distribution that names a field, an origin that lists tags in it."""
import http.client
import http.server
import os
import threading

from support import client, refused

cloudfront = client("cloudfront")
asked = []


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with the tags that the path names: `/red,blue` has two."""

    def do_GET(self):
        asked.append(self.path)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("X-Tags", self.path[1:])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = {
    "CallerReference": "tags", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
            "HTTPPort": server.server_address[1], "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"},
    "CacheTagConfig": {"HeaderName": "X-Tags"},
}
with refused("InvalidArgument", "HeaderName", 400):
    cloudfront.create_distribution(DistributionConfig={**config, "CacheTagConfig": {"HeaderName": "not a name"}})
distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
deployed = cloudfront.get_waiter("distribution_deployed")
deployed.wait(Id=distribution, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
shown = cloudfront.get_distribution_config(Id=distribution)["DistributionConfig"]
assert shown["CacheTagConfig"] == {"HeaderName": "X-Tags"}, shown


def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["HTTP_PORT"]), timeout=60)
    connection.request("GET", path, headers={"Host": f"{distribution.lower()}.cloudfront.localhost"})
    answer = connection.getresponse()
    assert answer.status == 200 and answer.read().decode() == path
    connection.close()
    return answer.headers["X-Cache"].split()[0]


paths = ["/red,blue", "/green", "/blue", "/plain"]
assert [get(path) for path in paths] == ["Miss"] * 4 and [get(path) for path in paths] == ["Hit"] * 4


def invalidate(*items):
    made = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch={
        "CallerReference": " ".join(items), "Paths": {"Quantity": len(items), "Items": list(items)}})["Invalidation"]["Id"]
    cloudfront.get_waiter("invalidation_completed").wait(
        DistributionId=distribution, Id=made, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


invalidate("#BLUE")
assert [get(path) for path in paths] == ["Miss", "Hit", "Miss", "Hit"]
invalidate("#green", "/plain")
assert [get(path) for path in paths] == ["Hit", "Miss", "Hit", "Miss"]
for item in ["#", "#a b", "#a,b", "#" + "x" * 257, "blue"]:
    with refused("InvalidArgument", "", 400):
        invalidate(item)
server.shutdown()
