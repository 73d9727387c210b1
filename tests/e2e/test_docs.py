"""README.md and docs/ say what is. Driven by the pages: who changes what Sluice says edits the page, not this file.

A ```yaml block is a configuration, whole if it has `version`, else a part: what it leaves out is added (a listener, the
pools that it names, a route). A block that begins with `$ ` is a session at a prompt. It runs where `sluice.yaml` is
the configuration above it on the page, in the place of /etc/sluice/sluice.yaml.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
import yaml

from certs import entry
from client import RawClient, trusting
from documents import Page, completed, furnished, pages, pages_for_users, shape
from ports import closed_port
from sluice import ROOT, Sluice, binary, command, config, environment, pool
from upstream import ScriptedUpstream
from waiting import PATIENCE, wait_until

FOR_USERS = pages_for_users()
BLOCKS = [block for page in FOR_USERS for block in page.blocks]
TRANSCRIPTS = [block for block in BLOCKS if block.transcript]
# Commands for the running process, without what they say.
STEERING = [block for block in BLOCKS if not block.transcript and block.commands and
            all(line.startswith("sluice ") for line in block.commands)]
# They need no running process.
OFFLINE = {"check", "help", "version", "completion", "explain", "diff"}
OPERATIONS = Page(ROOT / "docs/operations.md")


def section(page, begin, end):
    """The text from one phrase of a page to the next."""
    found = re.search(re.escape(begin) + "(.*?)" + re.escape(end), page.text, re.S)
    assert found, f"{page} no longer says {begin!r} … {end!r}"
    return found[1]


# --- links ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("page", pages(), ids=str)
def test_links_lead_somewhere(page):
    wrong = []
    for target in page.links:
        name, _, anchor = target.partition("#")
        path = (page.path.parent / name).resolve() if name else page.path
        if not path.exists():
            wrong.append(f"{target}: there is no such file")
        elif anchor and anchor not in Page(path).anchors:
            wrong.append(f"{target}: there is no such heading")
    assert not wrong, wrong


def test_every_page_is_listed():
    index = Page(ROOT / "docs/README.md")
    listed = {(index.path.parent / target.partition("#")[0]).resolve() for target in index.links}
    there = {path for path in (ROOT / "docs").rglob("*.md") if path != index.path}
    assert not there - listed, "not in docs/README.md"


# --- configurations -------------------------------------------------------------------------------------------

@pytest.fixture
def desk():
    """A folder with a short name, for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-docs-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


SHOWN = [block for block in BLOCKS if block.kind == "yaml"]


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_a_configuration_passes_check(block, desk, authority):
    file = desk / "sluice.yaml"
    file.write_text(furnished(completed(block.text), desk, authority))
    done = command("check", "--config", file)
    assert done.returncode == 0, f"{block}:\n{done.stderr}"


@pytest.mark.parametrize("file", sorted(ROOT.glob("conf/*.yaml")), ids=lambda file: file.name)
def test_a_packaged_configuration_passes_check(file, desk, authority):
    copy = desk / "sluice.yaml"
    copy.write_text(furnished(file.read_text(), desk, authority))
    done = command("check", "--config", copy)
    assert done.returncode == 0, done.stderr


# --- sessions at a prompt -------------------------------------------------------------------------------------

# Stands where `sluice` is called: the configuration of the page takes the place of /etc/sluice/sluice.yaml.
WRAPPER = """#!/bin/sh
case " $* " in *" --config "*|*" -c "*|*" --admin "*|*".yaml "*) exec {binary} "$@" ;; esac
case "$1" in help|version|completion|proxy|-*) exec {binary} "$@" ;; esac
exec {binary} "$@" --config sluice.yaml
"""


