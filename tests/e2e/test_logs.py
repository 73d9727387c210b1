"""Both logs, wherever they go: nobody waits for a reader or a disk, what is lost is counted, what is not is whole and in order."""

import json
import os
import re
import signal
import socket
import threading
from contextlib import contextmanager

import pytest

from client import RawClient, refused
from failing import in_background
from peers import need
from ports import free_port
from sluice import Sluice, command, config
from waiting import wait_until

LONG = "x" * 6000  # a few hundred requests fill whatever holds lines
OVERFLOW = 1500


def logging(app, access, **keys):
    """Only /app reaches the application: what is asked here is answered by Sluice itself."""
    return config(app, routes=[{"path": "/app", "pool": "app"}], log={"access": str(access), **keys})


def ask_many(address, name, count, start=0, padding=LONG):
    """`count` requests on one connection, for /NAME/NUMBER/…"""
    with RawClient(address) as visitor:
        for number in range(start, start + count):
            assert visitor.get(f"/{name}/{number}/{padding}").status == 404


def numbers(lines, name):
    """The numbers of the requests that ask_many(NAME) made, in the order of the log; each line must be whole."""
    paths = [json.loads(line)["path"].split("/") for line in lines]
    return [int(path[2]) for path in paths if path[1] == name]


def total(sluice, name):
    text = sluice.admin("/metrics").body.decode()
    return int(float(re.search(rf"^{name} (\S+)$", text, re.M)[1]))


def dropped(sluice):
    return total(sluice, "sluice_access_log_dropped_total")


@contextmanager
def reader_of(fifo):
    """The reading end; does not wait for a writer."""
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fd, "rb", buffering=0) as file:
        yield file


class Reading:
    """Reads lines off a FIFO until told otherwise."""

    def __init__(self, file):
        self.file, self.rest, self.lines = file, b"", []

    def more(self):
        piece = self.file.read(1 << 20)
        if piece:
            *whole, self.rest = (self.rest + piece).split(b"\n")
            self.lines += whole
        return bool(piece)

    def until(self, happened, what):
        wait_until(lambda: (self.more(), happened())[1], what)
        return self.lines


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


# --- the access log into a FIFO ------------------------------------------------------------------------------

def test_a_fifo_that_nobody_reads(start, app, fifo):
    sluice = start(logging(app, fifo))
    ask_many(sluice["http"], "a", OVERFLOW)
    wait_until(lambda: dropped(sluice) > 0, "lines to be counted as dropped")
    sluice.wait_log(r"warn access log .*/fifo: .*; lines dropped: \d+")
    assert sluice.get("/app").status == 200
    assert sluice.hang_up() == "applied"
    assert command("check", "--config", sluice.file).returncode == 0
    sluice.terminate()
    assert sluice.wait_exit() == 0
    assert sluice.lines[-2].endswith("info stopped")


def test_a_reader_that_stalls_and_goes_on(start, app, fifo):
    sluice = start(logging(app, fifo))
    with reader_of(fifo) as file:
        reading = Reading(file)
        ask_many(sluice["http"], "a", 20)
        reading.until(lambda: len(reading.lines) == 20, "the first lines")
        ask_many(sluice["http"], "a", OVERFLOW, start=20)
        wait_until(lambda: dropped(sluice) > 0, "lines to be dropped")
        reading.until(lambda: len(reading.lines) + dropped(sluice) == 20 + OVERFLOW, "every line that was not dropped")
        lost = int(sluice.wait_log(r"info access log .*/fifo: lines are written again; dropped: (\d+)")[1])
        assert lost == dropped(sluice)
        ask_many(sluice["http"], "b", 20)
        reading.until(lambda: len(numbers(reading.lines, "b")) == 20, "lines after it")
        assert numbers(reading.lines, "b") == list(range(20))
        found = numbers(reading.lines, "a")
        assert found == sorted(set(found)) and len(found) == 20 + OVERFLOW - lost


