"""What the service manager sees: readiness, reloads, stopping, and sockets handed over at start."""

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from client import RawClient
from ports import free_port
from sluice import config
from waiting import PATIENCE


@pytest.fixture
def manager(tmp_path):
    """A notification socket; manager.wait("READY=1") reads until that line came."""
    class Manager:
        path = str(tmp_path / "notify")
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard = []

        def wait(self, line):
            while True:
                self.heard += self.sock.recv(65536).decode().splitlines()
                if line in self.heard:
                    seen, self.heard = self.heard, []
                    return seen

    one = Manager()
    one.sock.bind(one.path)
    one.sock.settimeout(PATIENCE)
    yield one
    one.sock.close()


def test_ready_reloading_stopping(start, app, manager):
    sluice = start(config(app), env={"NOTIFY_SOCKET": manager.path})
    manager.wait("READY=1")
    sluice.process.send_signal(signal.SIGHUP)
    manager.wait("RELOADING=1")
    manager.wait("READY=1")
    assert sluice.get().status == 200
    sluice.terminate()
    manager.wait("STOPPING=1")
    assert sluice.wait_exit() == 0


def test_a_refused_reload_is_over_too(start, app, manager):
    """`systemctl reload` must not hang on a bad file."""
    sluice = start(config(app), env={"NOTIFY_SOCKET": manager.path})
    manager.wait("READY=1")
    assert sluice.hang_up("version: 1\nnonsense: true\n") == "refused"
    manager.wait("READY=1")
    assert sluice.get().status == 200


def test_sockets_handed_over(start, app):
    """Socket activation: what the manager already listens on is used, and nothing that waited there is lost."""
    address = ("127.0.0.1", free_port())
    with socket.create_server(address) as listener:
        with RawClient("%s:%d" % address) as early:
            early.send(b"GET /early HTTP/1.1\r\nHost: app.test\r\n\r\n")
            descriptor = listener.fileno()
            script = ("export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http; "
                      f'exec 3<&{descriptor}; [ {descriptor} = 3 ] || exec {descriptor}<&-; exec "$@"')
            sluice = start(config(app, listeners={"http": "%s:%d" % address}), wrapper=["bash", "-c", script, "activate"],
                           pass_fds=(descriptor,))
            assert early.response().status == 200
            assert sluice.get().status == 200
            assert sluice.hang_up() == "applied"
            assert sluice.get().status == 200