class Prompt:
    """A shell in a folder with `sluice.yaml`, and the process that serves it if the session needs one."""

    def __init__(self, block, folder, authority):
        self.folder = folder
        self.process = None
        self.servers = []
        text = block.configuration or (ROOT / "conf/sluice.yaml").read_text()
        self.text = furnished(completed(text), folder, authority)
        steps = block.transcript or [(said, []) for said in block.commands]
        self.expected = [(said, "\n".join(lines)) for said, lines in steps]
        (folder / "bin").mkdir()
        wrapper = folder / "bin/sluice"
        wrapper.write_text(WRAPPER.format(binary=binary()))
        wrapper.chmod(0o755)
        self.file = folder / "sluice.yaml"
        verbs = set(re.findall(r"^sluice (\S+)", "\n".join(said for said, _ in self.expected), re.M))
        if verbs - OFFLINE:
            self.serve()
        else:
            self.file.write_text(self.text)

    def serve(self):
        """Real servers for those that the page names, ports of our own, and Sluice in front."""
        shown = yaml.safe_load(self.text)
        for address in dict.fromkeys(addresses(shown)):
            self.replace(address, self.play(address).address)
        for listener in shown["listeners"].values():
            address = listener if isinstance(listener, str) else listener["address"]
            self.text = self.text.replace(f'"{address}"', '"127.0.0.1:0"')
        if "admin" not in shown:
            self.text += f'admin: "unix:{self.folder}/admin.sock"\n'
        self.file.write_text(self.text)
        self.process = Sluice(arguments=["run", "--config", str(self.file)]).wait_ready()

    def play(self, address):
        """A server that answers its checks; with the status that the page shows for it, if it shows one."""
        said = "\n".join(text for _, text in self.expected)
        failing = re.search(rf"^\s*{re.escape(address)}\s+down\b.*status (\d+)", said, re.M)
        status = int(failing[1]) if failing else 200
        self.servers.append(ScriptedUpstream(default=lambda visit: visit.reply(status, b'{"status":"ok"}')))
        return self.servers[-1]

    def replace(self, old, new):
        self.text = self.text.replace(old, new)
        self.expected = [(said.replace(old, new), text.replace(old, new)) for said, text in self.expected]

    def call(self, said):
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return subprocess.run(["bash", "-c", said], cwd=self.folder, env=environment({"PATH": path}), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=PATIENCE)

    def run(self, said):
        # The process knows its file by its whole name; the page has it where it stands.
        return shape(self.call(said).stdout.replace(f"{self.folder}/", ""))

    def stop(self):
        try:
            if self.process:
                self.process.stop()
        finally:
            for server in self.servers:
                server.stop()


def addresses(document):
    """The addresses of all servers in a configuration."""
    for one in document["pools"].values():
        for server in one["servers"]:
            yield server if isinstance(server, str) else server["address"]


@pytest.mark.parametrize("block", TRANSCRIPTS, ids=str)
def test_a_session_shows_what_comes(block, desk, authority):
    prompt = Prompt(block, desk, authority)
    try:
        for said, text in prompt.expected:
            came = prompt.run(said)
            if came != shape(text) and re.fullmatch(r"sluice (pool|status)( --json)?", said):
                # What is known of servers comes with time.
                wait_until(lambda: prompt.run(said) == shape(text) or not prompt.process.alive,
                           f"{said} to show\n{shape(text)}\nin place of\n{came}", patience=10)
                came = prompt.run(said)
            assert came == shape(text), f"{block}: {said}"
    finally:
        prompt.stop()


@pytest.mark.parametrize("block", STEERING, ids=str)
def test_commands_do_what_they_say(block, desk, authority):
    prompt = Prompt(block, desk, authority)
    try:
        for said, _ in prompt.expected:
            done = prompt.call(said)
            assert done.returncode == 0, f"{block}: {said}: {done.stdout}"
    finally:
        prompt.stop()


# --- commands -------------------------------------------------------------------------------------------------

def verbs():
    """Each verb that `sluice help` lists, with its own page of help."""
    listed = re.findall(r"^  ([a-z][a-z-]*)\b", command("help").stdout, re.M)
    return {verb: command("help", verb).stdout for verb in dict.fromkeys(listed)}


def test_every_command_exists():
    """`sluice VERB --option` in code, blocks or not, and `make TARGET`."""
    known = verbs()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    wrong = []
    for page in FOR_USERS:
        code = re.findall(r"`([^`\n]+)`", page.prose)
        code += [line.removeprefix("sudo ") for block in page.blocks for line in block.commands]
        for line in code:
            if found := re.match(r"sluice ([a-z][a-z-]*)(.*?)(#|$)", line):
                verb, rest = found[1], found[2]
                if verb not in known:
                    wrong.append(f"{page}: {line}: no verb {verb}")
                    continue
                wrong += [f"{page}: {line}: no option {option}" for option in re.findall(r"--[a-z-]+", rest)
                          if option not in known[verb]]
            if (found := re.match(r"make ([a-z-]+)", line)) and found[1] not in targets:
                wrong.append(f"{page}: {line}: no target {found[1]}")
    assert not wrong, wrong


def test_exit_codes(desk, app):
    """Each code in the table of operations.md, and in `sluice help`, is one that comes."""
    good, bad = desk / "good.yaml", desk / "bad.yaml"
    good.write_text(json.dumps(config(app, admin=f"unix:{desk}/nobody.sock")))
    bad.write_text("version: 2\n")
    came = {
        0: command("check", "--config", good),
        1: command("check", "--config", bad),
        2: command("check", "--no-such-option"),
        4: command("reload", "--config", good),
    }
    assert {code: done.returncode for code, done in came.items()} == {code: code for code in came}
    table = section(OPERATIONS, "| exit code | means |\n|---|---|\n", "\n\n")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)} == set(came)
    help_line = re.search(r"Exit codes: (.*)", command("help").stdout)[1]
    assert {int(code) for code in re.findall(r"\b(\d+)\b", help_line)} == set(came)


