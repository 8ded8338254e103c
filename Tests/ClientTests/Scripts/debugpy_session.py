"""A session of debugpy with a function: a breakpoint, a look at variables, and going on; argument: the debugger's port.

The messages are those of the Debug Adapter Protocol.
"""
import concurrent.futures
import json
import os
import socket
import sys
import urllib.request

port = int(sys.argv[1])


def invoke(name, event):
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"] + f"/2015-03-31/functions/{name}/invocations", data=json.dumps(event).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Session:
    """One connection to the adapter."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", port), 120)
        self.stream = self.socket.makefile("rb")
        self.count = 0
        self.seen = []

    def send(self, command, **arguments):
        self.count += 1
        body = json.dumps({"seq": self.count, "type": "request", "command": command, "arguments": arguments}).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.count

    def read(self):
        length = 0
        while line := self.stream.readline().strip():
            length = int(line.split(b":")[1])
        assert length, f"the adapter has closed; it said {self.seen[-5:]}"
        return json.loads(self.stream.read(length))

    def wait(self, matches):
        """The next message of a kind; what came meanwhile waits."""
        for message in self.seen:
            if matches(message):
                self.seen.remove(message)
                return message
        while not matches(message := self.read()):
            self.seen.append(message)
        return message

    def event(self, name):
        return self.wait(lambda message: message.get("event") == name).get("body")

    def answer(self, number):
        message = self.wait(lambda message: message.get("request_seq") == number)
        assert message["success"], message
        return message.get("body", {})

    def ask(self, command, **arguments):
        return self.answer(self.send(command, **arguments))


first = invoke("slow", {"number": 1})
session = Session()
session.ask("initialize", clientID="test", adapterID="debugpy", linesStartAt1=True, columnsStartAt1=True, pathFormat="path")
attached = session.send("attach", justMyCode=True)
session.event("initialized")
found = session.ask("setBreakpoints", source={"path": first["file"]}, breakpoints=[{"line": first["line"]}])
assert found["breakpoints"][0]["verified"], found
session.ask("configurationDone")
session.answer(attached)

with concurrent.futures.ThreadPoolExecutor() as pool:
    call = pool.submit(invoke, "slow", {"number": 21})
    stopped = session.event("stopped")
    assert stopped["reason"] == "breakpoint", stopped
    frame = session.ask("stackTrace", threadId=stopped["threadId"], levels=1)["stackFrames"][0]
    assert (frame["name"], frame["line"]) == ("handler", first["line"]), frame
    # The function's time is four seconds: it stands here longer, which is its time and not ours.
    stands = session.ask("evaluate", expression="__import__('time').sleep(5) or event['number']", frameId=frame["id"], context="watch")
    assert stands["result"] == "21", stands
    assert not call.done()
    session.ask("evaluate", expression="event.update(number=4)", frameId=frame["id"], context="repl")
    session.ask("setBreakpoints", source={"path": first["file"]}, breakpoints=[])
    session.ask("continue", threadId=stopped["threadId"])
    assert call.result()["twice"] == 8, call.result()
    assert call.result()["pid"] == first["pid"], "the environment is the one of before"
session.ask("disconnect", terminateDebuggee=False)
session.socket.close()
assert invoke("slow", {"number": 2})["twice"] == 4
late = invoke("slow", {"number": 2, "wait": 600})
assert "Task timed out after" in late["errorMessage"], late
