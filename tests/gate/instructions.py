#!/usr/bin/python3
"""What one request costs, counted instead of timed: instructions of our own code, allocations, system calls.

Sluice as it ships (but without a profile, which is never twice the same) runs under callgrind in front of
sluice-origin, with one worker, and answers the same requests one after the other on one connection. What that cost
per request is compared with what instructions.json holds. More than a tolerance above it fails, and the functions
that grew are shown; well below it asks to lower the number.

    tests/gate/instructions.py                    compare build/gate/bin/sluice
    tests/gate/instructions.py --update           write what was counted into instructions.json
    tests/gate/instructions.py --repeats 5        show the spread

The last line is `N passed, N failed`.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "support")]
sys.dont_write_bytecode = True

from callgrind import Callgrind  # noqa: E402
from certs import Authority  # noqa: E402
from client import RawClient, trusting  # noqa: E402
from http2 import Http2Client  # noqa: E402
from sluice import Sluice, config  # noqa: E402

KEPT = HERE / "instructions.json"

# Repeats differ by 0.2 % at most, also while others use the machine, and the same source built in another folder not
# at all. The rest is room for what a feature may cost unnoticed. A std::string made of every field is 3 to 5 %.
TOLERANCE = 0.02
# Below this the number has lost its bite.
SLACK = 0.05
# Allocations and system calls come in ones. What is left over are the timers, which tick by the clock.
CALLS_TOLERANCE = 0.2

WARM_UP = 60      # connections to the upstream, HPACK's tables, recycled frames and buffers
REQUESTS = 400    # at 100 bytes each they stay below HTTP/2's first window: no WINDOW_UPDATE between them
SHARE = 0.005     # functions with less than this are not kept

HOST = "acme.example.test"
PATH = "/shop/items?page=2&sort=price"
FIELDS = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "https://acme.example.test/shop/"),
    ("Cookie", "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
]


# --- the requests --------------------------------------------------------------------------------------------

class Http1:
    """Requests on one kept connection, each after the answer to the one before."""

    def __init__(self, address, tls=None):
        self.client = RawClient(address, tls=tls, server_name=HOST if tls else None, keep=False)
        lines = [f"GET {PATH} HTTP/1.1", f"Host: {HOST}", *(f"{n}: {v}" for n, v in FIELDS)]
        self.bytes = "\r\n".join(lines).encode() + b"\r\n\r\n"

    def ask(self):
        assert self.client.send(self.bytes).response().status == 200

    def close(self):
        self.client.close()


class Http2:
    """The same over HTTP/2, in the clear, one stream at a time."""

    def __init__(self, address):
        self.client = Http2Client(address, replenish=False)
        self.client.sync()
        self.fields = [(n.lower(), v) for n, v in FIELDS]

    def ask(self):
        answer = self.client.get(PATH, *self.fields, authority=HOST)
        assert answer.status == 200 and answer.ended, str(answer)

    def close(self):
        self.client.sock.close()


# --- the stage -----------------------------------------------------------------------------------------------

class Origin:
    """sluice-origin, beside the binary under test."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        self.address = re.match(r"listening on (\S+)", self.process.stdout.readline())[1]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


def configuration(origin, leaf, log):
    """Tenants by pattern, with the field that tells the application: what most requests pass through."""
    return config(
        workers=1,
        listeners={
            "http": "127.0.0.1:0",
            "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]},
            "https": {"address": "127.0.0.1:0", "tls": True},
        },
        tls={"certificates": [{"cert": leaf.cert, "key": leaf.key}]},
        pools={"app": {"servers": [origin.address]}},
        tenants={"from_host": "{tenant}.example.test", "defaults": {"pool": "app", "send_header": "X-Tenant"}},
        log={"access": str(log)} if log else {},
    )