def test_a_reader_that_dies_and_comes_back(start, app, fifo):
    sluice = start(logging(app, fifo))
    for round_ in range(3):
        ask_many(sluice["http"], "nobody", 50, start=round_ * 50)
        with reader_of(fifo) as file:
            reading = Reading(file)
            ask_many(sluice["http"], "somebody", 50, start=round_ * 50)
            lines = reading.until(lambda: len(reading.lines) == 100, "the lines from before and after it came")
            wanted = list(range(round_ * 50, round_ * 50 + 50))
            assert numbers(lines, "nobody") == wanted and numbers(lines, "somebody") == wanted
    assert dropped(sluice) == 0


def test_a_fifo_that_stalls_gives_way_to_a_file(start, app, fifo):
    """The backlog for what nobody reads holds up nothing that comes after USR1."""
    sluice = start(logging(app, fifo))
    ask_many(sluice["http"], "a", 100)
    fifo.rename(fifo.with_suffix(".old"))
    sluice.process.send_signal(signal.SIGUSR1)
    wait_until(fifo.exists, "the file to be made")
    ask_many(sluice["http"], "b", 10)
    wait_until(lambda: len(fifo.read_text().splitlines()) >= 10, "lines in it")
    assert numbers(fifo.read_text().splitlines(), "b") == list(range(10))


def test_a_reload_leaves_a_fifo_that_stalls(start, app, fifo, tmp_path):
    sluice = start(logging(app, fifo))
    ask_many(sluice["http"], "a", 100)
    assert sluice.reload(logging(app, tmp_path / "file")).returncode == 0
    ask_many(sluice["http"], "b", 10)
    wait_until(lambda: len((tmp_path / "file").read_text().splitlines()) == 10, "lines in the file")
    sluice.wait_log(r"warn access log .*/fifo: nobody takes what is left; lines dropped: \d+")


# --- the access log into a file ------------------------------------------------------------------------------

def test_nothing_is_lost_across_rotations_under_load(start, app, tmp_path):
    log = tmp_path / "access.log"
    sluice = start(logging(app, log))
    clients, each, old = 4, 500, []
    over = threading.Event()
    join = in_background(lambda n: ask_many(sluice["http"], f"client{n}", each, padding="x"), clients)
    in_background(lambda _: (join(), over.set()))
    while not over.is_set():
        old.append(log.rename(log.with_suffix(f".{len(old)}")))
        sluice.process.send_signal(signal.SIGUSR1)
        wait_until(log.exists, "the new file")
    assert len(old) > 2
    sluice.terminate()
    assert sluice.wait_exit() == 0
    lines = [line for file in [*old, log] for line in file.read_text().splitlines()]
    assert len(lines) == clients * each
    for n in range(clients):
        assert numbers(lines, f"client{n}") == list(range(each))


def test_a_full_disk(start, app):
    sluice = start(logging(app, "/dev/full"))
    ask_many(sluice["http"], "a", 100)
    wait_until(lambda: dropped(sluice) == 100, "each line to be counted")
    sluice.wait_log(r"warn access log /dev/full: No space left on device")
    assert sluice.get("/app").status == 200


def test_a_file_that_may_not_grow(start, app, tmp_path):
    """The limit on the size of files (LimitFSIZE) ends no process, and a line that is begun is ended in no other way."""
    log = tmp_path / "access.log"
    sluice = start(logging(app, log), wrapper=[need("prlimit"), "--fsize=100000"])
    ask_many(sluice["http"], "a", 100)
    sluice.wait_log(r"warn access log .*: File too large")
    wait_until(lambda: dropped(sluice) >= 80, "the others to be dropped")
    *whole, last = log.read_bytes().split(b"\n")
    assert numbers(whole, "a") == list(range(len(whole))) and last
    log.rename(tmp_path / "old")
    sluice.process.send_signal(signal.SIGUSR1)
    wait_until(log.exists, "a new file")
    ask_many(sluice["http"], "b", 5)
    wait_until(lambda: len(numbers(log.read_bytes().splitlines(), "b")) == 5, "what came after")
    assert numbers(log.read_bytes().splitlines(), "b") == list(range(5))