def test_every_error_of_check_has_the_form_that_is_promised(desk):
    """configuration.md: `file:line:col: path.to.key: what is wrong; …`, or without a place where a file is not there."""
    promised = Page(ROOT / "docs/configuration.md").prose
    assert "`file:line:col: path.to.key: what is wrong; what to do about it`" in promised
    file = desk / "broken.yaml"
    for text in ("version: 1\n", "version: 1\nlisteners: [\n", "version: one\nlisteners: 5\nx: y\n", "a: b: c\n", ""):
        file.write_text(text)
        done = command("check", "--config", file)
        assert done.returncode == 1
        for line in done.stderr.splitlines():
            assert re.match(r"\S*broken\.yaml(:\d+:\d+)?: \S", line), line
    missing = command("check", "--config", desk / "missing.yaml")
    assert re.match(r"\S*missing\.yaml(:\d+:\d+)?: \S", missing.stderr)


# --- answers --------------------------------------------------------------------------------------------------

# What draws the answer that a page shows, by its status.
# A client that speaks for another, and is no trusted proxy, is told what strangers are.
REQUESTS = {404: b"GET / HTTP/1.1\r\nHost: nobody.test\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"}
ANSWERS = [block for block in BLOCKS if not block.kind and block.text.startswith("HTTP/1.1 ")]


@pytest.mark.parametrize("block", ANSWERS, ids=str)
def test_an_answer_is_as_shown(block, start, app):
    status = int(block.text.split(" ")[1])
    assert status in REQUESTS, f"say in REQUESTS what draws a {status}"
    sluice = start(config(app, routes=[{"hosts": ["app.test"], "pool": "app"}]))
    with socket.create_connection(("127.0.0.1", int(sluice["http"].rpartition(":")[2])), timeout=PATIENCE) as client:
        client.sendall(REQUESTS[status])
        client.shutdown(socket.SHUT_WR)
        came = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    # The order of fields means nothing.
    assert sorted_fields(shape(came)) == sorted_fields(shape(block.text))


def sorted_fields(text):
    head, _, body = text.partition("\n\n")
    start_line, *fields = head.splitlines()
    return start_line, sorted(fields), body


def test_every_answer_of_our_own_says_so(start, app, apps, authority):
    """errors.md: Proxy-Status and an id, on redirects too; one that is no error names none."""
    leaf = authority.leaf("app.test")
    sluice = start(config(app, listeners={"http": "127.0.0.1:0",
                                          "moved": {"address": "127.0.0.1:0", "redirect": "https"},
                                          "https": {"address": "127.0.0.1:0", "tls": True}},
                          tls={"certificates": [entry(leaf)]}, routes=[{"hosts": ["app.test"], "pool": "app"}]))
    moved = sluice.get(listener="moved")
    assert moved.status == 308 and moved.body == b""
    assert moved.get("Proxy-Status").startswith("sluice;") and "error=" not in moved.get("Proxy-Status")
    assert moved.get("X-Request-ID")
    lost = sluice.get(host="nobody.test")
    assert "error=destination_not_found" in lost.get("Proxy-Status") and lost.get("X-Request-ID")
    assert sluice.get().get("Proxy-Status") is None, "an application's answer"
    redirects = section(Page(ROOT / "docs/errors.md"), "## Redirects", "\n## ")
    assert "Proxy-Status" in redirects and "without\nProxy-Status" not in redirects


def test_a_line_of_the_process_log_is_as_shown(start, app):
    lines = [block.text for block in OPERATIONS.blocks if " ready pid=" in block.text]
    assert lines, "operations.md shows no line of the process log"
    sluice = start(config(app, admin="127.0.0.1:0"))
    came = [line for line in sluice.log.splitlines() if " ready pid=" in line]
    assert [shape(line) for line in lines] == [shape(line) for line in came]


# --- the access log -------------------------------------------------------------------------------------------

def documented_fields():
    text = section(OPERATIONS, "each line holds, where known:", "`format: combined`")
    return set(re.findall(r"`([a-z_]+)`", text))


