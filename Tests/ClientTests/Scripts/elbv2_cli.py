"""The walk-through of the aws command line for a load balancer."""
import json

from support import *


def elbv2(*arguments):
    return json.loads(aws("elbv2", *arguments) or "{}")


balancer = elbv2("create-load-balancer", "--name", "web", "--subnets", "subnet-a", "subnet-b")["LoadBalancers"][0]["LoadBalancerArn"]
group = elbv2(
    "create-target-group", "--name", "api", "--protocol", "HTTP", "--port", "8080", "--vpc-id", "vpc-1", "--target-type", "ip",
    "--health-check-path", "/healthz")["TargetGroups"][0]["TargetGroupArn"]
aws("elbv2", "register-targets", "--target-group-arn", group, "--targets", "Id=127.0.0.1,Port=8080")
listener = elbv2(
    "create-listener", "--load-balancer-arn", balancer, "--protocol", "HTTPS", "--port", "8443", "--certificates",
    "CertificateArn=arn:aws:acm:us-east-1:1:certificate/x", "--ssl-policy", "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "--default-actions", f"Type=forward,TargetGroupArn={group}")["Listeners"][0]["ListenerArn"]
condition = json.dumps([{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]}}])
elbv2(
    "create-rule", "--listener-arn", listener, "--priority", "10", "--conditions", condition,
    "--actions", f"Type=forward,TargetGroupArn={group}")
assert elbv2("describe-target-health", "--target-group-arn", group)["TargetHealthDescriptions"][0]["Target"]["Id"] == "127.0.0.1"
aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", balancer)
assert len(elbv2("describe-rules", "--listener-arn", listener)["Rules"]) == 2
aws("elbv2", "delete-load-balancer", "--load-balancer-arn", balancer)
