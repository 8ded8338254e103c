import json
import logging
import os
import sys
import tempfile

from package import double
from package.nested import answer

logger = logging.getLogger()
logger.setLevel("INFO")
invocations = 0


def handler(event, context):
    return {"doubled": double(event["a"]), "answer": answer, "file": os.path.basename(__file__)}


def environment(event, context):
    return dict(os.environ)


def context(event, context):
    client = context.client_context
    return {
        "aws_request_id": context.aws_request_id, "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name, "function_name": context.function_name,
        "memory_limit_in_mb": context.memory_limit_in_mb, "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
        "identity": context.identity.cognito_identity_id,
        "client": client and [client.custom, client.env, client.client.app_title],
    }


def scratch(event, context):
    with tempfile.NamedTemporaryFile("w+", dir="/tmp", prefix="portico-test-") as file:
        file.write(event["text"])
        file.seek(0)
        return {"text": file.read(), "folder": os.getcwd() == os.environ["LAMBDA_TASK_ROOT"]}


def logs(event, context):
    print("printed", event)
    print("no end", end="")
    sys.stderr.write("to stderr\n")
    logger.info("informed")
    logger.debug("hidden")
    os.system("echo from a shell")
    return "logged"


def failing_logs(event, context):
    try:
        json.loads("{")
    except ValueError:
        logger.exception("seen", extra={"order": 7})


def count(event, context):
    global invocations
    invocations += 1
    return invocations


def raw(event, context):
    return b"\x01\x02"


def unserialisable(event, context):
    return {1, 2}


def failing(event, context):
    raise ValueError("bad")


def leaves(event, context):
    sys.exit(event)


def forks(event, context):
    child = os.fork()
    if child == 0:
        return "child"
    os.waitpid(child, 0)
    return "parent"


def allocates(event, context):
    held = []
    while True:
        held.append(bytearray(4 << 20))


def hangs(event, context):
    while True:
        pass


def talks(event, context):
    while True:
        print("again" * 100)
