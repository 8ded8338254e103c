"""HTTP APIs: parts, errors, quick create, tags, domains; and a request through an API."""
import json

from support import *

gateway = client("apigatewayv2")
lambda_ = client("lambda")
create(lambda_, "f", "exports.handler = async event => ({ path: event.rawPath, id: (event.pathParameters || {}).id, stage: event.requestContext.stage })")
function = lambda_.get_function_configuration(FunctionName="f")["FunctionArn"]

with refused("BadRequestException", "Only the ProtocolType HTTP is supported here."):
    gateway.create_api(Name="w", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
api = gateway.create_api(Name="x", ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["https://a.test"]}, Tags={"k": "v"})
id_ = api["ApiId"]
assert api["ResponseMetadata"]["HTTPStatusCode"] == 201 and api["RouteSelectionExpression"] == "$request.method $request.path"
assert id_ in api["ApiEndpoint"] and api["CreatedDate"].year >= 2025
with refused("NotFoundException", "Invalid API identifier specified", 404):
    gateway.get_api(ApiId="none")

with refused("BadRequestException", "Invalid Integration URI specified"):
    gateway.create_integration(ApiId=id_, IntegrationType="AWS_PROXY", IntegrationUri="x", PayloadFormatVersion="2.0")
integration = gateway.create_integration(ApiId=id_, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0")
assert integration["IntegrationMethod"] == "POST" and integration["ConnectionType"] == "INTERNET" and integration["TimeoutInMillis"] == 30000
target = "integrations/" + integration["IntegrationId"]
with refused("BadRequestException", "Unable to find Integration"):
    gateway.create_route(ApiId=id_, RouteKey="GET /x", Target="integrations/none")
with refused("BadRequestException"):
    gateway.create_route(ApiId=id_, RouteKey="FETCH /x", Target=target)
route = gateway.create_route(ApiId=id_, RouteKey="GET /pets/{id}", Target=target)
assert route["AuthorizationType"] == "NONE" and route["ApiKeyRequired"] is False and len(route["RouteId"]) == 7
with refused("ConflictException", "Route with key GET /pets/{id} already exists for this API", 409):
    gateway.create_route(ApiId=id_, RouteKey="GET /pets/{id}", Target=target)
with refused("ConflictException", "referenced by the route"):
    gateway.delete_integration(ApiId=id_, IntegrationId=integration["IntegrationId"])
stage = gateway.create_stage(ApiId=id_, StageName="$default", AutoDeploy=True, StageVariables={"a": "b"})
assert stage["AutoDeploy"] and stage["StageVariables"] == {"a": "b"}
with refused("ConflictException"):
    gateway.create_stage(ApiId=id_, StageName="$default")
dev = gateway.create_stage(ApiId=id_, StageName="dev", AutoDeploy=True)
deployment = gateway.create_deployment(ApiId=id_, StageName="dev")
assert deployment["DeploymentStatus"] == "DEPLOYED" and gateway.get_stage(ApiId=id_, StageName="dev")["DeploymentId"] == deployment["DeploymentId"]
with refused("BadRequestException", "Active stages pointing to this deployment"):
    gateway.delete_deployment(ApiId=id_, DeploymentId=deployment["DeploymentId"])
lambda_.add_permission(
    FunctionName="f", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
    SourceArn=f"arn:aws:execute-api:us-east-1:{ACCOUNT}:{id_}/*/*/pets/*")


def get(path, host=None):
    host, port = host or f"{id_}.execute-api.localhost", os.environ["HTTPS_PORT"]
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--cacert", os.environ["CA"], "--resolve", f"{host}:{port}:127.0.0.1",
         "-w", " %{http_code}", f"https://{host}:{port}{path}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.rsplit(" ", 1)


body, status = get("/pets/7")
assert status == "200" and json.loads(body) == {"path": "/pets/7", "id": "7", "stage": "$default"}, body
assert get("/none")[1] == "404"
assert json.loads(get("/dev/pets/8")[0])["stage"] == "dev"

authorizer = gateway.create_authorizer(
    ApiId=id_, Name="jwt", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
    JwtConfiguration={"Audience": ["aud"], "Issuer": "https://idp.example.test"})
updated = gateway.update_route(ApiId=id_, RouteId=route["RouteId"], AuthorizationType="JWT", AuthorizerId=authorizer["AuthorizerId"])
assert updated["AuthorizerId"] == authorizer["AuthorizerId"] and updated["RouteKey"] == "GET /pets/{id}"
assert get("/pets/7")[1] == "401"
with refused("ConflictException"):
    gateway.delete_authorizer(ApiId=id_, AuthorizerId=authorizer["AuthorizerId"])
gateway.update_route(ApiId=id_, RouteId=route["RouteId"], AuthorizationType="NONE", AuthorizerId="")
assert get("/pets/7")[1] == "200"
assert [item["RouteKey"] for item in gateway.get_routes(ApiId=id_)["Items"]] == ["GET /pets/{id}"]
assert len(gateway.get_stages(ApiId=id_)["Items"]) == 2 and len(gateway.get_authorizers(ApiId=id_)["Items"]) == 1

domain = gateway.create_domain_name(DomainName="api.example.test", DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}])
assert domain["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
mapping = gateway.create_api_mapping(DomainName="api.example.test", ApiId=id_, Stage="$default", ApiMappingKey="v1")
assert json.loads(get("/v1/pets/9", "api.example.test")[0])["id"] == "9"
assert gateway.get_api_mappings(DomainName="api.example.test")["Items"][0]["ApiMappingKey"] == "v1"
with refused("BadRequestException", "remove all base path mappings"):
    gateway.delete_api(ApiId=id_)
gateway.delete_api_mapping(DomainName="api.example.test", ApiMappingId=mapping["ApiMappingId"])
gateway.delete_domain_name(DomainName="api.example.test")

changed = gateway.update_api(ApiId=id_, Name="y", Description="d")
assert changed["Name"] == "y" and changed["CorsConfiguration"]["AllowOrigins"] == ["https://a.test"]
gateway.delete_cors_configuration(ApiId=id_)
assert "CorsConfiguration" not in gateway.get_api(ApiId=id_)
arn = f"arn:aws:apigateway:us-east-1::/apis/{id_}"
gateway.tag_resource(ResourceArn=arn, Tags={"a": "b"})
gateway.untag_resource(ResourceArn=arn, TagKeys=["k"])
assert gateway.get_tags(ResourceArn=arn)["Tags"] == {"a": "b"}

quick = gateway.create_api(Name="q", ProtocolType="HTTP", Target=function, RouteKey="ANY /{proxy+}")
assert gateway.get_routes(ApiId=quick["ApiId"])["Items"][0]["ApiGatewayManaged"]
assert gateway.get_stages(ApiId=quick["ApiId"])["Items"][0]["StageName"] == "$default"
pages = list(gateway.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 1}))
assert [len(page["Items"]) for page in pages] == [1, 1]
with refused("BadRequestException", "ImportApi is not supported here."):
    gateway.import_api(Body="{}")
with refused("BadRequestException", "CreateRestApi is not supported here."):
    client("apigateway").create_rest_api(name="r")
assert client("apigateway").get_rest_apis()["items"] == []

made = json.loads(aws("apigatewayv2", "create-api", "--name", "cli", "--protocol-type", "HTTP", "--target", function))
assert made["Name"] == "cli"
for each in [id_, quick["ApiId"], made["ApiId"]]:
    gateway.delete_api(ApiId=each)
assert gateway.get_apis()["Items"] == []
