"""Functions' variables in the files of a node's state folder, and what happens without the key that seals them.

usage: variables_at_rest.py BINARY
"""
import base64, io, json, os, pathlib, signal, subprocess, sys, tempfile, urllib.error, urllib.request, zipfile

TEMPLATE = """Resources:
  Stacked:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: stacked
      Runtime: python3.12
      Handler: app.handler
      CodeUri: ./code
      Environment: { Variables: { TOKEN: "plain-as-day-template" } }
"""
CODE = "import os\ndef handler(event, context): return os.environ['TOKEN']\n"
FUNCTIONS = "/2015-03-31/functions"


def start(binary, folder):
    process = subprocess.Popen(
        [binary, "up", "--state", "state", "--https-port", "0", "--http-port", "0", "--api-port", "0",
         "--bind", "127.0.0.1"],
        cwd=folder, stdout=subprocess.PIPE, stderr=open(folder / "log", "a"), text=True)
    port = None
    for line in process.stdout:
        if line.startswith("https ") and " api " in line:
            port = int(line.split(" api ")[1].split()[0])
        if line.strip() == "ready":
            return process, port
    process.wait()
    return process, None


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait()


def call(port, method, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read()
    return answer.status, answer.headers["x-amzn-ErrorType"], json.loads(text) if text else None


def settle(port, name):
    while True:
        status, _, found = call(port, "GET", f"{FUNCTIONS}/{name}/configuration")
        assert status == 200, found
        if found["State"] == "Active" and found.get("LastUpdateStatus") != "InProgress":
            return found


def readable(folder):
    """Files with a variable's value."""
    return [str(file.relative_to(folder)) for file in folder.rglob("*")
            if file.is_file() and b"plain-as-day" in file.read_bytes()]


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        (folder / "code").mkdir()
        (folder / "code" / "app.py").write_text(CODE)
        (folder / "template.yaml").write_text(TEMPLATE)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as packed:
            packed.writestr("app.py", CODE)
        process, port = start(binary, folder)
        try:
            made = call(port, "POST", FUNCTIONS, {
                "FunctionName": "made", "Runtime": "python3.12", "Handler": "app.handler",
                "Role": "arn:aws:iam::123456789012:role/test",
                "Code": {"ZipFile": base64.b64encode(content.getvalue()).decode()},
                "Environment": {"Variables": {"TOKEN": "plain-as-day-1"}}})
            assert made[0] == 201 and made[2]["Environment"] == {"Variables": {"TOKEN": "plain-as-day-1"}}, made
            settle(port, "made")
            assert call(port, "POST", f"{FUNCTIONS}/made/versions", {})[0] == 201
            changed = call(port, "PUT", f"{FUNCTIONS}/made/configuration",
                           {"Environment": {"Variables": {"TOKEN": "plain-as-day-2"}}})
            assert changed[0] == 200 and changed[2]["Environment"]["Variables"]["TOKEN"] == "plain-as-day-2", changed
            settle(port, "made")
            assert call(port, "POST", f"{FUNCTIONS}/made/versions", {})[0] == 201
            for name, value in [("made", "plain-as-day-2"), ("made:1", "plain-as-day-1"), ("stacked", "plain-as-day-template")]:
                assert call(port, "POST", f"{FUNCTIONS}/{name}/invocations", {})[2] == value, name
            queued = urllib.request.Request(f"http://127.0.0.1:{port}{FUNCTIONS}/made/invocations", method="POST",
                                            data=b"{}", headers={"X-Amz-Invocation-Type": "Event"})
            assert urllib.request.urlopen(queued).status == 202
            assert readable(folder / "state") == [], readable(folder / "state")
            end(process)
            assert readable(folder / "state") == [], readable(folder / "state")
            key = folder / "state" / "variables.key"
            assert key.stat().st_mode & 0o777 == 0o600

            process, port = start(binary, folder)
            assert settle(port, "made")["Environment"]["Variables"] == {"TOKEN": "plain-as-day-2"}
            assert call(port, "POST", f"{FUNCTIONS}/made:1/invocations", {})[2] == "plain-as-day-1"
            end(process)

            kept = key.read_text()
            key.unlink()
            process, port = start(binary, folder)
            environment = settle(port, "made")["Environment"]
            assert set(environment) == {"Error"} and environment["Error"]["ErrorCode"] == "KMSNotFoundException", environment
            for name in ("made", "made:1"):
                status, kind, body = call(port, "POST", f"{FUNCTIONS}/{name}/invocations", {})
                assert (status, kind) == (502, "KMSNotFoundException") and "variables.key" in body["Message"], body
            # The template says its variables again, so they are sealed anew.
            assert call(port, "POST", f"{FUNCTIONS}/stacked/invocations", {})[2] == "plain-as-day-template"
            # Another setting changes, and the variables that nobody can open stay.
            assert call(port, "PUT", f"{FUNCTIONS}/made/configuration", {"Timeout": 7})[0] == 200
            settle(port, "made")
            end(process)

            key.write_text(key.read_text() + kept)
            process, port = start(binary, folder)
            found = settle(port, "made")
            assert found["Environment"] == {"Variables": {"TOKEN": "plain-as-day-2"}} and found["Timeout"] == 7, found
            assert call(port, "POST", f"{FUNCTIONS}/made/invocations", {})[2] == "plain-as-day-2"
            assert readable(folder / "state") == []
            end(process)

            key.chmod(0o644)
            process, port = start(binary, folder)
            assert port is None and process.returncode != 0 and "chmod 600" in (folder / "log").read_text()
        except Exception:
            print((folder / "log").read_text()[-3000:])
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


main()
