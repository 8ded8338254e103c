"""Load balancers, listeners, rules, target groups, attributes, tags; and a request through the balancer."""
import http.server
import threading

from support import *


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"origin {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
threading.Thread(target=server.serve_forever, daemon=True).start()
elb = client("elbv2")
lambda_ = client("lambda")
assert client("sts").get_caller_identity()["Account"] == ACCOUNT

made = elb.create_load_balancer(Name="web", Subnets=["subnet-a", "subnet-b"], Tags=[{"Key": "k", "Value": "v"}])["LoadBalancers"][0]
arn = made["LoadBalancerArn"]
assert arn.startswith(f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/app/web/") and made["Type"] == "application"
assert [zone["SubnetId"] for zone in made["AvailabilityZones"]] == ["subnet-a", "subnet-b"]
assert elb.create_load_balancer(Name="web", Subnets=["subnet-a", "subnet-b"])["LoadBalancers"][0]["LoadBalancerArn"] == arn
with refused("DuplicateLoadBalancerName"):
    elb.create_load_balancer(Name="web", Subnets=["subnet-a"])
elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig={"Delay": 1})
with refused("LoadBalancerNotFound"):
    elb.describe_load_balancers(Names=["none"])
with refused("OperationNotPermitted"):
    elb.create_load_balancer(Name="net", Subnets=["subnet-a"], Type="network")

group = elb.create_target_group(
    Name="api", Protocol="HTTP", Port=server.server_address[1], VpcId="vpc-1", TargetType="ip", HealthCheckPath="/healthz",
    HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)["TargetGroups"][0]
assert group["Matcher"] == {"HttpCode": "200"} and group["HealthCheckPort"] == "traffic-port" and group["LoadBalancerArns"] == []
with refused("DuplicateTargetGroupName"):
    elb.create_target_group(Name="api", Protocol="HTTPS", Port=1, VpcId="vpc-1", TargetType="ip")
with refused("ValidationError"):
    elb.create_target_group(Name="bad", Protocol="HTTP", Port=1, VpcId="vpc-1", TargetType="ip", HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=10)
elb.register_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": "127.0.0.1"}])
health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
assert health[0]["TargetHealth"]["State"] == "unused" and health[0]["Target"]["Port"] == server.server_address[1]

forward = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
with refused("TargetGroupNotFound"):
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"] + "0"}])
with refused("CertificateNotFound"):
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTPS", Port=443, DefaultActions=forward)
listener = elb.create_listener(
    LoadBalancerArn=arn, Protocol="HTTPS", Port=443, Certificates=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}],
    SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06", DefaultActions=forward)["Listeners"][0]
assert listener["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
assert listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": group["TargetGroupArn"], "Weight": 1}]
listener_arn = listener["ListenerArn"]
with refused("DuplicateListener"):
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=443, DefaultActions=forward)
with refused("ValidationError", "You must specify either listener ARNs or a load balancer ARN"):
    elb.describe_listeners()
assert elb.describe_target_groups(LoadBalancerArn=arn)["TargetGroups"][0]["LoadBalancerArns"] == [arn]
with refused("ResourceInUse"):
    elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
elb.get_waiter("target_in_service").wait(TargetGroupArn=group["TargetGroupArn"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})

# A function as target needs its permission.
create(lambda_, "f", "exports.handler = async event => ({ statusCode: 200, body: 'function ' + event.path })")
function = lambda_.get_function_configuration(FunctionName="f")["FunctionArn"]
calls = elb.create_target_group(Name="calls", Protocol="HTTP", ProtocolVersion="GRPC", Port=1, VpcId="vpc-1", TargetType="ip", Matcher={"GrpcCode": "0,12"})["TargetGroups"][0]
assert calls["ProtocolVersion"] == "GRPC" and calls["Matcher"] == {"GrpcCode": "0,12"} and calls["HealthCheckPath"] == "/AWS.ALB/healthcheck"
functions = elb.create_target_group(Name="functions", TargetType="lambda")["TargetGroups"][0]
assert functions["TargetType"] == "lambda" and "Protocol" not in functions
with refused("AccessDenied", "does not have permission to invoke"):
    elb.register_targets(TargetGroupArn=functions["TargetGroupArn"], Targets=[{"Id": function}])
lambda_.add_permission(
    FunctionName="f", StatementId="elb", Action="lambda:InvokeFunction", Principal="elasticloadbalancing.amazonaws.com",
    SourceArn=functions["TargetGroupArn"])
