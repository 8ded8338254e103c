/// The program that runs a Python function.
enum PythonWorker {
    /// The script as written to the worker folder.
    static let source = [channel, logging, loading, invocation].joined(separator: "\n\n")

    private static let channel = #"""
        import importlib, io, json, logging, os, socket, struct, sys, threading, time, traceback

        INIT, INVOKE, READY, LOADED, LOAD_FAILED, RESPONSE, FAILED, LOG = 1, 2, 10, 11, 12, 13, 14, 15
        channel = socket.socket(fileno=3)
        os.set_inheritable(3, False)
        lock = threading.RLock()
        current_id = ""
        json_logs = False
        WORKER = os.path.abspath(__file__)
        OWNER = os.getpid()


        def send(kind, body, serial=b""):
            # An answer names the call that it is for, so that a second one to the same call means nothing.
            with lock:
                channel.sendall(struct.pack("<IB", len(serial) + len(body), kind) + serial + body)


        def new_lock():
            global lock
            lock = threading.RLock()


        # What a forked child inherits may be held by a thread that it doesn't have.
        os.register_at_fork(after_in_child=new_lock)


        def log(text):
            identifier = current_id.encode()
            send(LOG, bytes([len(identifier)]) + identifier + text.encode("utf-8", "replace"))
        """#

    private static let invocation = #"""
        inbox = bytearray()


        def receive():
            while True:
                if len(inbox) >= 5:
                    size, kind = struct.unpack_from("<IB", inbox)
                    if len(inbox) >= 5 + size:
                        body = bytes(inbox[5:5 + size])
                        del inbox[:5 + size]
                        return kind, body
                data = channel.recv(65536)
                if not data:
                    os._exit(0)
                inbox.extend(data)


        def drain():
            for output in (sys.stdout, sys.stderr):
                if isinstance(output, Output):
                    output.drain()


        def initialise(body):
            global json_logs
            settings = json.loads(body)
            root = settings["taskRoot"]
            os.environ.clear()
            os.environ.update(settings["environment"])
            if "TZ" in os.environ:
                time.tzset()
            json_logs = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
            set_up_logging(os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
            os.chdir(root)
            sys.path[0:1] = [root] + settings["paths"]
            sys.argv = [""]
            importlib.invalidate_caches()
            try:
                handler = load(settings["handler"])
            except SystemExit:
                raise
            except BaseException as error:
                report(error, describe(error, ""))
                drain()
                send(LOAD_FAILED, load_failure(error, root))
                return settings, None
            drain()
            send(LOADED, b"")
            return settings, handler


        def encode(result):
            if isinstance(result, bytes):
                return result
            try:
                return json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
            except (TypeError, ValueError, RecursionError) as error:
                raise RuntimeFailure("Runtime.MarshalError", "Unable to marshal response: %s" % error)


        def invoke(settings, handler, body):
            global current_id
            serial, (deadline,) = body[:4], struct.unpack_from("<Q", body, 4)
            at, texts = 12, []
            for _ in range(5):
                (size,) = struct.unpack_from("<I", body, at)
                texts.append(body[at + 4:at + 4 + size].decode())
                at += 4 + size
            identifier, arn, client, identity, trace = texts
            current_id = identifier
            if trace:
                os.environ["_X_AMZN_TRACE_ID"] = trace
            elif "_X_AMZN_TRACE_ID" in os.environ:
                del os.environ["_X_AMZN_TRACE_ID"]
            kind = RESPONSE
            try:
                try:
                    event = json.loads(body[at:])
                except ValueError as error:
                    raise RuntimeFailure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
                context = LambdaContext(settings, identifier, deadline, arn, client, identity)
                answer = encode(handler(event, context))
            except Exception as error:
                described = describe(error, identifier)
                report(error, described)
                kind, answer = FAILED, json.dumps(described, ensure_ascii=False).encode("utf-8", "replace")
            drain()
            if os.getpid() != OWNER:
                # A forked child came back through the handler; only its parent answers.
                os._exit(0)
            current_id = ""
            send(kind, answer, serial)


        def main():
            sys.stdout, sys.stderr = Output(1), Output(2)
            send(READY, ("%d.%d.%d" % sys.version_info[:3]).encode())
            settings, handler = None, None
            try:
                while True:
                    kind, body = receive()
                    if kind == INIT:
                        settings, handler = initialise(body)
                    elif kind == INVOKE and handler is not None:
                        invoke(settings, handler, body)
            finally:
                drain()


        main()
        """#
}
