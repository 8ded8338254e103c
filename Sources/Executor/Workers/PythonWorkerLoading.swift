extension PythonWorker {
    /// Finding and loading the handler, the context object, and where in the user's files a failure was.
    static let loading = #"""
        class RuntimeFailure(Exception):
            def __init__(self, kind, message, cause=None, file=""):
                super().__init__(message)
                self.kind, self.cause, self.file = kind, cause, file


        def frames(error):
            return [f for f in traceback.extract_tb(error.__traceback__) if f.filename != WORKER]


        def describe(error, identifier):
            cause = error.cause if isinstance(error, RuntimeFailure) else error
            return {
                "errorMessage": str(error),
                "errorType": error.kind if isinstance(error, RuntimeFailure) else type(error).__name__,
                "requestId": identifier,
                "stackTrace": traceback.format_list(frames(cause)) if cause is not None else [],
            }


        def load_failure(error, root, kind=None):
            cause = error.cause if isinstance(error, RuntimeFailure) else error
            name, line, column = getattr(error, "file", ""), 0, 0
            if name:
                line, column = 1, 1
            elif isinstance(cause, SyntaxError):
                name, line, column = cause.filename or "", cause.lineno or 0, cause.offset or 0
            elif cause is not None:
                for frame in frames(cause):
                    if frame.filename.startswith(root + "/"):
                        name, line = frame.filename, frame.lineno
                        column = getattr(frame, "colno", None)
                        if column is None:
                            row = frame._line if hasattr(frame, "_line") else frame.line
                            column = len(row or "") - len((row or "").lstrip())
                        column += 1
            if name.startswith(root + "/"):
                name = name[len(root) + 1:]
            described = describe(error, "")
            out = struct.pack("<II", max(0, line), max(0, column))
            for text in (kind or described["errorType"], described["errorMessage"], name):
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
                    "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (attribute, module_name),
                    file=getattr(module, "__file__", None) or "")


        class Plain:
            def __init__(self, **values):
                self.__dict__.update(values)

            def __repr__(self):
                return "%s(%s)" % (type(self).__name__, ",".join("%s=%r" % i for i in self.__dict__.items()))


        class Client(Plain):
            pass


        class ClientContext(Plain):
            pass


        class CognitoIdentity(Plain):
            pass


        def parsed(text, name):
            try:
                return json.loads(text) if text else {}
            except ValueError as error:
                raise RuntimeFailure(
                    "Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (name, error))


        def client_context(text):
            if not text:
                return None
            data = parsed(text, "Client Context")
            client = data.get("client") or {}
            keys = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
            return ClientContext(
                custom=data.get("custom"), env=data.get("env"), client=Client(**{k: client.get(k) for k in keys}))


        class LambdaContext:
            def __init__(self, settings, identifier, deadline, arn, client, identity):
                self.aws_request_id = identifier
                self.log_group_name = settings["logGroup"]
                self.log_stream_name = settings["logStream"]
                self.function_name = settings["name"]
                self.memory_limit_in_mb = str(settings["memory"])
                self.function_version = settings["version"]
                self.invoked_function_arn = arn
                self.tenant_id = None
                self._w3c = {}
                if client:
                    trace = parsed(client, "Client Context").get("w3c")
                    self._w3c = {
                        k: v for k, v in (trace if isinstance(trace, dict) else {}).items()
                        if k in ("traceparent", "tracestate", "baggage") and isinstance(v, str)}
                self.client_context = client_context(client)
                who = parsed(identity, "Cognito Identity")
                self.identity = CognitoIdentity(
                    cognito_identity_id=who.get("cognitoIdentityId"),
                    cognito_identity_pool_id=who.get("cognitoIdentityPoolId"))
                self._deadline = deadline

            def get_remaining_time_in_millis(self):
                return max(0, self._deadline - int(time.time() * 1000))

            def w3c(self):
                return dict(self._w3c)

            def log(self, message):
                sys.stdout.write(str(message))

            def __repr__(self):
                names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name",
                         "memory_limit_in_mb", "function_version", "invoked_function_arn",
                         "client_context", "identity", "tenant_id")
                return "LambdaContext([%s])" % ",".join("%s=%s" % (n, getattr(self, n)) for n in names)
        """#
}