def count_all(binary, requests):
    """Counts of every scenario, in one run: name -> Count."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-gate-"))
    os.environ["SLUICE_BIN"] = str(binary)
    origin = sluice = None
    try:
        authority = Authority(folder / "ca")
        leaf = authority.leaf("*.example.test")
        origin = Origin(binary.with_name("sluice-origin"))
        tool = Callgrind(binary, folder)
        sluice = Sluice(configuration(origin, leaf, None), wrapper=tool.wrapper).wait_ready()
        out = {}

        def scenario(name, client):
            try:
                for _ in range(WARM_UP):
                    client.ask()
                out[name] = tool.measure(sluice.pid, lambda: [client.ask() for _ in range(requests)])
            finally:
                client.close()

        scenario("http1", Http1(sluice["http"]))
        scenario("http2", Http2(sluice["h2c"]))
        scenario("tls", Http1(sluice["https"], trusting(authority.cert)))
        assert sluice.hang_up(configuration(origin, leaf, folder / "access.log")) == "applied", sluice.log
        scenario("http1 with access log", Http1(sluice["http"]))
        sluice.stop()
        return out
    finally:
        if sluice:
            sluice.abandon()
        if origin:
            origin.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- the verdict ---------------------------------------------------------------------------------------------

def per_request(count, requests):
    """As it is kept."""
    total = count.instructions
    return {
        "instructions": round(total / requests),
        "allocations": round(count.allocations / requests, 2),
        "system_calls": round(count.system_calls / requests, 2),
        "functions": {name: round(n / requests) for name, n in count.functions.most_common() if n >= SHARE * total},
    }


def maker(binary):
    """What the numbers depend on besides the source."""
    found = re.search(rb"GCC: \([^)]*\) ([0-9.]+)|clang version ([0-9.]+)", binary.read_bytes())
    compiler = (found[1] or found[2]).decode() if found else "unknown"
    return {"compiler": compiler, "machine": platform.machine()}


def check_build(binary):
    """Another kind of build would be compared with numbers it never had."""
    cache = binary.parent.parent / "CMakeCache.txt"
    if not cache.exists():
        return
    text = cache.read_text()
    wanted = ("CMAKE_BUILD_TYPE:STRING=Release", "SLUICE_LTO:BOOL=ON", "SLUICE_SANITIZE:STRING=\n")
    missing = [w.strip() for w in wanted if w not in text]
    if missing:
        sys.exit(f"{binary} is not the release build: {', '.join(missing)} is not in {cache}")


def verdict(name, now, kept, functions):
    """Compares and prints; True when it passes. `functions`: all of them, also those that are not kept."""
    more = now["instructions"] / kept["instructions"] - 1
    print(f"{name:24} {now['instructions']:7} instructions ({more:+.1%}), {now['allocations']:.2f} allocations, "
          f"{now['system_calls']:.2f} system calls")
    passes = True
    if more > TOLERANCE:
        passes = False
        print(f"  FAILED: {kept['instructions']} are allowed, and {TOLERANCE:.0%} more")
        print_growth(functions, kept)
    elif more < -SLACK:
        print("  well below what is kept: tests/gate/instructions.py --update would hold on to that")
    for kind in ("allocations", "system_calls"):
        if now[kind] > kept[kind] + CALLS_TOLERANCE:
            passes = False
            print(f"  FAILED: {kept[kind]:.2f} {kind.replace('_', ' ')} are allowed")
    return passes


def print_growth(functions, kept, rows=12):
    """Where the instructions went. Of a function that is not kept, no more is known than that it was small."""
    small = SHARE * kept["instructions"]
    before = kept["functions"]
    changes = [(n - before.get(name, 0), name) for name, n in functions.items() if name in before or n > small]
    changes += [(-n, name) for name, n in before.items() if name not in functions]
    changes = sorted(c for c in changes if abs(c[0]) >= small / 10)
    print(f"  {'now':>7} {'kept':>7} {'change':>7}")
    for change, name in [*reversed(changes[-rows:]), *changes[: max(0, min(4, len(changes) - rows))]]:
        print(f"  {functions.get(name, 0):7.0f} {before.get(name, '-'):>7} {change:+7.0f}  {name}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "build/gate/bin/sluice")
    parser.add_argument("--update", action="store_true", help="write instructions.json")
    parser.add_argument("--repeats", type=int, default=1, help="count so often and show the spread")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--table", action="store_true", help="show the functions of each scenario")
    return parser.parse_args()


def main():
    options = arguments()
    binary = options.binary.resolve()
    check_build(binary)
    runs = [count_all(binary, options.requests) for _ in range(options.repeats)]
    made = maker(binary)
    # The least of the repeats: what disturbs a run only ever adds.
    best = {name: min((run[name] for run in runs), key=lambda c: c.instructions) for name in runs[0]}
    now = {name: per_request(count, options.requests) for name, count in best.items()}
    if options.repeats > 1:
        for name in now:
            values = [run[name].instructions / options.requests for run in runs]
            print(f"{name:24} {' '.join(f'{v:.0f}' for v in values)}  spread {max(values) / min(values) - 1:.2%}")
    if options.table:
        for name, numbers in now.items():
            print(f"\n{name}: {numbers['instructions']}")
            for function, n in numbers["functions"].items():
                print(f"  {n:7}  {function}")
            calls = best[name].calls.most_common()
            print("  calls: " + ", ".join(f"{n / options.requests:.2f} {c}" for c, n in calls if n >= options.requests / 50))
    if options.update:
        KEPT.write_text(json.dumps({"made_by": made, "per_request": now}, indent=1) + "\n")
        print(f"wrote {KEPT.relative_to(ROOT)}")
        return 0
    kept = json.loads(KEPT.read_text())
    if kept["made_by"] != made:
        print(f"not compared: the numbers are for {kept['made_by']}, this is {made}")
        for name, numbers in now.items():
            print(f"{name:24} {numbers['instructions']:7} instructions")
        print("0 passed, 0 failed")
        return 0
    failed = 0
    for name, numbers in now.items():
        functions = {f: n / options.requests for f, n in best[name].functions.items()}
        failed += not verdict(name, numbers, kept["per_request"][name], functions)
    print(f"{len(now) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
