/// The program that runs a Python function.
enum PythonWorker {
    /// The script as written to the worker folder.
    static let source = #"""
        import builtins, importlib, io, json, logging, os, socket, struct, sys, threading, time, traceback

        INIT, INVOKE, READY, LOADED, LOAD_FAILED, RESPONSE, FAILED, LOG = 1, 2, 10, 11, 12, 13, 14, 15
        channel = socket.socket(fileno=3)
        os.set_inheritable(3, False)
        lock = threading.RLock()
        current_id = ""
        WORKER = os.path.abspath(__file__)


        def send(kind, body):
            with lock:
                channel.sendall(struct.pack("<IB", len(body), kind) + body)


        def log(text):
            identifier = current_id.encode()
            send(LOG, bytes([len(identifier)]) + identifier + text.encode("utf-8", "replace"))


        class Output(io.TextIOBase):
            def __init__(self, descriptor):
                self.descriptor, self.held, self.buffer = descriptor, "", open(descriptor, "wb", 0, closefd=False)

            encoding = "utf-8"

            def writable(self):
                return True

            def fileno(self):
                return self.descriptor

            def write(self, text):
                with lock:
                    *lines, self.held = (self.held + text).split("\n")
                    for line in lines:
                        log(line)
                return len(text)

            def flush(self):
                pass

            def drain(self):
                with lock:
                    if self.held:
                        line, self.held = self.held, ""
                        log(line)


        class Formatter(logging.Formatter):
            def format(self, record):
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
                text = super().format(record).replace("\n", "\r")
                return "[%s]\t%s.%03dZ\t%s\t%s" % (record.levelname, stamp, record.msecs, current_id, text)


        class Handler(logging.Handler):
            def emit(self, record):
                log(self.format(record))


        class RuntimeFailure(Exception):
            def __init__(self, kind, message, cause=None):
                super().__init__(message)
                self.kind, self.cause = kind, cause


