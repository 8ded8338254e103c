"""Continuous deployment: a staging copy gets requests by header, by weight and by session, and is promoted."""
import http.server
import threading

from support import *


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.headers.get("x-side") or "none").encode()
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


def origins(side):
    return {"Quantity": 1, "Items": [{
        "Id": "o", "DomainName": "127.0.0.1",
        "CustomHeaders": {"Quantity": 1, "Items": [{"HeaderName": "x-side", "HeaderValue": side}]},
        "CustomOriginConfig": {
            "HTTPPort": server.server_address[1], "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]}


primary = cloudfront.create_distribution(DistributionConfig={
    "CallerReference": "p", "Comment": "", "Enabled": True, "Origins": origins("primary"),
    "Aliases": {"Quantity": 1, "Items": ["shop.example.com"]},
    "DefaultCacheBehavior": {
        "TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6"},
})
id_ = primary["Distribution"]["Id"]
with refused("InvalidArgument", "Staging"):
    cloudfront.copy_distribution(PrimaryDistributionId=id_, IfMatch=primary["ETag"], CallerReference="c", Staging=False)
copy = cloudfront.copy_distribution(
    PrimaryDistributionId=id_, IfMatch=primary["ETag"], CallerReference="c", Staging=True, Enabled=True)
staging = copy["Distribution"]
assert staging["DistributionConfig"]["Staging"] is True
assert staging["DistributionConfig"].get("Aliases", {}).get("Quantity", 0) == 0
got = cloudfront.get_distribution_config(Id=staging["Id"])
got["DistributionConfig"]["Origins"] = origins("staging")
got["DistributionConfig"]["Origins"]["Items"][0]["CustomOriginConfig"].update(
    {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5})
changed = cloudfront.update_distribution(
    Id=staging["Id"], DistributionConfig=got["DistributionConfig"], IfMatch=got["ETag"])


def policy(traffic, enabled=True):
    return {
        "StagingDistributionDnsNames": {"Quantity": 1, "Items": [staging["DomainName"]]}, "Enabled": enabled,
        "TrafficConfig": traffic}


BY_HEADER = {"Type": "SingleHeader", "SingleHeaderConfig": {"Header": "aws-cf-cd-try", "Value": "yes"}}
with refused("InvalidArgument", "aws-cf-cd-"):
    cloudfront.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy(
        {"Type": "SingleHeader", "SingleHeaderConfig": {"Header": "x-try", "Value": "yes"}}))
with refused("InvalidArgument", "0.15"):
    cloudfront.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy(
        {"Type": "SingleWeight", "SingleWeightConfig": {"Weight": 0.5}}))
made = cloudfront.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy(BY_HEADER))
policy_id = made["ContinuousDeploymentPolicy"]["Id"]
assert cloudfront.get_continuous_deployment_policy_config(Id=policy_id)["ETag"] == made["ETag"]
assert cloudfront.list_continuous_deployment_policies()["ContinuousDeploymentPolicyList"]["Quantity"] == 1
with refused("StagingDistributionInUse", "", 409):
    cloudfront.create_continuous_deployment_policy(ContinuousDeploymentPolicyConfig=policy(BY_HEADER))
config = cloudfront.get_distribution_config(Id=id_)
config["DistributionConfig"]["ContinuousDeploymentPolicyId"] = policy_id
attached = cloudfront.update_distribution(Id=id_, DistributionConfig=config["DistributionConfig"], IfMatch=config["ETag"])
cloudfront.get_waiter("distribution_deployed").wait(Id=id_, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
host, port = id_.lower() + ".cloudfront.localhost", os.environ["HTTPS_PORT"]


def get(*more, host=host, path="/a"):
    done = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{host}:{port}:127.0.0.1",
         *more, f"https://{host}:{port}{path}"], capture_output=True, text=True)
    return done.stdout.replace("\r", "")


assert get().endswith("primary"), get()
assert get("-H", "aws-cf-cd-try: yes").endswith("staging")
assert get("-H", "aws-cf-cd-try: no").endswith("primary")
assert "staging" not in get(host=staging["Id"].lower() + ".cloudfront.localhost"), "it has no name of its own"

# By sessions: who was sent to one side stays there.
sticky = {"Type": "SingleWeight", "SingleWeightConfig": {
    "Weight": 0.15, "SessionStickinessConfig": {"IdleTTL": 300, "MaximumTTL": 600}}}
updated = cloudfront.update_continuous_deployment_policy(
    Id=policy_id, IfMatch=made["ETag"], ContinuousDeploymentPolicyConfig=policy(sticky))
sides = {}
for _ in range(400):
    answer = get()
    side = answer.rsplit("\n", 1)[-1]
    line = next(line for line in answer.splitlines() if line.lower().startswith("set-cookie:"))
    sides.setdefault(side, line.split(":", 1)[1].split(";")[0].strip())
    if len(sides) == 2:
        break
assert set(sides) == {"primary", "staging"}, sides
for side, cookie in sides.items():
    for _ in range(5):
        assert get("-H", "Cookie: " + cookie).endswith(side)

# Promotion.
with refused("PreconditionFailed"):
    cloudfront.update_distribution_with_staging_config(
        Id=id_, StagingDistributionId=staging["Id"], IfMatch=f"{attached['ETag']}, E0000000000000")
cloudfront.update_distribution_with_staging_config(
    Id=id_, StagingDistributionId=staging["Id"], IfMatch=f"{attached['ETag']}, {changed['ETag']}")
after = cloudfront.get_distribution(Id=id_)["Distribution"]["DistributionConfig"]
assert after["Aliases"]["Items"] == ["shop.example.com"] and after["ContinuousDeploymentPolicyId"] == policy_id
assert after["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"] == "staging"
assert cloudfront.get_continuous_deployment_policy(Id=policy_id)["ContinuousDeploymentPolicy"][
    "ContinuousDeploymentPolicyConfig"]["Enabled"] is False
assert get(path="/new").endswith("staging")
with refused("ContinuousDeploymentPolicyInUse", "", 409):
    now = cloudfront.get_continuous_deployment_policy(Id=policy_id)
    cloudfront.delete_continuous_deployment_policy(Id=policy_id, IfMatch=now["ETag"])
server.shutdown()
