extension PythonWorker {
    /// `print`, `logging` and error reports, in Lambda's text and JSON forms.
    static let logging = #"""
        class Output(io.TextIOBase):
            encoding, errors = "utf-8", "replace"

            def __init__(self, descriptor):
                self.descriptor, self.held = descriptor, ""
                self.buffer = open(descriptor, "wb", 0, closefd=False)

            def writable(self):
                return True

            def fileno(self):
                return self.descriptor

            def reconfigure(self, **options):
                pass

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


        def stamp(seconds, form):
            return time.strftime(form, time.gmtime(seconds))


        class TextFormatter(logging.Formatter):
            def format(self, record):
                text = super().format(record).replace("\n", "\r")
                moment = stamp(record.created, "%Y-%m-%dT%H:%M:%S")
                return "[%s]\t%s.%03dZ\t%s\t%s" % (record.levelname, moment, record.msecs, current_id, text)


        STANDARD = set(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime"}


        class JSONFormatter(logging.Formatter):
            def format(self, record):
                plain = isinstance(record.msg, dict) and not record.args
                fields = {
                    "timestamp": stamp(record.created, "%Y-%m-%dT%H:%M:%SZ"), "level": record.levelname,
                    "message": record.msg if plain else record.getMessage(), "logger": record.name,
                }
                if record.exc_info and record.exc_info[0]:
                    fields["stackTrace"] = traceback.format_tb(record.exc_info[2])
                    fields["errorType"] = record.exc_info[0].__name__
                    fields["errorMessage"] = str(record.exc_info[1])
                fields["requestId"] = current_id or None
                if record.exc_info:
                    fields["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
                for key, value in record.__dict__.items():
                    if key not in STANDARD and key not in fields:
                        fields[key] = value
                kept = {key: value for key, value in fields.items() if value is not None}
                return json.dumps(kept, ensure_ascii=False, default=str)


        class Handler(logging.Handler):
            def emit(self, record):
                try:
                    log(self.format(record))
                except Exception:
                    self.handleError(record)


        def set_up_logging(level):
            root = logging.getLogger()
            handler = Handler()
            handler.setFormatter(JSONFormatter() if json_logs else TextFormatter("%(message)s"))
            root.addHandler(handler)
            if level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"):
                root.setLevel("DEBUG" if level == "TRACE" else level)


        def report(error, described):
            trace = described.get("stackTrace", [])
            if json_logs:
                fields = {"timestamp": stamp(time.time(), "%Y-%m-%dT%H:%M:%SZ"), "level": "ERROR",
                          "errorMessage": described["errorMessage"], "errorType": described["errorType"],
                          "requestId": described["requestId"], "stackTrace": trace}
                return log(json.dumps(fields, ensure_ascii=False))
            lines = "".join(trace).rstrip("\n").split("\n")
            padded = [l.replace(" ", "\u00a0", len(l) - len(l.lstrip(" "))) for l in lines if l]
            text = "[ERROR] %s: %s" % (described["errorType"], described["errorMessage"])
            if padded:
                text += "\rTraceback (most recent call last):\r" + "\r".join(padded)
            log(text.replace("\n", "\r"))
        """#
}
