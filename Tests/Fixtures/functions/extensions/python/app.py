"""What the extension's tests invoke."""
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request

signal.signal(signal.SIGTERM, lambda number, frame: (print("runtime got SIGTERM", flush=True), sys.exit(0)))


def next_event(identifier):
    urllib.request.urlopen(urllib.request.Request(
        "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/event/next",
        headers={"Lambda-Extension-Identifier": identifier}))


def register(name, events):
    request = urllib.request.Request(
        "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/register",
        data=json.dumps({"events": events}).encode(), headers={"Lambda-Extension-Name": name})
    try:
        with urllib.request.urlopen(request) as answer:
            # The init phase lasts until every extension has asked for an event.
            threading.Thread(
                target=next_event, args=[answer.headers["Lambda-Extension-Identifier"]], daemon=True).start()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {json.loads(error.read())['errorType']}"


AT_START = [register("inner", ["SHUTDOWN"]), register("inner", [])] if os.environ.get("INNER") else []


def handler(event, context):
    print("function says hello", flush=True)
    if event.get("sleep"):
        time.sleep(event["sleep"])
    late = register("late", []) if os.environ.get("INNER") else ""
    marker = "/opt/marker.txt"
    return {
        "start": AT_START, "late": late,
        "marker": open(marker).read().strip() if os.path.exists(marker) else None,
    }
