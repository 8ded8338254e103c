"""Viewer mTLS: trust stores by boto3, handshakes by curl with certificates made here."""
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

from support import *

TRUST = pathlib.Path(sys.argv[1])
cloudfront = client("cloudfront")


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with the headers that it got."""

    def do_GET(self):
        body = "".join(f"{name.lower()}: {value}\n" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], cwd=TRUST, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def authority(name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/O=Test/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def certificate(name, issuer, days="2", usage="clientAuth", key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    openssl("req", "-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/O=Test/CN={name}")
    (TRUST / "ext.cnf").write_text(f"extendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial",
            "-days", days, "-out", f"{name}.pem", "-extfile", "ext.cnf")


def authority_database(issuer):
    (TRUST / "index.txt").write_text("")
    (TRUST / "crlnumber").write_text("01\n")
    (TRUST / "serial").write_text("4A3F5C\n")
    (TRUST / "ca.cnf").write_text(f"""[ca]
default_ca = own
[own]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = {issuer}.pem
private_key = {issuer}.key
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
[any]
commonName = supplied
organizationName = optional
""")


authority("root")
authority("stranger")
certificate("alice", "root")
certificate("bob", "root")
certificate("mallory", "stranger")
certificate("server", "root", usage="serverAuth")
authority_database("root")
openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "old.key", "-out", "old.csr",
        "-subj", "/O=Test/CN=old")
(TRUST / "ext.cnf").write_text("extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n")
openssl("ca", "-config", "ca.cnf", "-batch", "-in", "old.csr", "-out", "old.pem", "-notext",
        "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-extfile", "ext.cnf")

# Trust stores.
source = {"CaCertificatesBundleS3Location": {"Bucket": "trust", "Key": "root.pem", "Region": "us-east-1"}}
with refused("InvalidArgument", "not valid", 400):
    (TRUST / "none.pem").write_text("nothing\n")
    cloudfront.create_trust_store(Name="bad", CaCertificatesBundleSource={
        "CaCertificatesBundleS3Location": {"Bucket": "trust", "Key": "none.pem", "Region": "us-east-1"}})
with refused("InvalidArgument", "", 400):
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "weak.key", "-out", "weak.pem", "-subj", "/CN=weak")
    cloudfront.create_trust_store(Name="bad", CaCertificatesBundleSource={
        "CaCertificatesBundleS3Location": {"Bucket": "trust", "Key": "weak.pem", "Region": "us-east-1"}})
made = cloudfront.create_trust_store(Name="viewers", CaCertificatesBundleSource=source)
store = made["TrustStore"]
assert store["NumberOfCaCertificates"] == 1 and store["Status"] == "active" and store["Arn"].endswith(":trust-store/" + store["Id"])
with refused("EntityAlreadyExists", "", 409):
    cloudfront.create_trust_store(Name="viewers", CaCertificatesBundleSource=source)
for identifier in [store["Id"], "viewers"]:
    got = cloudfront.get_trust_store(Identifier=identifier)
    assert got["TrustStore"]["Id"] == store["Id"] and got["ETag"] == made["ETag"]
listed = cloudfront.list_trust_stores()["TrustStoreList"]
assert [entry["Name"] for entry in listed] == ["viewers"] and listed[0]["ETag"] == made["ETag"]
with refused("EntityNotFound", "", 404):
    cloudfront.get_trust_store(Identifier="nobody")

# Distributions.
ORIGIN_HEADERS = ["CloudFront-Viewer-Cert-" + name for name in
                  ["Serial-Number", "Issuer", "Subject", "Present", "Sha256", "Validity", "Pem"]]
policy = cloudfront.create_origin_request_policy(OriginRequestPolicyConfig={
    "Name": "certificates", "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {
        "Quantity": len(ORIGIN_HEADERS), "Items": ORIGIN_HEADERS}},
    "CookiesConfig": {"CookieBehavior": "none"}, "QueryStringsConfig": {"QueryStringBehavior": "none"},
})["OriginRequestPolicy"]["Id"]


def config(mode, reference, protocol="https-only", trust=None, **members):
    wanted = {"Mode": mode}
    if trust is not False:
        wanted["TrustStoreConfig"] = {"TrustStoreId": store["Id"], **(trust or {})}
    return {
        "CallerReference": reference, "Comment": "", "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [{
            "Id": "o", "DomainName": "127.0.0.1", "CustomOriginConfig": {
                "HTTPPort": server.server_address[1], "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "o", "ViewerProtocolPolicy": protocol,
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "OriginRequestPolicyId": policy},
        "ViewerMtlsConfig": wanted, **members,
    }


with refused("InvalidArgument", "https-only", 400):
    cloudfront.create_distribution(DistributionConfig=config("required", "x", protocol="allow-all"))
with refused("InvalidArgument", "", 400):
    cloudfront.create_distribution(DistributionConfig=config("required", "x", HttpVersion="http2and3"))
with refused("EntityNotFound", "", 404):
    cloudfront.create_distribution(DistributionConfig=config("required", "x", trust={"TrustStoreId": "nobody"}))
with refused("InvalidArgument", "TrustStoreConfig", 400):
    cloudfront.create_distribution(DistributionConfig=config("required", "x", trust=False))


def create(*arguments, **members):
    made = cloudfront.create_distribution(DistributionConfig=config(*arguments, **members))["Distribution"]
    cloudfront.get_waiter("distribution_deployed").wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return made["Id"]


required = create("required", "required")
optional = create("optional", "optional", trust={"AdvertiseTrustStoreCaNames": True, "IgnoreCertificateExpiry": True})
passed = create("passthrough", "passed", trust=False)
plain = cloudfront.create_distribution(DistributionConfig={
    key: value for key, value in config("optional", "plain").items() if key != "ViewerMtlsConfig"})["Distribution"]["Id"]
cloudfront.get_waiter("distribution_deployed").wait(Id=plain, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
shown = cloudfront.get_distribution_config(Id=optional)["DistributionConfig"]["ViewerMtlsConfig"]
assert shown["Mode"] == "optional" and shown["TrustStoreConfig"]["AdvertiseTrustStoreCaNames"] is True
by_store = cloudfront.list_distributions_by_trust_store(TrustStoreIdentifier=store["Id"])["DistributionList"]
assert sorted(item["Id"] for item in by_store["Items"]) == sorted([required, optional])
with refused("CannotDeleteEntityWhileInUse", "", 409):
    cloudfront.delete_trust_store(Id=store["Id"], IfMatch=made["ETag"])

port = os.environ["HTTPS_PORT"]


def host(distribution):
    return distribution.lower() + ".cloudfront.localhost"


def get(distribution, who=None, *more, sent_host=None):
    name = host(distribution)
    command = ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{name}:{port}:127.0.0.1"]
    if who:
        command += ["--cert", str(TRUST / f"{who}.pem"), "--key", str(TRUST / f"{who}.key")]
    if sent_host:
        command += ["-H", f"Host: {host(sent_host)}:{port}"]
    done = subprocess.run(command + ["-w", "%{http_code}", *more, f"https://{name}:{port}/a"], capture_output=True, text=True)
    return done.returncode, done.stdout


def headers(answer):
    code, text = answer
    assert code == 0 and text.endswith("200"), answer
    return dict(line.split(": ", 1) for line in text[:-3].strip().split("\n"))


def fails(answer):
    # A handshake that fails, or a connection that ends with an alert in TLS 1.3.
    # The connection that a function refuses is closed after its handshake, over HTTP/2 as a stream cut short.
    assert answer[0] in (16, 18, 35, 52, 55, 56, 60, 92) and answer[1].endswith("000"), answer


for version in ["--tlsv1.3", "--tls-max=1.2"]:
    more = version.replace("=", " ").split()
    seen = headers(get(required, "alice", *more))
    prefix = "cloudfront-viewer-cert-"
    assert seen[prefix + "present"] == "1" and seen[prefix + "subject"] == "CN=alice,O=Test", seen
    assert seen[prefix + "issuer"] == "CN=root,O=Test"
    fails(get(required, None, *more))
    fails(get(required, "mallory", *more))
    fails(get(required, "server", *more))
    fails(get(required, "old", *more))
    assert headers(get(optional, None, *more))[prefix + "present"] == "0"
    fails(get(optional, "mallory", *more))
    assert headers(get(optional, "old", *more))[prefix + "subject"] == "O=Test,CN=old"
    assert headers(get(passed, "mallory", *more))[prefix + "subject"] == "CN=mallory,O=Test"
    assert headers(get(passed, None, *more))[prefix + "present"] == "0"
    # Without mTLS nobody asks, and none of the headers exists.
    assert not any(name.startswith(prefix) for name in headers(get(plain, "alice", *more)))

fingerprint = openssl("x509", "-in", "alice.pem", "-noout", "-fingerprint", "-sha256").split("=")[1].strip().replace(":", "").lower()
serial = openssl("x509", "-in", "alice.pem", "-noout", "-serial").split("=")[1].strip().lower()
assert seen[prefix + "sha256"] == fingerprint
assert seen[prefix + "serial-number"].replace(":", "") == serial and ":" in seen[prefix + "serial-number"]
assert seen[prefix + "validity"].startswith("NotBefore=20") and ";NotAfter=20" in seen[prefix + "validity"]
assert urllib.parse.unquote(seen[prefix + "pem"]).strip() == "".join(
    (TRUST / "alice.pem").read_text().partition("-----BEGIN")[1:]).strip()
# What a viewer sends under these names does not count.
forged = headers(get(required, "alice", "-H", "CloudFront-Viewer-Cert-Subject: CN=admin", "-H", "CloudFront-Viewer-Cert-Pem: x"))
assert forged[prefix + "subject"] == "CN=alice,O=Test" and forged[prefix + "pem"] != "x"
assert headers(get(optional, None, "-H", "CloudFront-Viewer-Cert-Present: 1"))[prefix + "present"] == "0"

# A connection that was made for another name is not enough.
for connected in [plain, optional, passed]:
    code, text = get(connected, None, sent_host=required)
    assert code == 0 and text.endswith("421") and "421 Misdirected Request" in text, (code, text)

# Sessions are not taken up again: the second connection asks for the certificate as well.
for version in ["-tls1_3", "-tls1_2"]:
    session = TRUST / "session"
    session.unlink(missing_ok=True)
    connect = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host(required), version,
               "-CAfile", os.environ["CA"]]
    first = subprocess.run(connect + ["-cert", "alice.pem", "-key", "alice.key", "-sess_out", str(session), "-ign_eof"], cwd=TRUST,
                           input=f"GET /a HTTP/1.1\r\nHost: {host(required)}\r\nConnection: close\r\n\r\n",
                           capture_output=True, text=True, timeout=60)
    assert "HTTP/1.1 200" in first.stdout, first
    if session.exists():
        again = subprocess.run(connect + ["-sess_in", str(session)], cwd=TRUST, input="", capture_output=True, text=True, timeout=60)
        assert "Reused" not in again.stdout, again.stdout

# The names of authorities are told where that was asked for.
names = subprocess.run(
    ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host(optional), "-CAfile", os.environ["CA"]],
    input="", capture_output=True, text=True, timeout=60).stdout
assert "CN = root" in names or "CN=root" in names, names
unnamed = subprocess.run(
    ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", host(required), "-CAfile", os.environ["CA"]],
    input="", capture_output=True, text=True, timeout=60).stdout
assert "No client certificate CA names sent" in unnamed, unnamed

# Functions see the certificate without what is for origins alone.
code = """function handler(event) {
  var seen = event.request.headers;
  return { statusCode: 200, headers: { 'x-names': { value: Object.keys(seen).filter(name => name.startsWith('cloudfront-viewer-cert'))
    .sort().join(' ') }, 'x-subject': { value: seen['cloudfront-viewer-cert-subject'].value } } };
}"""
function = cloudfront.create_function(
    Name="seen", FunctionConfig={"Comment": "", "Runtime": "cloudfront-js-2.0"}, FunctionCode=code.encode())
arn = function["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
cloudfront.publish_function(Name="seen", IfMatch=function["ETag"])
got = cloudfront.get_distribution_config(Id=required)
got["DistributionConfig"]["DefaultCacheBehavior"]["FunctionAssociations"] = {
    "Quantity": 1, "Items": [{"FunctionARN": arn, "EventType": "viewer-request"}]}
changed = cloudfront.update_distribution(Id=required, DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])
cloudfront.get_waiter("distribution_deployed").wait(Id=required, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
status, text = get(required, "alice", "-i")
assert "x-subject: CN=alice,O=Test" in text.lower().replace("cn=alice,o=test", "CN=alice,O=Test"), text
assert "cloudfront-viewer-cert-present" in text.lower() and "viewer-cert-pem" not in text.lower(), text
got = cloudfront.get_distribution_config(Id=required)
got["DistributionConfig"]["DefaultCacheBehavior"]["FunctionAssociations"] = {"Quantity": 0}
cloudfront.update_distribution(Id=required, DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])
cloudfront.get_waiter("distribution_deployed").wait(Id=required, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

# A revocation list in the bundle turns its certificates away, and the next connection knows.
authority_database("root")
openssl("ca", "-config", "ca.cnf", "-revoke", "bob.pem")
openssl("ca", "-config", "ca.cnf", "-gencrl", "-out", "root.crl")
assert headers(get(required, "bob"))[prefix + "subject"] == "CN=bob,O=Test"
(TRUST / "revoking.pem").write_text((TRUST / "root.pem").read_text() + (TRUST / "root.crl").read_text())
with refused("InvalidIfMatchVersion", "", 400):
    cloudfront.update_trust_store(Id=store["Id"], CaCertificatesBundleSource=source, IfMatch="nonsense")
updated = cloudfront.update_trust_store(Id=store["Id"], IfMatch=made["ETag"], CaCertificatesBundleSource={
    "CaCertificatesBundleS3Location": {"Bucket": "trust", "Key": "revoking.pem", "Region": "us-east-1"}})
deadline = time.monotonic() + 60
while get(required, "bob")[0] == 0:
    assert time.monotonic() < deadline
    time.sleep(0.05)
fails(get(required, "bob"))
assert headers(get(required, "alice"))[prefix + "present"] == "1"

# A function decides about connections, and every connection has a line in the log.
CONNECTION = """async function connectionHandler(connection) {
  const leaf = connection.clientCertificate && connection.clientCertificate.certificates.leaf;
  connection.logCustomData(leaf ? 'of ' + leaf.subject : 'of nobody');
  if (connection.endpoint.length === 0) throw new Error('no name');
  if (leaf && leaf.subject === 'CN=alice,O=Test') connection.allow();
}"""
functions = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
with refused("InvalidArgument", "cloudfront-js-2.0", 400):
    cloudfront.create_connection_function(
        Name="door", ConnectionFunctionConfig={**functions, "Runtime": "cloudfront-js-1.0"}, ConnectionFunctionCode=b"x")
door = cloudfront.create_connection_function(
    Name="door", ConnectionFunctionConfig=functions, ConnectionFunctionCode=CONNECTION.encode())
door_id = door["ConnectionFunctionSummary"]["Id"]
assert door["ConnectionFunctionSummary"]["Status"] == "UNPUBLISHED" and door["Location"].endswith(door_id)
with refused("EntityAlreadyExists", "", 409):
    cloudfront.create_connection_function(
        Name="door", ConnectionFunctionConfig=functions, ConnectionFunctionCode=CONNECTION.encode())
with refused("EntityNotFound", "", 404):
    cloudfront.describe_connection_function(Identifier="nobody")
for identifier in [door_id, "door", door["ConnectionFunctionSummary"]["ConnectionFunctionArn"]]:
    assert cloudfront.describe_connection_function(Identifier=identifier)["ETag"] == door["ETag"]
assert cloudfront.get_connection_function(Identifier=door_id)["ConnectionFunctionCode"].read() == CONNECTION.encode()


def tried(subject):
    connection = {"clientCertificate": {"certificates": {"leaf": {"subject": subject}}}, "endpoint": "x"}
    result = cloudfront.test_connection_function(
        Id=door_id, IfMatch=door["ETag"], ConnectionObject=json.dumps(connection).encode())["ConnectionFunctionTestResult"]
    assert result.get("ConnectionFunctionErrorMessage", "") == "" and 1 <= int(result["ComputeUtilization"]) <= 100, result
    return json.loads(result["ConnectionFunctionOutput"])


assert tried("CN=alice,O=Test") == {"verdict": "allow", "customData": "of CN=alice,O=Test"}
assert tried("CN=bob,O=Test")["verdict"] == "deny"


def associate(distribution, id_):
    got = cloudfront.get_distribution_config(Id=distribution)
    wanted = {key: value for key, value in got["DistributionConfig"].items() if key != "ConnectionFunctionAssociation"}
    if id_:
        wanted["ConnectionFunctionAssociation"] = {"Id": id_}
    cloudfront.update_distribution(Id=distribution, DistributionConfig=wanted, IfMatch=got["ETag"])
    cloudfront.get_waiter("distribution_deployed").wait(Id=distribution, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


with refused("InvalidArgument", "not published", 400):
    associate(optional, door_id)
published = cloudfront.publish_connection_function(Id=door_id, IfMatch=door["ETag"])["ConnectionFunctionSummary"]
assert published["Stage"] == "LIVE" and published["Status"] == "UNASSOCIATED"
with refused("InvalidArgument", "ViewerMtlsConfig", 400):
    associate(plain, door_id)
with refused("EntityNotFound", "", 404):
    associate(optional, "nobody")
associate(optional, door_id)
assert cloudfront.get_distribution_config(Id=optional)["DistributionConfig"]["ConnectionFunctionAssociation"]["Id"] == door_id
listed = cloudfront.list_connection_functions(Stage="LIVE")["ConnectionFunctions"]
assert [(item["Name"], item["Status"]) for item in listed] == [("door", "DEPLOYED")]
by_function = cloudfront.list_distributions_by_connection_function(ConnectionFunctionIdentifier="door")["DistributionList"]
assert [item["Id"] for item in by_function["Items"]] == [optional]
with refused("CannotDeleteEntityWhileInUse", "", 409):
    cloudfront.delete_connection_function(Id=door_id, IfMatch=door["ETag"])
assert headers(get(optional, "alice"))[prefix + "subject"] == "CN=alice,O=Test"
fails(get(optional, "old"))
fails(get(optional, None))
fails(get(optional, "mallory"))


def connections():
    state = pathlib.Path(os.environ["CA"]).parent.parent
    files = list(state.rglob(f"connections-{optional}.log"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


deadline = time.monotonic() + 120
wanted = {
    ("Success", "of CN=alice,O=Test"), ("Failed:ConnectionFunctionDenied", "of O=Test,CN=old"),
    ("Failed:ConnectionFunctionDenied", "of nobody"), ("Failed:ClientCertUntrusted", "-")}
while not wanted <= {(line["connectionStatus"], line["connectionLogCustomData"]) for line in connections()}:
    assert time.monotonic() < deadline, connections()
    time.sleep(0.1)
line = next(line for line in connections() if line["connectionLogCustomData"] == "of CN=alice,O=Test")
assert line["tlsSni"] == host(optional) and line["distributionId"] == optional and line["clientIp"] == "127.0.0.1", line
assert line["clientLeafCertSubject"] == "CN=alice,O=Test" and line["tlsProtocol"].startswith("TLSv1"), line
associate(optional, None)
assert headers(get(optional, None))[prefix + "present"] == "0"
cloudfront.delete_connection_function(Id=door_id, IfMatch=door["ETag"])

# The store goes when nobody uses it any more.
for id_ in [required, optional]:
    got = cloudfront.get_distribution_config(Id=id_)
    off = cloudfront.update_distribution(
        Id=id_, DistributionConfig={**got["DistributionConfig"], "Enabled": False}, IfMatch=got["ETag"])
    cloudfront.get_waiter("distribution_deployed").wait(Id=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    cloudfront.delete_distribution(Id=id_, IfMatch=off["ETag"])
cloudfront.delete_trust_store(Id=store["Id"], IfMatch=updated["ETag"])
assert cloudfront.list_trust_stores().get("TrustStoreList", []) == []
server.shutdown()
