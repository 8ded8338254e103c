"""Signed URLs and cookies made by the aws command line and by botocore's signer open what they are made for."""
import base64
import datetime
import http.server
import pathlib
import tempfile
import threading

from botocore.signers import CloudFrontSigner

from support import *


class Origin(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_GET(self):
        Origin.seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"in")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()
folder = tempfile.TemporaryDirectory()
key = pathlib.Path(folder.name, "key.pem")


def openssl(*arguments, input=None):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, input=input).stdout


# The command line wants a PKCS#1 key.
openssl("genrsa", "-traditional", "-out", str(key), "2048")
public = openssl("rsa", "-in", str(key), "-pubout").decode()
cloudfront = client("cloudfront")
made = cloudfront.create_public_key(PublicKeyConfig={"CallerReference": "k", "Name": "k", "EncodedKey": public})["PublicKey"]
group = cloudfront.create_key_group(KeyGroupConfig={"Name": "g", "Items": [made["Id"]]})["KeyGroup"]
distribution = cloudfront.create_distribution(DistributionConfig={
    "CallerReference": "s", "Comment": "", "Enabled": True,
    "Origins": {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
            "HTTPPort": server.server_address[1], "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "https-only",
        "TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": [group["Id"]]},
        "ForwardedValues": {"QueryString": True, "Cookies": {"Forward": "none"}}, "MinTTL": 0},
})["Distribution"]
cloudfront.get_waiter("distribution_deployed").wait(Id=distribution["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
host, port = distribution["Id"].lower() + ".cloudfront.localhost", os.environ["HTTPS_PORT"]
base = f"https://{host}:{port}"


def get(url, *more):
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "--max-time", "20", "--cacert", os.environ["CA"],
         "--resolve", f"{host}:{port}:127.0.0.1", "-w", "%{http_code}", *more, url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check(url, opens=200):
    assert get(url) == opens, url


later, past = "2035-01-01", "2020-01-01"
signed = aws("cloudfront", "sign", "--url", base + "/a?x=1", "--key-pair-id", made["Id"],
             "--private-key", f"file://{key}", "--date-less-than", later).strip()
check(base + "/a?x=1", 403)
check(signed)
assert Origin.seen[-1] == "/a?x=1", Origin.seen
check(signed.replace("x=1", "x=2"), 403)
check(signed.replace("/a?", "/b?"), 403)
check(aws("cloudfront", "sign", "--url", base + "/a", "--key-pair-id", made["Id"],
          "--private-key", f"file://{key}", "--date-less-than", past).strip(), 403)
custom = aws("cloudfront", "sign", "--url", base + "/c", "--key-pair-id", made["Id"], "--private-key", f"file://{key}",
             "--date-less-than", later, "--date-greater-than", past, "--ip-address", "127.0.0.0/8").strip()
assert "Policy=" in custom
check(custom)
elsewhere = aws("cloudfront", "sign", "--url", base + "/c", "--key-pair-id", made["Id"], "--private-key", f"file://{key}",
                "--date-less-than", later, "--ip-address", "10.0.0.0/8").strip()
check(elsewhere, 403)

# botocore's signer with a function of our own, SHA-1 as it wants.
signer = CloudFrontSigner(made["Id"], lambda message: openssl("dgst", "-sha1", "-sign", str(key), input=message))
check(signer.generate_presigned_url(base + "/d", date_less_than=datetime.datetime(2035, 1, 1)))
policy = signer.build_policy(base + "/e/*", datetime.datetime(2035, 1, 1), ip_address="127.0.0.1")
check(signer.generate_presigned_url(base + "/e/f?q=1", policy=policy))
check(signer.generate_presigned_url(base + "/g", policy=policy), 403)
stranger = CloudFrontSigner("K0000000000000", lambda message: openssl("dgst", "-sha1", "-sign", str(key), input=message))
check(stranger.generate_presigned_url(base + "/d", date_less_than=datetime.datetime(2035, 1, 1)), 403)


# The same policy in cookies.
def safe(data):
    return base64.b64encode(data).decode().translate(str.maketrans("+=/", "-_~"))


signature = openssl("dgst", "-sha1", "-sign", str(key), input=policy.encode())
cookies = f"CloudFront-Policy={safe(policy.encode())}; CloudFront-Signature={safe(signature)}; CloudFront-Key-Pair-Id={made['Id']}"
assert get(base + "/e/h", "-H", "Cookie: " + cookies) == 200
assert get(base + "/x", "-H", "Cookie: " + cookies) == 403
server.shutdown()
folder.cleanup()