        def frames(error):
            kept = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != WORKER]
            return [f for f in kept if "importlib" not in f.filename]


        def describe(error, identifier):
            cause = error.cause if isinstance(error, RuntimeFailure) else error
            return {
                "errorMessage": str(error),
                "errorType": error.kind if isinstance(error, RuntimeFailure) else type(error).__name__,
                "requestId": identifier,
                "stackTrace": traceback.format_list(frames(cause)) if cause is not None else [],
            }


        def report(error, described):
            lines = "".join(described["stackTrace"]).rstrip("\n").split("\n")
            padded = [l.replace(" ", "\u00a0", len(l) - len(l.lstrip(" "))) for l in lines if l]
            text = "[ERROR] %s: %s" % (described["errorType"], described["errorMessage"])
            if padded:
                text += "\rTraceback (most recent call last):\r" + "\r".join(padded)
            log(text.replace("\n", "\r"))


        def load_failure(error, root):
            cause = error.cause if isinstance(error, RuntimeFailure) else error
            name, line, column = "", 0, 0
            if isinstance(cause, SyntaxError):
                name, line, column = cause.filename or "", cause.lineno or 0, cause.offset or 0
            elif cause is not None:
                for frame in frames(cause):
                    if frame.filename.startswith(root):
                        name, line = frame.filename, frame.lineno
                        column = (getattr(frame, "colno", None) or 0) + 1
            if name.startswith(root + "/"):
                name = name[len(root) + 1:]
            described = describe(error, "")
            out = struct.pack("<II", max(0, line), max(0, column))
            for text in (described["errorType"], described["errorMessage"], name):
                part = text.encode("utf-8", "replace")
                out += struct.pack("<I", len(part)) + part
            return out + json.dumps(described, ensure_ascii=False).encode("utf-8", "replace")


        def load(handler):
            try:
                module_name, attribute = handler.rsplit(".", 1)
            except ValueError as error:
                raise RuntimeFailure("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (handler, error))
            module_name = module_name.replace("/", ".")
            first = module_name.split(".")[0]
            if first in sys.builtin_module_names:
                raise RuntimeFailure(
                    "Runtime.BuiltInModuleConflict",
                    "Cannot use built-in module %s as a handler module" % first)
            try:
                module = importlib.import_module(module_name)
            except ImportError as error:
                raise RuntimeFailure(
                    "Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error), error)
            except SyntaxError as error:
                raise RuntimeFailure(
                    "Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), error)
            try:
                return getattr(module, attribute)
            except AttributeError:
                raise RuntimeFailure(
                    "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (attribute, module_name))


        class Plain:
            def __init__(self, **values):
                self.__dict__.update(values)


        def client_context(text):
            if not text:
                return None
            data = json.loads(text)
            client = data.get("client") or {}
            keys = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
            return Plain(
                custom=data.get("custom"), env=data.get("env"), client=Plain(**{k: client.get(k) for k in keys}))


        class LambdaContext:
            def __init__(self, settings, identifier, deadline, arn, client):
                self.aws_request_id = identifier
                self.log_group_name = settings["logGroup"]
                self.log_stream_name = settings["logStream"]
                self.function_name = settings["name"]
                self.memory_limit_in_mb = str(settings["memory"])
                self.function_version = settings["version"]
                self.invoked_function_arn = arn
                self.tenant_id = None
                self.client_context = client_context(client)
                self.identity = Plain(cognito_identity_id=None, cognito_identity_pool_id=None)
                self._deadline = deadline

            def get_remaining_time_in_millis(self):
                return max(0, self._deadline - int(time.time() * 1000))

            def log(self, message):
                log(str(message))


        def receive(size):
            data = bytearray(size)
            view, at = memoryview(data), 0
            while at < size:
                count = channel.recv_into(view[at:])
                if count == 0:
                    os._exit(0)
                at += count
            return data


        def initialise(body):
            settings = json.loads(body)
            root = settings["taskRoot"]
            os.environ.clear()
            os.environ.update(settings["environment"])
            if "TZ" in os.environ:
                time.tzset()
            os.chdir(root)
            sys.path[0] = root
            sys.argv = [""]
            importlib.invalidate_caches()
            try:
                handler = load(settings["handler"])
            except SystemExit:
                raise
            except BaseException as error:
                report(error, describe(error, ""))
                sys.stdout.drain()
                send(LOAD_FAILED, load_failure(error, root))
                return settings, None
            send(LOADED, b"")
            return settings, handler


        def invoke(settings, handler, body):
            global current_id
            deadline, size = struct.unpack_from("<QB", body)
            at = 9 + size
            identifier = current_id = body[9:at].decode()
            (size,) = struct.unpack_from("<H", body, at)
            arn = body[at + 2:at + 2 + size].decode()
            at += 2 + size
            (size,) = struct.unpack_from("<I", body, at)
            client = body[at + 4:at + 4 + size].decode()
            kind = RESPONSE
            try:
                try:
                    event = json.loads(body[at + 4 + size:])
                except ValueError as error:
                    raise RuntimeFailure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
                result = handler(event, LambdaContext(settings, identifier, deadline, arn, client))
                if isinstance(result, bytes):
                    answer = result
                else:
                    try:
                        answer = json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
                    except (TypeError, ValueError) as error:
                        raise RuntimeFailure("Runtime.MarshalError", "Unable to marshal response: %s" % error)
            except Exception as error:
                described = describe(error, identifier)
                report(error, described)
                kind, answer = FAILED, json.dumps(described, ensure_ascii=False).encode("utf-8", "replace")
            sys.stdout.drain()
            sys.stderr.drain()
            current_id = ""
            send(kind, answer)


        def main():
            sys.stdout, sys.stderr = Output(1), Output(2)
            root_logger = logging.getLogger()
            handler_of_logs = Handler()
            handler_of_logs.setFormatter(Formatter("%(message)s"))
            root_logger.addHandler(handler_of_logs)
            send(READY, b"")
            settings, handler = None, None
            while True:
                size, kind = struct.unpack("<IB", receive(5))
                body = receive(size)
                if kind == INIT:
                    settings, handler = initialise(body)
                elif kind == INVOKE and handler is not None:
                    invoke(settings, handler, body)


        main()
        """#
}
