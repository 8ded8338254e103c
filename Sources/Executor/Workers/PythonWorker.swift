/// The program that runs a Python function.
enum PythonWorker {
    /// The script as written to the worker folder.
    static let source = [channel, logging, loading, snapshot, invocation].joined(separator: "\n\n")

    private static let channel = #"""
        import gc, importlib, importlib.machinery, io, json, logging, os, socket, struct, sys, threading, time, traceback
        from json import decoder, encoder

        INIT, INVOKE, READY, LOADED, LOAD_FAILED, RESPONSE, FAILED, LOG = 1, 2, 10, 11, 12, 13, 14, 15
        channel = socket.socket(fileno=3)
        channel.setblocking(True)
        os.set_inheritable(3, False)
        frame_head, number, call_head = struct.Struct("<IB"), struct.Struct("<I"), struct.Struct("<4sQ")
        lock = threading.RLock()
        current_id = ""
        json_logs = False
        WORKER = os.path.abspath(__file__)
        OWNER = os.getpid()
        PYTHON = ("%d.%d.%d" % sys.version_info[:3]).encode()


        def send(kind, body, serial=b""):
            # An answer names the call that it is for, so that a second one to the same call means nothing.
            frame = frame_head.pack(len(serial) + len(body), kind) + serial + body
            with lock:
                channel.sendall(frame)


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
        inbox = b""


        def receive():
            # Mostly one read brings one frame.
            global inbox
            while True:
                if len(inbox) >= 5:
                    size, kind = frame_head.unpack_from(inbox)
                    end = 5 + size
                    if len(inbox) == end:
                        frame, inbox = inbox, b""
                        return kind, frame
                    if len(inbox) > end:
                        frame, inbox = inbox[:end], inbox[end:]
                        return kind, frame
                    inbox = read_rest(inbox, end)
                    continue
                data = channel.recv(65536)
                if not data:
                    os._exit(0)
                inbox = inbox + data if inbox else data


        def read_rest(begun, end):
            whole = bytearray(begun)
            while len(whole) < end:
                data = channel.recv(min(end - len(whole), 1 << 20))
                if not data:
                    os._exit(0)
                whole += data
            return bytes(whole)


        def drain():
            for output in (sys.stdout, sys.stderr):
                if type(output) is Output:
                    if output.held:
                        output.drain()
                elif isinstance(output, Output):
                    output.drain()


        def open_debugger(port):
            try:
                import debugpy
            except ImportError:
                return log("No debugger can attach: install the package debugpy for " + sys.executable)
            # The environment of before may still hold the port.
            for attempt in range(100):
                try:
                    debugpy.listen(("127.0.0.1", port))
                    return log("A debugger may attach at 127.0.0.1:%d" % port)
                except (OSError, RuntimeError) as error:
                    failure = error
                    time.sleep(0.02)
            log("No debugger can attach: %s" % failure)


        def initialise(body):
            global json_logs
            settings = json.loads(body[5:])
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
            if "debugPort" in settings:
                open_debugger(settings["debugPort"])
            try:
                handler = load(settings["handler"])
            except SystemExit:
                raise
            except BaseException as error:
                report(error, describe(error, ""))
                drain()
                send(LOAD_FAILED, load_failure(error, root))
                return settings, None
            if settings["snapshot"]:
                run_before_snapshot(root)
            drain()
            send(LOADED, b"")
            return settings, handler


        scan = decoder.JSONDecoder().scan_once


        def parse(data):
            text = data.decode("utf-8", "surrogatepass")
            try:
                value, end = scan(text, 0)
                if end == len(text):
                    return value
            except StopIteration:
                pass
            # With blanks around it, or not JSON: then the error is the one that people know.
            return json.loads(data)


        def unknown(value):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


        # What json.dumps makes anew for each call, and without its look-out for circles.
        pieces = encoder.c_make_encoder and encoder.c_make_encoder(
            None, unknown, encoder.encode_basestring, None, ": ", ", ", False, False, True)


        def dumps(value):
            if pieces:
                try:
                    return "".join(pieces(value, 0))
                except Exception:
                    pass
            # Fails with the error that people know.
            return json.dumps(value, ensure_ascii=False)


        def encode(result):
            if isinstance(result, bytes):
                return result
            try:
                return dumps(result).encode("utf-8", "surrogatepass")
            except (TypeError, ValueError, RecursionError) as error:
                raise RuntimeFailure("Runtime.MarshalError", "Unable to marshal response: %s" % error)


        traced = False


        def trace_with(header):
            # The environment is looked at only when there is something to change.
            global traced
            if header:
                os.environ["_X_AMZN_TRACE_ID"] = header
            elif traced:
                os.environ.pop("_X_AMZN_TRACE_ID", None)
            traced = header != ""


        def invoke(settings, handler, frame):
            global current_id
            serial, deadline = call_head.unpack_from(frame, 5)
            at, texts = 17, []
            for _ in range(5):
                start = at + 4
                at = start + number.unpack_from(frame, at)[0]
                texts.append(frame[start:at].decode())
            identifier, arn, client, identity, trace = texts
            current_id = identifier
            trace_with(trace)
            kind = RESPONSE
            try:
                try:
                    event = parse(frame[at:])
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
            # What the interpreter made for itself lives as long as it does: no collection need look at it.
            gc.collect()
            gc.freeze()
            send(READY, PYTHON)
            settings, handler = None, None
            try:
                while True:
                    kind, frame = receive()
                    if kind == INVOKE and handler is not None:
                        invoke(settings, handler, frame)
                    elif kind == INIT:
                        settings, handler = initialise(frame)
                        if handler is not None and settings["snapshot"]:
                            serve_forks()
                    elif kind == RESTORE and handler is not None:
                        restore(frame, settings)
            finally:
                drain()


        main()
        """#
}
