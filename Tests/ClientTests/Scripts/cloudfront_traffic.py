"""A distribution made by the API serves; an invalidation is proven by the next request."""
import http.server
import threading

from support import *


class Origin(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_GET(self):
        Origin.count += 1
        body = f"{self.path} {Origin.count}".encode()
        self.send_response(200)
        self.send_header("Cache-Control", "max-age=60")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()
cloudfront = client("cloudfront")
lambda_ = client("lambda")
config = {
    "CallerReference": "t", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
            "HTTPPort": server.server_address[1], "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"},
}
made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
cloudfront.get_waiter("distribution_deployed").wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
host = made["Id"].lower() + ".cloudfront.localhost"
port = os.environ["HTTPS_PORT"]


def get(path):
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{host}:{port}:127.0.0.1",
         "-w", " %{http_code} %header{x-cache} %header{x-test}", f"https://{host}:{port}{path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


assert get("/a") == "/a 1 200 Miss from cloudfront"
assert get("/a") == "/a 1 200 Hit from cloudfront"
batch = {"CallerReference": "i1", "Paths": {"Quantity": 1, "Items": ["/b*"]}}
invalidation = cloudfront.create_invalidation(DistributionId=made["Id"], InvalidationBatch=batch)
assert invalidation["Location"].endswith("/invalidation/" + invalidation["Invalidation"]["Id"])
assert get("/a") == "/a 1 200 Hit from cloudfront"
cloudfront.create_invalidation(
    DistributionId=made["Id"], InvalidationBatch={"CallerReference": "i2", "Paths": {"Quantity": 1, "Items": ["/a"]}})
assert get("/a") == "/a 2 200 Miss from cloudfront"
same = cloudfront.create_invalidation(DistributionId=made["Id"], InvalidationBatch=batch)
assert same["Invalidation"]["Id"] == invalidation["Invalidation"]["Id"]
cloudfront.get_waiter("invalidation_completed").wait(DistributionId=made["Id"], Id=same["Invalidation"]["Id"], WaiterConfig={"Delay": 1})
assert cloudfront.list_invalidations(DistributionId=made["Id"])["InvalidationList"]["Quantity"] == 2
with refused("NoSuchInvalidation", "The specified invalidation does not exist.", 404):
    cloudfront.get_invalidation(DistributionId=made["Id"], Id="I0000000000000")
with refused("InvalidArgument", "invalid invalidation paths"):
    cloudfront.create_invalidation(
        DistributionId=made["Id"], InvalidationBatch={"CallerReference": "i3", "Paths": {"Quantity": 1, "Items": ["a"]}})

create(lambda_, "edge", """exports.handler = async event => {
  const response = event.Records[0].cf.response;
  response.headers['x-test'] = [{ key: 'x-test', value: 'on' }];
  return response;
};""")
arn = lambda_.publish_version(FunctionName="edge")["FunctionArn"]
got = cloudfront.get_distribution_config(Id=made["Id"])
hooks = {"Quantity": 1, "Items": [{"LambdaFunctionARN": arn, "EventType": "viewer-response"}]}
got["DistributionConfig"]["DefaultCacheBehavior"]["LambdaFunctionAssociations"] = hooks
cloudfront.update_distribution(Id=made["Id"], DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])
cloudfront.get_waiter("distribution_deployed").wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
assert get("/a") == "/a 2 200 Hit from cloudfront on"
server.shutdown()
