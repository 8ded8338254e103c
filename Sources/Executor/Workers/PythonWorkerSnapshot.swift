extension PythonWorker {
    /// Runtime hooks, and copies of a process that has loaded its function.
    ///
    /// Sources: "Lambda SnapStart runtime hooks for Python", "Handling uniqueness with Lambda SnapStart".
    static let snapshot = #"""
        RESTORE, FORK, REAP, FORKED = 3, 4, 5, 20
        HOOKS = "snapshot_restore_py"


        class Supplied:
            # The module of hooks, for functions that bring none: the managed runtimes have it.
            def find_spec(self, name, path=None, target=None):
                return importlib.machinery.ModuleSpec(name, self) if name == HOOKS else None

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                before, after = [], []

                def register_before_snapshot(func, *args, **kwargs):
                    before.append((func, args, kwargs))
                    return func

                def register_after_restore(func, *args, **kwargs):
                    after.append((func, args, kwargs))
                    return func

                module.register_before_snapshot = register_before_snapshot
                module.register_after_restore = register_after_restore
                module.get_before_snapshot = lambda: before
                module.get_after_restore = lambda: after
                module.__all__ = ["register_before_snapshot", "register_after_restore"]


        # Last, so that a module in the function's folder or a layer comes first.
        sys.meta_path.append(Supplied())


        def hooks(name):
            module = sys.modules.get(HOOKS)
            return getattr(module, name)() if module is not None else []


        def run_before_snapshot(root):
            waiting = hooks("get_before_snapshot")
            try:
                while waiting:
                    func, args, kwargs = waiting.pop()
                    func(*args, **kwargs)
            except Exception as error:
                give_up(error, root, "Runtime.BeforeSnapshotError", 64)


        def give_up(error, root, kind, status):
            report(error, describe(error, ""))
            drain()
            send(LOAD_FAILED, load_failure(error, root, kind))
            os._exit(status)


        def serve_forks():
            # Returns in each copy; the process itself stays here for life.
            global ctypes, shutil, warnings
            import ctypes, shutil, warnings
            gc.collect()
            gc.freeze()
            waiting, ends = b"", []
            while True:
                data, given, _, _ = socket.recv_fds(channel, 65536, 3)
                if not data:
                    os._exit(0)
                for end in given:
                    os.set_inheritable(end, False)
                waiting, ends = waiting + data, ends + given
                while len(waiting) >= 5:
                    size, kind = frame_head.unpack_from(waiting)
                    if len(waiting) < 5 + size:
                        break
                    body, waiting = waiting[5:5 + size], waiting[5 + size:]
                    if kind == REAP:
                        reap(number.unpack(body)[0])
                    elif kind == FORK:
                        theirs, ends = ends[:3], ends[3:]
                        if fork(theirs, body):
                            return


        def reap(pid):
            try:
                os.waitpid(pid, 0)
            except OSError:
                pass


        def fork(ends, body):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    pid = os.fork()
                except OSError:
                    pid = -1
            if pid == 0:
                become(ends, body)
                return True
            for end in ends:
                os.close(end)
            if pid > 0:
                try:
                    os.setpgid(pid, pid)
                except OSError:
                    pass
            send(FORKED, number.pack(max(0, pid)))
            return False


        trouble = None


        def become(ends, body):
            global OWNER, trouble, inbox
            OWNER = os.getpid()
            inbox = b""
            try:
                os.setpgid(0, 0)
                for end, place in zip(ends, (3, 1, 2)):
                    os.dup2(end, place, place != 3)
                    os.close(end)
                place = json.loads(body)
                if place:
                    make_scratch(place)
                renew()
            except OSError as error:
                trouble = error
            send(READY, PYTHON)


        def make_scratch(place):
            # As the shell does it for other workers, in a mount namespace of this copy's own.
            libc = ctypes.CDLL(None, use_errno=True)

            def call(name, *arguments):
                if getattr(libc, name)(*arguments) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, "%s: %s" % (name, os.strerror(code)))

            def mount(source, target, kind, flags, options=None):
                call("mount", source, target, kind, ctypes.c_ulong(flags), options)

            NOSUID, NODEV, BIND, MOVE, REC, NEWNS = 2, 4, 4096, 8192, 16384, 0x20000
            here, stage = os.getcwd(), place["stage"]
            if place["strict"]:
                # Without power over the namespaces of its original it makes its own, with a user of its own.
                user, group = os.getuid(), os.getgid()
                NEWUTS, NEWIPC, NEWUSER, NEWNET = 0x4000000, 0x8000000, 0x10000000, 0x40000000
                call("unshare", NEWUSER | NEWNS | NEWUTS | NEWIPC | (NEWNET if place["offline"] else 0))
                for name, text in (("setgroups", "deny"), ("uid_map", "%d %d 1" % (user, user)),
                                   ("gid_map", "%d %d 1" % (group, group))):
                    with open("/proc/self/" + name, "w") as file:
                        file.write(text)
            else:
                call("unshare", NEWNS)
            options = b"size=%d,mode=1777" % place["size"]
            mount(b"portico-tmp", os.fsencode(stage), b"tmpfs", NOSUID | NODEV, options)
            carried = set()
            for folder in place["kept"]:
                carried.add(folder.split("/")[2])
                target = stage + folder[4:]
                os.makedirs(target, exist_ok=True)
                mount(os.fsencode(folder), os.fsencode(target), None, BIND | REC)
            for entry in os.scandir("/tmp"):
                # What static code wrote belongs to the snapshot.
                if entry.name in carried:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.copytree(entry.path, stage + "/" + entry.name, symlinks=True)
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    shutil.copy2(entry.path, stage + "/" + entry.name, follow_symlinks=False)
            mount(os.fsencode(stage), b"/tmp", None, MOVE)
            os.chdir(here)
            if place["strict"]:
                # Nothing that was laid over other things is to be taken away again.
                call("capset", (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())


        def renew():
            # `random` and OpenSSL notice a fork, `secrets` asks the system; this is for the rest and for certain.
            if "random" in sys.modules:
                sys.modules["random"].seed()
            if "ssl" in sys.modules:
                sys.modules["ssl"].RAND_add(os.urandom(64), 64.0)
            if "uuid" in sys.modules:
                # Without the library's own clock sequence, each uuid1 draws one.
                module = sys.modules["uuid"]
                module._last_timestamp = module._generate_time_safe = None


        def restore(frame, settings):
            root = settings["taskRoot"]
            if trouble is not None:
                send(LOAD_FAILED, load_failure(RuntimeFailure("Sandbox.Failure", str(trouble)), root))
                os._exit(1)
            os.environ.update(json.loads(frame[5:])["environment"])
            try:
                for func, args, kwargs in hooks("get_after_restore"):
                    func(*args, **kwargs)
            except Exception as error:
                give_up(error, root, "Runtime.AfterRestoreError", 65)
            drain()
            send(LOADED, b"")
        """#
}
