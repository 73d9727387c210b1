"""What the service manager sees: readiness, reloads, stopping, and sockets handed over at start."""

import os
import signal
import socket

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