@pytest.fixture
def lines(start, app, authority, desk):
    """Lines of the access log of requests that between them had everything happen to them."""
    log = desk / "access.log"
    leaf = authority.leaf("acme.test")
    full, late = threading.Event(), threading.Event()
    app.play("/slow", lambda visit: (visit.body(), full.set(), late.wait(PATIENCE), visit.reply()))
    sluice = start(config(
        app, listeners={"http": "127.0.0.1:0", "https": {"address": "127.0.0.1:0", "tls": True}},
        tls={"certificates": [entry(leaf)]}, log={"access": str(log)},
        pools={"app": pool(app, max_connections=1, queue={"size": 10})},
        limits={"two": {"rate": "2/h", "key": "tenant"}},
        tenants={"items": {"acme": {"hosts": ["acme.test"], "pool": "app", "limits": ["two"]}}}, routes=[]))
    with RawClient(sluice["https"], tls=trusting(authority.cert), server_name="acme.test") as one, \
            sluice.connect() as other:
        one.send(b"GET /slow HTTP/1.1\r\nHost: acme.test\r\nUser-Agent: a\r\nReferer: b\r\n\r\n")
        assert full.wait(PATIENCE)
        other.send(b"GET /waits HTTP/1.1\r\nHost: acme.test\r\n\r\n")
        wait_until(lambda: re.search(r'sluice_queue_depth\{pool="app"\} 1', sluice.admin("/metrics").body.decode()),
                   "a request in the queue")
        late.set()
        assert one.response().status == 200 and other.response().status == 200
    sluice.get(host="nobody.test")
    assert sluice.get(host="acme.test").status == 429
    with sluice.connect() as malformed:
        malformed.send(b"GET /../x HTTP/1.1\r\nHost: acme.test\r\n\r\n")
        assert malformed.response().status == 400
    wait_until(lambda: log.exists() and log.read_text().count("\n") == 5, "five lines")
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_fields_of_the_access_log_are_those_that_are_documented(lines):
    came = {name for line in lines for name in line}
    assert came - documented_fields() == set(), "not in operations.md"
    assert documented_fields() - came == set(), "in operations.md, and in no line"


# --- metrics --------------------------------------------------------------------------------------------------

def test_metrics_are_those_that_are_documented(start, app):
    # Those of a store are there where there is one.
    sluice = start(config(app, limits={"store": f"redis://127.0.0.1:{closed_port()}"}))
    sluice.get()
    text = sluice.admin("/metrics").body.decode()
    there = set(re.findall(r"^# TYPE (sluice_\w+)", text, re.M))
    named = {name for page in FOR_USERS for name in re.findall(r"`(sluice_[a-z0-9_]+)", page.prose)}
    suffixes = ("_bucket", "_sum", "_count")
    assert not {name for name in named if not any(name.removesuffix(end) in there for end in ("", *suffixes))}, \
        "documented, and not there"
    assert not there - named, "there, and not documented"


def test_labels_of_metrics_are_those_that_are_documented(start, app):
    sluice = start(config(app))
    sluice.get()
    text = sluice.admin("/metrics").body.decode()
    prose = "\n".join(page.prose for page in FOR_USERS)
    for name, labels in set(re.findall(r"`(sluice_[a-z0-9_]+)\{([a-z_,]+)\}`", prose)):
        samples = re.findall(rf"^{name}(?:_bucket)?\{{([^}}]*)\}}", text, re.M)
        for sample in samples:
            came = set(re.findall(r'([a-z_]+)="', sample)) - {"le"}
            assert came == set(labels.split(",")), name


# --- defaults -------------------------------------------------------------------------------------------------

def test_defaults_of_time_limits_agree():
    """The table of operations.md with that of the reference."""
    said = dict(re.findall(r"^\| `(\w+)` \| (\d\w+)", section(OPERATIONS, "## Timeouts", "\n\nThey are"), re.M))
    reference = Page(ROOT / "docs/configuration.md")
    keys = section(reference, "\n### timeouts\n", "\n### ")
    assert said == dict(re.findall(r"^\| `(\w+)` \| duration \| `(\w+)`", keys, re.M))


# --- what it is built from ------------------------------------------------------------------------------------

HEADERS = {"Asio": "boost/asio", "Beast": "boost/beast", "OpenSSL": "openssl/", "yaml-cpp": "yaml-cpp/",
           "prometheus-cpp": "prometheus/", "Catch2": "catch2/"}


def rooms_that_include(header):
    """Rooms of Sluice, as the folders of their bodies."""
    found = set()
    for top in (ROOT / "src", ROOT / "include/sluice"):
        for path in top.rglob("*.[ch]pp"):
            if f"#include <{header}" in path.read_text(encoding="utf-8"):
                found.add(f"src/{path.relative_to(top).parts[0]}")
    return found - {"src/origin"}  # the application of tests and demo


def test_packages_are_used_where_the_table_says():
    table = section(Page(ROOT / "README.md"), "| package | what it does here | where |\n|---|---|---|\n", "\n\n")
    rows = {package: set(re.findall(r"`([^`]+)`", where))
            for package, where in re.findall(r"^\| (\S+) \|.*\| (.*) \|$", table, re.M)}
    used = {package: rooms_that_include(header) for package, header in HEADERS.items()}
    assert rows == {**used, "Catch2": {"tests/unit"}}