@pytest.mark.parametrize("what, says", [("directory", "is a directory"), ("socket", "is a socket")])
def test_what_is_no_log(tmp_path, what, says):
    path = tmp_path / "access.log"
    if what == "directory":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    (tmp_path / "sluice.yaml").write_text(json.dumps(config("127.0.0.1:1", log={"access": str(path)})))
    done = command("check", "--config", tmp_path / "sluice.yaml")
    assert done.returncode == 1
    assert re.search(rf"^\S+:\d+:\d+: log\.access: .*{says}", done.stderr, re.M), done.stderr


# --- the process log -----------------------------------------------------------------------------------------

def stalled_stderr(app, kind, log):
    """Sluice with a stderr that takes some and then no more; returns it with the end that reads."""
    if kind == "pipe":
        ours, theirs = os.pipe()
    else:
        pair = socket.socketpair()
        ours, theirs = (one.detach() for one in pair)
    port = free_port()
    whole = config(app, listeners={"http": f"127.0.0.1:{port}"}, routes=[{"path": "/app", "pool": "app"}], log=log)
    sluice = Sluice(whole, wrapper=["bash", "-c", f'exec "$@" 2>&{theirs}', "bash"], pass_fds=[theirs])
    os.close(theirs)
    sluice.addresses = {"http": f"127.0.0.1:{port}", "admin": f"unix:{sluice.folder}/admin.sock"}
    wait_until(lambda: not refused(sluice["http"]), "sluice to listen")
    return sluice, ours


def rest_of(fd):
    out = b""
    while piece := os.read(fd, 1 << 16):
        out += piece
    os.close(fd)
    return out.decode().splitlines()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_stderr_that_nobody_reads(app, kind):
    sluice, ours = stalled_stderr(app, kind, {"access": "stderr"})
    try:
        ask_many(sluice["http"], "a", OVERFLOW)
        wait_until(lambda: dropped(sluice) > 0, "lines to be dropped")
        sluice.write("nonsense: true\n" * 1000)
        for _ in range(20):  # what is refused is logged, at length
            refusal = sluice.admin("/api/config/reload", method="POST")
            assert refusal.status == 422
        assert sluice.get("/app").status == 200
        sluice.terminate()
        assert sluice.wait_exit() == 0
        *lines, _ = rest_of(ours)  # there was no room for all of the last one
        found = numbers([line for line in lines if line.startswith("{")], "a")
        assert found and found == list(range(len(found)))
    finally:
        sluice.abandon()


def test_a_stderr_that_is_read_again(app):
    """What was lost is said then, as it could not be before."""
    sluice, ours = stalled_stderr(app, "pipe", {"access": "stderr"})
    try:
        ask_many(sluice["http"], "a", OVERFLOW)
        wait_until(lambda: dropped(sluice) > 0, "lines to be dropped")
        os.set_blocking(ours, False)
        with os.fdopen(ours, "rb", buffering=0) as file:
            reading = Reading(file)
            lines = reading.until(lambda: any(b"again;" in line for line in reading.lines), "the losses to be told")
        told = next(line for line in lines if b"again;" in line).decode()
        assert re.search(rf"warn log on stderr: lines are written again; dropped: {dropped(sluice)}$", told)
        found = numbers([line for line in lines if line.startswith(b"{")], "a")
        assert found == sorted(set(found)) and len(found) == OVERFLOW - dropped(sluice)
        sluice.terminate()
        assert sluice.wait_exit() == 0
    finally:
        sluice.abandon()


def test_a_stderr_that_is_gone(app):
    sluice, ours = stalled_stderr(app, "pipe", {"access": "stderr"})
    try:
        os.close(ours)
        ask_many(sluice["http"], "a", 100)
        wait_until(lambda: dropped(sluice) == 100, "lines to be dropped")
        sluice.terminate()
        assert sluice.wait_exit() == 0
    finally:
        sluice.abandon()


def test_the_last_line_comes_last(start, app):
    sluice = start(logging(app, "stderr"))
    ask_many(sluice["http"], "a", 200, padding="x")
    sluice.terminate()
    assert sluice.wait_exit() == 0
    lines = [line for line in sluice.lines if line]
    assert lines[-1].endswith("info stopped")
    assert numbers([line for line in lines if line.startswith("{")], "a") == list(range(200))
