import os
import sys

calls = 0


def echo(event, context):
    return event


def fails(event, context):
    raise TypeError("no")


def counts(event, context):
    global calls
    calls += 1
    return calls


def hangs(event, context):
    global calls
    calls += 1
    while event.get("hang"):
        pass
    return calls


def exits(event, context):
    sys.exit(event["status"])


def big(event, context):
    return "x" * (event["size"] - 2)


def identity(event, context):
    return [
        context.aws_request_id, context.invoked_function_arn, context.function_name,
        context.function_version, context.memory_limit_in_mb,
        context.get_remaining_time_in_millis() > 1000, os.environ["_HANDLER"],
        os.environ.get("_X_AMZN_TRACE_ID", ""),
    ]


def scratch(event, context):
    if "write" in event:
        with open(event["file"], "w") as file:
            file.write(event["write"])
    with open(event["file"]) as file:
        text = file.read()
    if event.get("remove"):
        os.unlink(event["file"])
    return text