def test_environment_of_others_is_ignored(start, app):
    """LISTEN_FDS that was meant for another process."""
    sluice = start(config(app), env={"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})
    assert sluice.get().status == 200


# --- what is handed over -------------------------------------------------------------------------------------

def handing_over(*sockets, names=""):
    """Arguments of start() that pass these on as a service manager does: descriptors 3, 4, …"""
    passed = [one if isinstance(one, int) else one.fileno() for one in sockets]
    moves = " ".join(f"{100 + i}<&{fd}" for i, fd in enumerate(passed))
    places = " ".join(f"{3 + i}<&{100 + i} {100 + i}<&-" for i in range(len(passed)))
    strangers = " ".join(f"{fd}<&-" for fd in passed if not 3 <= fd < 3 + len(passed))
    script = (f"exec {moves}; exec {strangers} {places}; export LISTEN_PID=$$ LISTEN_FDS={len(passed)}; "
              'exec "$@"')
    return {"wrapper": ["bash", "-c", script, "activate"], "pass_fds": tuple(passed)}


def listening(address, reuse_port=False, backlog=128):
    sock = socket.socket()
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    sock.listen(backlog)
    return sock


def processor_time(sluice):
    """Seconds that the process has used, from /proc/PID/stat."""
    fields = Path(f"/proc/{sluice.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(sluice):
    out = {}
    for one in Path(f"/proc/{sluice.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            out[int(one.name)] = os.readlink(one)
    return out


def datagram(address):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.bind(address)
    return sock


def unheard(address):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(address)
    return sock


MISFITS = {
    "datagrams": datagram,
    "not listening": unheard,
    "a file": lambda address: open("/dev/null", "rb"),
    "a pipe": lambda address: os.pipe()[0],
    "unix datagrams": lambda address: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0],
    "a connection": lambda address: socket.socketpair()[0],
    "seqpacket": lambda address: seqpacket(),
    "raw": lambda address: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
}


def seqpacket():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.bind("")
    sock.listen()
    return sock


@pytest.mark.parametrize("kind", MISFITS)
def test_what_is_no_listener_is_named_and_closed(start, app, kind):
    """A datagram socket of the listener's very address costs no core, and TERM ends the process."""
    address = ("127.0.0.1", free_port())
    stranger = MISFITS[kind](address)
    if kind == "not listening":
        stranger.close()
        stranger = unheard(("127.0.0.1", free_port()))
    sluice = start(config(app, listeners={"http": "%s:%d" % address}), **handing_over(stranger))
    warning = sluice.wait_log(r"warn inherited descriptors.*")[0]
    assert "3 (" in warning
    assert sluice.get().status == 200
    assert not any(fd == 3 and link == os.readlink(f"/proc/self/fd/{getattr(stranger, 'fileno', lambda: stranger)()}")
                   for fd, link in descriptors(sluice).items())
    sluice.terminate()
    assert sluice.wait_exit() == 0


def test_misfits_are_one_warning_and_the_rest_serves(start, app):
    address = ("127.0.0.1", free_port())
    with datagram(address) as one, listening(address) as good, datagram(("127.0.0.1", 0)) as two:
        sluice = start(config(app, listeners={"http": "%s:%d" % address}), **handing_over(one, good, two))
        assert sluice.get().status == 200
        warnings = [line for line in sluice.log.splitlines() if "inherited" in line]
        assert len(warnings) == 1 and "3 (" in warnings[0] and "5 (" in warnings[0] and "4 (" not in warnings[0]


@pytest.mark.parametrize("count", ["3", "100000000", "-1", "x", ""])
def test_a_count_that_lies(start, app, count):
    """Descriptors that are not there; above all none of our own is taken for one."""
    script = f'export LISTEN_PID=$$ LISTEN_FDS={count}; exec "$@"'
    sluice = start(config(app), wrapper=["bash", "-c", script, "activate"])
    assert sluice.get().status == 200
    assert sluice.reload().returncode == 0
    assert sluice.admin("/healthz").status == 200


def test_several_of_one_address(start, app):
    """SO_REUSEPORT: the kernel deals connections out over all of them, so each must be accepted on."""
    address = ("127.0.0.1", free_port())
    sockets = [listening(address, reuse_port=True) for _ in range(5)]
    sluice = start(config(app, listeners={"http": "%s:%d" % address}), **handing_over(*sockets))
    for one in sockets:
        one.close()
    for _ in range(2):
        for _ in range(60):
            assert sluice.get().status == 200
        assert sluice.hang_up() == "applied"


def test_a_unix_socket_handed_over(start, app, tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        sluice = start(config(app, listeners={"http": f"unix:{path}"}), **handing_over(sock))
        assert sluice.get().status == 200
        sluice.terminate()
        assert sluice.wait_exit() == 0
    assert os.path.exists(path)  # its maker's


def test_a_refused_reload_keeps_what_was_handed_over(start, app):
    """It would have been taken into use, but something else was wrong; the next reload finds it again."""
    address = ("127.0.0.1", free_port())
    both = {"http": "127.0.0.1:0", "handed": "%s:%d" % address}
    with listening(address) as sock:
        sluice = start(config(app), **handing_over(sock))
        assert "no listener" in sluice.log and "%s:%d" % address in sluice.log
        for _ in range(3):
            assert sluice.hang_up(config(app, listeners={**both, "wrong": "192.0.2.1:1"})) == "refused"
        assert sluice.reload(config(app, listeners=both)).returncode == 0
        with RawClient("%s:%d" % address) as client:
            assert client.get("/", "Connection: close").status == 200
        for _ in range(2):  # gone, and back
            assert sluice.reload(config(app)).returncode == 0
            assert sluice.reload(config(app, listeners=both)).returncode == 0
        with RawClient("%s:%d" % address) as client:
            assert client.get("/", "Connection: close").status == 200


def test_a_listener_that_breaks_costs_nothing(start, app):
    """Whoever shares the socket shuts it down: accept(2) fails for good. Others go on, and so does TERM."""
    address = ("127.0.0.1", free_port())
    with listening(address) as sock:
        sluice = start(config(app, listeners={"http": "127.0.0.1:0", "handed": "%s:%d" % address}), **handing_over(sock))
        sock.shutdown(socket.SHUT_RD)
        sluice.wait_log(r"cannot accept on listener handed: Invalid argument")
        before = processor_time(sluice)
        for _ in range(50):
            assert sluice.get().status == 200
        assert sluice.log.count("cannot accept on listener handed") <= 2 * 3
        assert processor_time(sluice) - before < 10
        sluice.terminate()
        assert sluice.wait_exit() == 0
