"""SnapStart: versions that start from a snapshot, their states, what they refuse, and who serves."""
import json
import socket

from support import *

lambda_ = client("lambda")
CODE = """
import os
from snapshot_restore_py import register_after_restore
born, steps = os.getpid(), ["init"]
register_after_restore(steps.append, "restored")

def handler(event, context):
    return {
        "steps": steps, "copied": os.getpid() != born, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "version": context.function_version,
    }
"""


def python(name, text=CODE, **members):
    given = {"Runtime": "python3.13", "Handler": "app.handler", "Code": {"ZipFile": archive(text, "app.py")}}
    return create(lambda_, name, **{**given, **members})


ON = {"ApplyOn": "PublishedVersions"}
created = python("snap", SnapStart=ON)
assert created["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
assert "x-portico-note" not in created["ResponseMetadata"]["HTTPHeaders"]
published = lambda_.publish_version(FunctionName="snap")
assert published["State"] == "Pending" and published["StateReasonCode"] == "Creating", published
assert published["SnapStart"]["OptimizationStatus"] == "On"
lambda_.get_waiter("published_version_active").wait(FunctionName="snap", Qualifier="1", WaiterConfig={"Delay": 1})
got = lambda_.get_function_configuration(FunctionName="snap", Qualifier="1")
assert got["State"] == "Active" and got["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
assert lambda_.publish_version(FunctionName="snap")["State"] == "Active"
draft = lambda_.get_function_configuration(FunctionName="snap")
assert draft["SnapStart"]["OptimizationStatus"] == "Off"


def call(qualifier):
    return json.load(lambda_.invoke(FunctionName="snap", Qualifier=qualifier)["Payload"])


assert call("1") == {"steps": ["init", "restored"], "copied": True, "type": "snap-start", "version": "1"}
assert call("$LATEST") == {"steps": ["init"], "copied": False, "type": "on-demand", "version": "$LATEST"}

# What goes with SnapStart and what does not.
with refused("InvalidParameterValueException", "nodejs22.x is not supported for SnapStart enabled functions.", 400):
    create(lambda_, "node", SnapStart=ON)
with refused("InvalidParameterValueException", "python3.11 is not supported for SnapStart enabled functions."):
    python("old", Runtime="python3.11", SnapStart=ON)
with refused("InvalidParameterValueException", "is not supported for SnapStart enabled functions."):
    python("large", SnapStart=ON, EphemeralStorage={"Size": 1024})
with refused("InvalidParameterValueException", "is not supported for SnapStart enabled functions."):
    lambda_.put_provisioned_concurrency_config(
        FunctionName="snap", Qualifier="1", ProvisionedConcurrentExecutions=1)
with refused("InvalidParameterValueException", "is not supported for SnapStart enabled functions."):
    lambda_.update_function_configuration(FunctionName="snap", EphemeralStorage={"Size": 1024})
lambda_.update_function_configuration(FunctionName="snap", SnapStart={"ApplyOn": "None"})
settle(lambda_, "snap")
plain = lambda_.publish_version(FunctionName="snap")
assert plain["Version"] == "2" and plain["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
assert call("2")["type"] == "on-demand"

# A version of which no snapshot can be made has failed; its hooks fail calls.
python("broken", "import absent\n", SnapStart=ON, Publish=True)
while (state := lambda_.get_function_configuration(FunctionName="broken", Qualifier="1"))["State"] == "Pending":
    pass
assert state["State"] == "Failed" and state["StateReasonCode"] == "FunctionError", state
assert "No module named 'absent'" in state["StateReason"]
python("hook", """
from snapshot_restore_py import register_after_restore

@register_after_restore
def hook():
    raise ValueError("no")

def handler(event, context):
    return 1
""", SnapStart=ON, Publish=True)
lambda_.get_waiter("published_version_active").wait(FunctionName="hook", Qualifier="1", WaiterConfig={"Delay": 1})
with refused("SnapStartException", "after-restore", 400):
    lambda_.invoke(FunctionName="hook", Qualifier="1")

# Until the snapshot is there, calls are refused. A port is the gate: a folder of this script's need not be the worker's.
gate = socket.socket()
gate.bind(("127.0.0.1", 0))
python("slow", """
import socket, time
while True:
    try:
        socket.create_connection(("127.0.0.1", %d)).close()
        break
    except OSError:
        time.sleep(0.01)

def handler(event, context):
    return 1
""" % gate.getsockname()[1], SnapStart=ON, Publish=True)
assert lambda_.get_function_configuration(FunctionName="slow", Qualifier="1")["State"] == "Pending"
with refused("SnapStartNotReadyException", "once your function state becomes ACTIVE", 409):
    lambda_.invoke(FunctionName="slow", Qualifier="1")
gate.listen()
lambda_.get_waiter("published_version_active").wait(FunctionName="slow", Qualifier="1", WaiterConfig={"Delay": 1})
assert json.load(lambda_.invoke(FunctionName="slow", Qualifier="1")["Payload"]) == 1