elb.register_targets(TargetGroupArn=functions["TargetGroupArn"], Targets=[{"Id": function}])
with refused("InvalidTarget"):
    elb.register_targets(TargetGroupArn=functions["TargetGroupArn"], Targets=[{"Id": function + "x"}])

path = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/f/*"]}}]
rule = elb.create_rule(
    ListenerArn=listener_arn, Priority=10, Conditions=path,
    Actions=[{"Type": "forward", "TargetGroupArn": functions["TargetGroupArn"]}])["Rules"][0]
assert rule["Priority"] == "10" and rule["Conditions"][0]["Values"] == ["/f/*"] and not rule["IsDefault"]
query = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "1"}]}}
fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "tea"}}
second = elb.create_rule(ListenerArn=listener_arn, Priority=20, Conditions=[query], Actions=[fixed])["Rules"][0]
with refused("PriorityInUse"):
    elb.create_rule(ListenerArn=listener_arn, Priority=20, Conditions=path, Actions=[fixed])
with refused("ValidationError"):
    elb.create_rule(ListenerArn=listener_arn, Priority=30, Conditions=[], Actions=[fixed])
assert [r["Priority"] for r in elb.describe_rules(ListenerArn=listener_arn)["Rules"]] == ["10", "20", "default"]
elb.set_rule_priorities(RulePriorities=[
    {"RuleArn": rule["RuleArn"], "Priority": 20}, {"RuleArn": second["RuleArn"], "Priority": 10}])
assert elb.describe_rules(ListenerArn=listener_arn)["Rules"][0]["RuleArn"] == second["RuleArn"]
moved = elb.modify_rule(RuleArn=second["RuleArn"], Actions=[{
    "Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_302", "Path": "/moved"}}])["Rules"][0]
assert moved["Actions"][0]["RedirectConfig"]["Path"] == "/moved" and moved["Conditions"][0]["Field"] == "query-string"
default = elb.describe_rules(ListenerArn=listener_arn)["Rules"][-1]
with refused("OperationNotPermitted"):
    elb.delete_rule(RuleArn=default["RuleArn"])
assert elb.describe_rules(RuleArns=[default["RuleArn"]])["Rules"][0]["IsDefault"]


def get(path):
    host, port = "web.elb.localhost", os.environ["HTTPS_PORT"]
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{host}:{port}:127.0.0.1",
         "-w", " %{http_code}", f"https://{host}:{port}{path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


assert made["DNSName"] == "web.elb.localhost"
assert get("/a") == "origin /a 200", get("/a")
assert get("/f/x") == "function /f/x 200", get("/f/x")
assert get("/a?v=1").endswith(" 302")

attributes = {a["Key"]: a["Value"] for a in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
assert attributes["idle_timeout.timeout_seconds"] == "60" and attributes["deletion_protection.enabled"] == "false"
elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}])
with refused("OperationNotPermitted"):
    elb.delete_load_balancer(LoadBalancerArn=arn)
with refused("ValidationError", "idle_timeout"):
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "0"}])
elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}])
assert elb.modify_target_group_attributes(
    TargetGroupArn=group["TargetGroupArn"], Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}])["Attributes"]
assert elb.describe_listener_certificates(ListenerArn=listener_arn)["Certificates"][0]["IsDefault"]

elb.add_tags(ResourceArns=[arn, listener_arn], Tags=[{"Key": "a", "Value": "b"}])
elb.remove_tags(ResourceArns=[arn], TagKeys=["k"])
assert [t["Tags"] for t in elb.describe_tags(ResourceArns=[arn, listener_arn])["TagDescriptions"]] == [[{"Key": "a", "Value": "b"}]] * 2
assert any(limit["Name"] == "target-groups" for limit in elb.describe_account_limits()["Limits"])
assert elb.describe_ssl_policies()["SslPolicies"]
with refused("OperationNotPermitted", "CreateTrustStore is not supported here."):
    elb.create_trust_store(Name="t", CaCertificatesBundleS3Bucket="b", CaCertificatesBundleS3Key="k")

elb.delete_rule(RuleArn=rule["RuleArn"])
elb.delete_listener(ListenerArn=listener_arn)
with refused("ListenerNotFound"):
    elb.describe_listeners(ListenerArns=[listener_arn])
elb.delete_load_balancer(LoadBalancerArn=arn)
elb.delete_load_balancer(LoadBalancerArn=arn)
elb.deregister_targets(TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": "127.0.0.1"}])
elb.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
assert elb.describe_load_balancers()["LoadBalancers"] == []
server.shutdown()
