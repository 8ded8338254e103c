"""Concurrency, asynchronous settings and function URLs."""
from support import *

lambda_ = client("lambda")
create(lambda_, "f")
create(lambda_, "g")
lambda_.publish_version(FunctionName="f")
lambda_.create_alias(FunctionName="f", Name="live", FunctionVersion="1")

assert "ReservedConcurrentExecutions" not in lambda_.get_function_concurrency(FunctionName="f")
assert lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=10)["ReservedConcurrentExecutions"] == 10
assert lambda_.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 10}
with refused("InvalidParameterValueException", "below its minimum value of [100]."):
    lambda_.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=891)
with refused("InvalidParameterValueException", "This operation is permitted on Lambda functions only."):
    lambda_.get_function_concurrency(FunctionName="f:1")
with refused("ResourceNotFoundException", ":function:none:$LATEST"):
    lambda_.get_function_concurrency(FunctionName="none")
assert lambda_.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 990

with refused("InvalidParameterValueException", "cannot be applied to unpublished function versions."):
    lambda_.put_provisioned_concurrency_config(FunctionName="f", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)
with refused("ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found"):
    lambda_.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
put = lambda_.put_provisioned_concurrency_config(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=2)
assert put["Status"] == "IN_PROGRESS" and put["RequestedProvisionedConcurrentExecutions"] == 2
with refused("ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias"):
    lambda_.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
with refused("InvalidParameterValueException", "ReservedConcurrentExecutions  1 should not be lower than"):
    lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
assert len(lambda_.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]) == 1
lambda_.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
lambda_.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
lambda_.delete_function_concurrency(FunctionName="f")
assert "Concurrency" not in lambda_.get_function(FunctionName="f")

with refused("ResourceNotFoundException", "doesn't have an EventInvokeConfig"):
    lambda_.get_function_event_invoke_config(FunctionName="f")
with refused("ResourceNotFoundException", "The function doesn't exist."):
    lambda_.put_function_event_invoke_config(FunctionName="none", MaximumRetryAttempts=0)
with refused("InvalidParameterValueException", "You must specify at least one of error handling"):
    lambda_.put_function_event_invoke_config(FunctionName="f")
config = lambda_.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
assert config["FunctionArn"].endswith(":f:$LATEST") and "MaximumEventAgeInSeconds" not in config
assert config["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}} and config["LastModified"].year >= 2025
own = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
with refused("InvalidParameterValueException", "as a destination for itself"):
    lambda_.update_function_event_invoke_config(FunctionName="f", DestinationConfig={"OnFailure": {"Destination": own}})
target = own[:-1] + "g"
changed = lambda_.update_function_event_invoke_config(
    FunctionName="f", MaximumEventAgeInSeconds=60, DestinationConfig={"OnSuccess": {"Destination": target}}
)
assert changed["MaximumRetryAttempts"] == 1 and changed["DestinationConfig"]["OnSuccess"]["Destination"] == target
with refused("ValidationException", "maximumRetryAttempts"):
    lambda_.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=3)
lambda_.put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=0)
configs = lambda_.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
assert [entry["FunctionArn"].split(":")[-1] for entry in configs] == ["$LATEST", "live"]
lambda_.delete_function_event_invoke_config(FunctionName="f", Qualifier="live")

url = lambda_.create_function_url_config(FunctionName="f", AuthType="NONE", Cors={"AllowOrigins": ["*"], "MaxAge": 5})
assert url["FunctionUrl"].startswith("https://") and "InvokeMode" not in url
with refused("ResourceConflictException", "Error message:  FunctionUrlConfig exists for this Lambda function"):
    lambda_.create_function_url_config(FunctionName="f", AuthType="NONE")
with refused("ResourceNotFoundException", "Function does not exist"):
    lambda_.create_function_url_config(FunctionName="none", AuthType="NONE")
with refused("ResourceNotFoundException", "The resource you requested does not exist."):
    lambda_.get_function_url_config(FunctionName="g")
lambda_.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
with refused("ValidationException", "qualifier"):
    lambda_.create_function_url_config(FunctionName="f", Qualifier="1", AuthType="NONE")
updated = lambda_.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
assert updated["AuthType"] == "AWS_IAM" and updated["Cors"]["AllowOrigins"] == ["*"] and updated["Cors"]["MaxAge"] == 5
got = lambda_.get_function_url_config(FunctionName="f")
assert got["InvokeMode"] == "BUFFERED" and got["FunctionUrl"] == url["FunctionUrl"]
assert len(lambda_.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]) == 2
lambda_.delete_function_url_config(FunctionName="f")
with refused("ResourceNotFoundException"):
    lambda_.delete_function_url_config(FunctionName="f")
