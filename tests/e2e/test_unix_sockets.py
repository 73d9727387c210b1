"""Paths of unix sockets, for listeners and for `admin`: what is replaced, what stays, and what is left behind."""

import os
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import connect, refused
from sluice import Sluice, command, config, write_config
from waiting import wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "s"


@pytest.fixture(params=["listener", "admin"])
def settings(request, app, path):
    """A configuration whose listener, or admin address, is at `path`."""
    if request.param == "listener":
        return config(app, listeners={"http": f"unix:{path}"}, admin="off")
    return config(app, admin=f"unix:{path}")


def stale(path):
    """What a killed process leaves."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def link(path, target):
    path.symlink_to(target)


def live(path, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(str(path))
    if kind != socket.SOCK_DGRAM:
        sock.listen()
    return sock


IN_THE_WAY = {
    "file": lambda path: path.write_text("precious"),
    "empty file": lambda path: path.touch(),
    "directory": lambda path: path.mkdir(),
    "full directory": lambda path: (path.mkdir(), (path / "precious").touch()),
    "pipe": os.mkfifo,
    "link to a file": lambda path: ((path.parent / "t").write_text("precious"), link(path, path.parent / "t")),
    "link to a directory": lambda path: ((path.parent / "t").mkdir(), link(path, path.parent / "t")),
    "link to a stale socket": lambda path: (stale(path.parent / "t"), link(path, path.parent / "t")),
    "link to a device": lambda path: link(path, "/dev/null"),
    "link to nothing": lambda path: link(path, "/nonexistent"),
    "link to itself": lambda path: link(path, path),
}


def state(folder):
    return sorted((str(one), one.lstat().st_mode, one.lstat().st_ino, one.lstat().st_size) for one in folder.rglob("*"))


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_is_no_socket_stays(settings, path, tmp_path_factory, what):
    file = write_config(tmp_path_factory.mktemp("c") / "sluice.yaml", settings)
    IN_THE_WAY[what](path)
    before = state(path.parent)
    for verb in ("check", "run"):
        done = command(verb, "--config", file)
        assert done.returncode == 1, verb
        assert str(path) in done.stderr and "sluice.yaml:" in done.stderr
        assert state(path.parent) == before


def test_a_device_stays(app, tmp_path):
    file = write_config(tmp_path / "sluice.yaml", config(app, listeners={"http": "unix:/dev/null"}))
    for verb in ("check", "run"):
        done = command(verb, "--config", file)
        assert done.returncode == 1 and "device" in done.stderr
    assert stat.S_ISCHR(os.lstat("/dev/null").st_mode)


@pytest.mark.parametrize("where", ["none/s", "file/s"])
def test_a_missing_directory_is_an_error(app, tmp_path, where):
    (tmp_path / "file").touch()
    for keys in ({"listeners": {"http": f"unix:{tmp_path}/{where}"}}, {"admin": f"unix:{tmp_path}/{where}"}):
        file = write_config(tmp_path / "sluice.yaml", config(app, **keys))
        for verb in ("check", "run"):
            done = command(verb, "--config", file)
            assert done.returncode == 1 and "irectory" in done.stderr


def test_a_missing_directory_below_run_may_come_by_then(app, tmp_path):
    """/run is empty after boot, and a service has its directory there from its start on."""
    file = write_config(tmp_path / "sluice.yaml", config(app, admin="unix:/run/sluice-e2e-none/admin.sock"))
    done = command("check", "--config", file, "--json")
    assert done.returncode == 0 and "/run/sluice-e2e-none" in done.stdout
    assert command("run", "--config", file).returncode == 1


def test_a_stale_socket_is_replaced(start, settings, path):
    stale(path)
    sluice = start(settings)
    connect(f"unix:{path}").close()
    sluice.assert_unharmed()


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_a_live_socket_stays(settings, path, tmp_path_factory, kind):
    file = write_config(tmp_path_factory.mktemp("c") / "sluice.yaml", settings)
    with live(path, getattr(socket, kind)):
        before = state(path.parent)
        assert command("check", "--config", file).returncode == 0
        done = command("run", "--config", file)
        assert done.returncode == 1 and str(path) in done.stderr and "another process" in done.stderr
        assert state(path.parent) == before


def test_a_live_socket_with_a_full_backlog_stays(settings, path, tmp_path_factory):
    file = write_config(tmp_path_factory.mktemp("c") / "sluice.yaml", settings)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(str(path))
            before = state(path.parent)
            assert command("run", "--config", file).returncode == 1
            assert state(path.parent) == before


def test_the_running_process_keeps_its_sockets(start, app, path):
    """A check beside it is fine, a second start is refused, and the first serves on; so does a reload."""
    sluice = start(config(app, listeners={"http": "127.0.0.1:0", "local": f"unix:{path}"}))
    assert command("check", "--config", sluice.file).returncode == 0
    done = command("run", "--config", sluice.file)
    assert done.returncode == 1 and "another process" in done.stderr
    assert sluice.get(listener="local").status == 200
    assert sluice.admin("/healthz").status == 200
    assert sluice.reload().returncode == 0
    assert sluice.get(listener="local").status == 200


def test_its_files_go_with_it(start, settings, path):
    sluice = start(settings)
    assert path.is_socket()
    sluice.terminate()
    assert sluice.wait_exit() == 0
    assert not path.exists()


def test_the_file_of_a_listener_goes_when_a_reload_removes_it(start, app, path):
    both = {"http": "127.0.0.1:0", "local": f"unix:{path}"}
    sluice = start(config(app, listeners=both))
    for _ in range(3):
        assert sluice.get(listener="local").status == 200
        assert sluice.reload(config(app)).returncode == 0
        assert not path.exists()
        assert sluice.reload(config(app, listeners=both)).returncode == 0
    assert sluice.get(listener="local").status == 200


def test_a_refused_reload_leaves_no_file(start, app, path, tmp_path):
    (tmp_path / "file").touch()
    sluice = start(config(app))
    listeners = {"http": "127.0.0.1:0", "local": f"unix:{path}", "wrong": "192.0.2.1:1"}
    assert sluice.hang_up(config(app, listeners=listeners)) == "refused"
    assert not path.exists()


def test_the_file_of_somebody_else_stays(start, settings, path):
    """Ours was taken away and another process listens there: stopping takes nothing from it."""
    sluice = start(settings)
    path.unlink()
    with live(path):
        sluice.terminate()
        assert sluice.wait_exit() == 0
        assert path.is_socket()
        connect(f"unix:{path}").close()


def test_a_killed_process_is_followed_by_another(start, settings, path):
    first = Sluice(settings).wait_ready()
    first.process.send_signal(signal.SIGKILL)
    first.wait_exit()
    first.abandon()
    assert path.is_socket() and refused(f"unix:{path}")
    sluice = start(settings)
    connect(f"unix:{path}").close()
    sluice.assert_unharmed()


def test_of_several_that_start_at_once_one_serves(app, path):
    """Over a stale socket, so that all of them want to replace it."""
    stale(path)
    settings = config(app, listeners={"http": f"unix:{path}"}, admin="off")
    started = [Sluice(settings) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            def outcome(one):
                wait_until(lambda: not one.alive or " ready " in one.log, "an outcome")
                return one.alive
            alive = list(pool.map(outcome, started))
        assert sum(alive) == 1
        winner = started[alive.index(True)]
        assert winner.wait_ready().get().status == 200
        winner.stop()
        assert not path.exists()
    finally:
        for one in started:
            one.abandon()


def test_one_address_for_two_purposes(app, path, tmp_path):
    for address in (f"unix:{path}", "127.0.0.1:18999"):
        file = write_config(tmp_path / "sluice.yaml", config(app, listeners={"http": address}, admin=address))
        done = command("check", "--config", file)
        assert done.returncode == 1 and "listeners.http" in done.stderr


def test_the_group_may_steer(start, app, path):
    start(config(app, admin=f"unix:{path}"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
