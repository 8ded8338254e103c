"""Accepts events, kills the node in the middle of its work, and counts what is delivered after a restart.

usage: event_survival.py BINARY [COUNT]
"""
import http.client, os, pathlib, signal, subprocess, sys, tempfile, time

TEMPLATE = """Resources:
  Notes:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: notes
      Runtime: nodejs20.x
      Handler: index.handler
      CodeUri: ./code
      Environment: { Variables: { NOTES: "%s" } }
"""
CODE = """const fs = require('fs');
exports.handler = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, 60));
  fs.appendFileSync(process.env.NOTES, event.number + '\\n');
};
"""


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
    sys.exit("portico did not start: " + (folder / "log").read_text()[-2000:])


def main():
    binary, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        # The function has a /tmp of its own; of the machine's it sees the state folder.
        (folder / "state").mkdir()
        notes = folder / "state" / "notes"
        notes.touch()
        (folder / "code").mkdir()
        (folder / "code" / "index.js").write_text(CODE)
        (folder / "template.yaml").write_text(TEMPLATE % notes)
        process, port = start(binary, folder)
        try:
            client = http.client.HTTPConnection("127.0.0.1", port)
            for number in range(count):
                client.request("POST", "/2015-03-31/functions/notes/invocations", '{"number":%d}' % number,
                               {"X-Amz-Invocation-Type": "Event"})
                answer = client.getresponse()
                answer.read()
                if answer.status != 202:
                    sys.exit(f"event {number} was answered {answer.status}")
            process.send_signal(signal.SIGKILL)
            process.wait()
            before = len(notes.read_text().splitlines())
            process, _ = start(binary, folder)
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                delivered = notes.read_text().splitlines()
                if len(set(delivered)) == count:
                    break
                time.sleep(0.05)
            print(f"{count} accepted, {before} delivered before the kill, {len(set(delivered))} in the end, "
                  f"{len(delivered) - len(set(delivered))} more than once")
            missing = sorted(set(map(str, range(count))) - set(delivered), key=int)
            if missing:
                sys.exit(f"lost: {missing[:20]}\n" + (folder / "log").read_text()[-3000:])
        finally:
            process.kill()
            process.wait()


main()
