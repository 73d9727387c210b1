"""The real binary: start it, talk to it, reload it, end it, and look whether it came to harm."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from client import RawClient
from waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
HARM = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|SUMMARY: \w*Sanitizer|runtime error:"
                  r"|terminate called|[Aa]ssertion .*failed|Segmentation fault")


def binary(name="sluice"):
    """SLUICE_BIN if set, else the newest build; `name` beside it."""
    chosen = os.environ.get("SLUICE_BIN")
    if not chosen:
        built = [p for p in (ROOT / "build").glob("*/bin/sluice") if p.is_file()]
        assert built, "no sluice built: set SLUICE_BIN or run `make build`"
        chosen = str(max(built, key=lambda p: p.stat().st_mtime))
    return str(Path(chosen).absolute().with_name(name))  # tests run it elsewhere


def environment(extra=None):
    env = dict(os.environ)
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.setdefault("TSAN_OPTIONS", "second_deadlock_stack=1")
    env.pop("NOTIFY_SOCKET", None)
    env.update(extra or {})
    return env


def command(*arguments, stdin=None, patience=PATIENCE, env=None, cwd=None):
    """Runs `sluice` for a short verb; returns the CompletedProcess with text output."""
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, input=stdin,
                          timeout=patience, env=environment(env), cwd=cwd, check=False)
    assert not HARM.search(done.stderr), f"sluice {arguments} came to harm:\n{done.stderr}"
    assert done.returncode >= 0, f"sluice {arguments} died of signal {-done.returncode}:\n{done.stderr}"
    return done


class Sluice:
    """One running process. `config` is a dict (JSON is YAML too) or YAML text."""

    def __init__(self, config=None, arguments=None, env=None, wrapper=(), pass_fds=()):
        # Short, because the admin socket's path must fit sockaddr_un.
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.file = self.folder / "sluice.yaml"
        self.addresses = {}
        self.lines = []
        self.changed = threading.Condition()
        self.exit_code = None
        self.stopped = False
        if config is not None:
            self.write(config)
        self.arguments = arguments or ["run", "--config", str(self.file)]
        self.process = subprocess.Popen([*wrapper, binary(), *self.arguments], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(env),
                                        cwd=self.folder, pass_fds=pass_fds)
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    # --- the log -----------------------------------------------------------------------------------------

    def read_log(self):
        for raw in self.process.stderr:
            with self.changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    @property
    def log(self):
        return "\n".join(line for line in self.lines if line is not None)

    def mark(self):
        """A place in the log to wait from."""
        return len(self.lines)

    def wait_log(self, pattern, since=0, patience=PATIENCE):
        """Waits for a line that matches and returns the match."""
        seen = since
        deadline = time.monotonic() + patience
        with self.changed:
            while True:
                while seen < len(self.lines):
                    line = self.lines[seen]
                    seen += 1
                    if line is None:
                        raise AssertionError(f"sluice ended before it logged /{pattern}/:\n{self.log}")
                    match = re.search(pattern, line)
                    if match:
                        return match
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"sluice never logged /{pattern}/:\n{self.log}")

    def wait_ready(self):
        self.learn(self.wait_log(r"\bready\b([^\"]*)")[1])
        return self

    def learn(self, words):
        """Takes NAME=ADDRESS pairs over."""
        for name, address in re.findall(r"(\S+?)=(\S+)", words):
            if name not in ("pid", "generation"):
                self.addresses[name] = address

    # --- talking -----------------------------------------------------------------------------------------

    def __getitem__(self, listener):
        return self.addresses[listener]

    def connect(self, listener="http", **how):
        return RawClient(self.addresses[listener], **how)

    def get(self, target="/", *fields, host="app.test", listener="http"):
        with self.connect(listener) as client:
            return client.get(target, "Connection: close", *fields, host=host)

    def admin(self, target, method="GET"):
        with self.connect("admin") as client:
            return client.request(method, target, "Connection: close", host="localhost")

    def refused(self, before=None):
        """sluice_http_refused_total by side and rule, without zeros; or by how much that is more than before."""
        lines = self.admin("/metrics").body.decode()
        found = re.findall(r'^sluice_http_refused_total\{side="(\w+)",rule="([\w-]+)"\} (\d+)$', lines, re.M)
        counts = {(side, rule): int(count) - (before or {}).get((side, rule), 0) for side, rule, count in found}
        return {key: count for key, count in counts.items() if count}

    # --- reloading ---------------------------------------------------------------------------------------

    def write(self, config):
        """Replaces the file in one step, as editors and deployment tools do."""
        write_config(self.file, config)

    def reload(self, config=None):
        """`sluice reload`; returns the CompletedProcess."""
        if config is not None:
            self.write(config)
        since = self.mark()
        done = command("reload", "--config", self.file)
        if done.returncode == 0:
            self.learn(self.wait_log(r"reload applied(.*)", since)[1])
        return done

    def hang_up(self, config=None):
        """HUP; returns "applied" or "refused", read from the log."""
        if config is not None:
            self.write(config)
        since = self.mark()
        self.process.send_signal(signal.SIGHUP)
        match = self.wait_log(r"reload (applied|refused)(.*)", since)
        if match[1] == "applied":
            self.learn(match[2])
        return match[1]

    # --- how it fares ------------------------------------------------------------------------------------

    @property
    def pid(self):
        return self.process.pid

    @property
    def alive(self):
        return self.process.poll() is None

    def resident(self):
        """Resident memory in bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS: sluice is gone")

    def assert_unharmed(self):
        assert self.alive, f"sluice died with {self.process.returncode}:\n{self.log}"
        assert not HARM.search(self.log), f"sluice came to harm:\n{self.log}"

    # --- the end -----------------------------------------------------------------------------------------

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_exit(self, patience=PATIENCE):
        """Waits for the process to end and returns its exit code."""
        self.exit_code = self.process.wait(patience)
        self.reader.join(PATIENCE)
        return self.exit_code

    def stop(self):
        """TERM, then: gone within bounds, exit 0, nothing bad in the log."""
        if self.stopped:
            return
        self.stopped = True
        try:
            if self.alive:
                self.terminate()
            code = self.wait_exit()
            assert not HARM.search(self.log), f"sluice came to harm:\n{self.log}"
            assert code == 0, f"sluice ended with {code}:\n{self.log}"
        finally:
            self.abandon()

    def abandon(self):
        """Ends it without questions; for failed tests."""
        self.stopped = True
        if self.alive:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def write_config(file, config, admin="admin.sock"):
    """Writes a dict or YAML text; the admin socket of config() goes beside the file, where it is unique."""
    text = config if isinstance(config, str) else json.dumps(config, indent=1)
    fresh = file.with_suffix(".new")
    fresh.write_text(text.replace("unix:admin.sock", f"unix:{file.parent}/{admin}"))
    fresh.rename(file)
    return file


# --- configurations ------------------------------------------------------------------------------------------

def config(*servers, **keys):
    """The usual test configuration: one plain listener, one pool `app`, one route; `keys` override or add.

    Servers are addresses, things with an `.address`, or dicts as in the file.
    """
    whole = {
        "version": 1,
        "workers": 2,
        "listeners": {"http": "127.0.0.1:0"},
        "admin": {"address": "unix:admin.sock"},
        "timeouts": {"drain": "2s"},
    }
    if servers:
        whole["pools"] = {"app": pool(*servers)}
        whole["routes"] = [{"pool": "app"}]
    for name, value in keys.items():
        if name == "timeouts":
            value = {**whole["timeouts"], **value}
        whole[name] = value
    return whole


def pool(*servers, **keys):
    return {"servers": [getattr(s, "address", s) for s in servers], **keys}
