"""What callgrind counted, read for a gate: instructions of our own code, and what it asked others to do.

The instructions of libc and of OpenSSL are left out: both choose among several versions of a function by the
processor they run on. What is left is the same on every machine that runs the same binary.
"""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# Code of ours that stands elsewhere: strings, containers and formatting, compiled once for every x86-64.
OURS_TOO = ("libstdc++.", "libfmt.")
ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"}
SYSTEM_CALLS = {"accept4", "close", "connect", "epoll_ctl", "epoll_wait", "eventfd", "fsync", "getpeername", "getrandom",
                "getsockname", "getsockopt", "ioctl", "open", "read", "readv", "recv", "recvfrom", "recvmsg", "send",
                "sendfile", "sendmsg", "sendto", "setsockopt", "shutdown", "socket", "write", "writev"}


@dataclass
class Count:
    """Of one thread between two dumps."""

    functions: Counter = field(default_factory=Counter)  # ours: name -> instructions spent in itself
    calls: Counter = field(default_factory=Counter)      # out of our code: name -> number of calls

    @property
    def instructions(self):
        return sum(self.functions.values())

    @property
    def allocations(self):
        return sum(n for name, n in self.calls.items() if name in ALLOCATORS)

    @property
    def system_calls(self):
        return sum(n for name, n in self.calls.items() if name in SYSTEM_CALLS)


def short(name):
    """A function's name without what differs between two builds of the same source, or tells nothing."""
    if name.startswith("0x"):
        return "(a library's own)"
    name = re.sub(r"'\d+$", "", name)
    coroutine = ".actor" in name or "_Coro" in name
    name = re.sub(r" ?\[clone [^\]]*\]|\.(isra|part|constprop|cold|lto_priv|actor|destroy)(\.\d+)*", "", name)
    name = name.replace("(anonymous namespace)", "{}")
    # Template arguments and parameters, from the inside out.
    before = None
    while before != name:
        before, name = name, re.sub(r"<[^<>]*>", "", re.sub(r"\([^()]*\)", "", name))
    name = re.sub(r" const$| const&$", "", name).replace("{}", "(anonymous)")
    name = name.split(" ")[-1] if not name.startswith("operator") and " operator" not in name else name
    return name + (" [coroutine]" if coroutine else "")


def bare(name):
    """A function of libc without the processor it was made for: __memcpy_avx_unaligned_erms is memcpy."""
    name = re.sub(r"'\d+$|@.*$", "", name).lstrip("_")
    name = re.sub(r"^(libc_|GI_)+_*", "", name)
    return re.sub(r"_(avx|evex|sse|erms|unaligned|ssse3|fma|avx2)\w*$", "", name)


def parse(text, binary):
    """A dump of callgrind; `binary` is the program's path."""
    count = Count()
    names = {"ob": {}, "fn": {}}
    ours = {}
    where = {"ob": "", "fn": ""}
    callee = {}

    def resolve(kind, value):
        found = re.match(r"\((\d+)\)(?: (.*))?$", value)
        if not found:
            return value
        if found[2] is not None:
            names[kind][found[1]] = found[2]
        return names[kind][found[1]]

    def is_ours(path):
        if path not in ours:
            ours[path] = path == str(binary) or Path(path).name.startswith(OURS_TOO)
        return ours[path]

    skip = False
    for line in text.splitlines():
        if not line:
            continue
        if line[0] in "+-*0123456789":
            if skip:  # what the callee cost, which is not ours to count
                skip = False
            elif is_ours(where["ob"]):
                count.functions[short_of(where["fn"])] += int(line.split()[1])
            continue
        key, _, value = line.partition("=")
        if key in ("ob", "fn"):
            where[key] = resolve(key, value)
        elif key in ("cob", "cfn"):
            callee[key[1:]] = resolve(key[1:], value)
        elif key == "calls":
            target = callee.get("ob", where["ob"])
            if is_ours(where["ob"]) and not is_ours(target):
                count.calls[bare(callee["fn"])] += int(value.split()[0])
            callee, skip = {}, True
    return count


_short = {}


def short_of(name):
    if name not in _short:
        _short[name] = short(name)
    return _short[name]


class Callgrind:
    """The tool around one process: what to put before its command, and how to tell it to dump."""

    def __init__(self, binary, folder):
        self.binary = Path(binary).resolve()
        self.folder = Path(folder)
        self.pipes = f"--vgdb-prefix={self.folder}/vgdb"
        # --separate-threads: the worker is counted, and not the timers of the threads beside it.
        self.wrapper = ["valgrind", "-q", "--tool=callgrind", "--separate-threads=yes", self.pipes,
                        f"--callgrind-out-file={self.folder}/out"]

    def tell(self, pid, *words):
        done = subprocess.run(["vgdb", self.pipes, f"--pid={pid}", *words], capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"vgdb {' '.join(words)}: {done.stdout}{done.stderr}")

    def measure(self, pid, work):
        """What the busiest thread did while work() ran."""
        for old in self.folder.glob("out.*"):
            old.unlink()
        self.tell(pid, "zero")
        work()
        self.tell(pid, "dump")
        counts = [parse(part.read_text(errors="replace"), self.binary) for part in self.folder.glob("out.*")]
        return max(counts, key=lambda c: c.instructions)
