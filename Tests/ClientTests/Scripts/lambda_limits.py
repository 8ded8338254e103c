"""Throttles as clients see them, weights of an alias, and pages of many functions."""
import json
import threading

from botocore.config import Config
from support import *

lambda_ = client("lambda", max_pool_connections=16)
create(lambda_, "f", Timeout=60)

# A function that is switched off: the client tries five times and then says why.
lambda_.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
patient = boto3.client("lambda", config=Config(retries={"mode": "legacy", "max_attempts": 4}))
try:
    patient.invoke(FunctionName="f")
    raise AssertionError("it was not throttled")
except ClientError as error:
    answer = error.response
assert answer["Error"]["Code"] == "TooManyRequestsException", answer
assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429 and answer["ResponseMetadata"]["RetryAttempts"] == 4, answer
assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", answer
assert answer["Type"] == "User" and answer["Error"]["Message"] == "Rate Exceeded.", answer
lambda_.delete_function_concurrency(FunctionName="f")

# Of two calls at once one is refused where one is the reserve.
create(lambda_, "one", "exports.handler = async (event) => new Promise((done) => setTimeout(() => done(1), event.wait))",
       Timeout=60)
lambda_.put_function_concurrency(FunctionName="one", ReservedConcurrentExecutions=1)
lambda_.invoke(FunctionName="one", Payload=b'{"wait": 0}')


def long():
    while True:
        try:
            return lambda_.invoke(FunctionName="one", Payload=b'{"wait": 8000}')
        except lambda_.exceptions.TooManyRequestsException:
            pass


first = threading.Thread(target=long)
first.start()
refusals = 0
while first.is_alive() and not refusals:
    try:
        lambda_.invoke(FunctionName="one", Payload=b'{"wait": 0}')
    except ClientError as error:
        assert error.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", error
        refusals += 1
first.join()
assert refusals == 1
assert lambda_.invoke(FunctionName="one", Payload=b'{"wait": 0}')["StatusCode"] == 200

# A thousand calls through an alias with two halves.
assert lambda_.publish_version(FunctionName="f")["Version"] == "1"
assert lambda_.publish_version(FunctionName="f")["Version"] == "1", "nothing has changed"
lambda_.update_function_configuration(FunctionName="f", Timeout=59)
settle(lambda_, "f")
assert lambda_.publish_version(FunctionName="f")["Version"] == "2"
lambda_.create_alias(
    FunctionName="f", Name="halves", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
seen = {"1": 0, "2": 0}
for _ in range(1000):
    answer = lambda_.invoke(FunctionName="f", Qualifier="halves")
    version = json.load(answer["Payload"])["version"]
    assert answer["ExecutedVersion"] == version
    seen[version] += 1
assert sum(seen.values()) == 1000 and min(seen.values()) >= 400, seen

# 53 functions in pages of 20, and in the pages of AWS.
for number in range(51):
    create(lambda_, f"many-{number:02}", wait=False)
pages = list(lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 20}))
assert [len(page["Functions"]) for page in pages] == [20, 20, 13], [len(page["Functions"]) for page in pages]
names = [function["FunctionName"] for page in pages for function in page["Functions"]]
assert len(set(names)) == 53
assert [len(page["Functions"]) for page in lambda_.get_paginator("list_functions").paginate()] == [50, 3]
