"""TERM and INT: stop accepting, finish what runs, tell the rest to close, be gone in time."""

import signal
import threading

import pytest

from client import RawClient, refused
from sluice import command, config, write_config
from waiting import PATIENCE, wait_until


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_process_ends_at_once(start, app, how):
    sluice = start(config(app, timeouts={"drain": "600s"}))
    assert sluice.get().status == 200
    sluice.process.send_signal(how)
    assert sluice.wait_exit() == 0


def test_what_runs_is_finished(start, app, gate):
    app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"x" * 100_000)))
    sluice = start(config(app, timeouts={"drain": "600s"}))
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(1)
        sluice.terminate()
        wait_until(lambda: refused(sluice["http"]), "the listener to close")
        gate.set()
        answer = visitor.response()
        assert answer.body == b"x" * 100_000
        assert not answer.keeps_alive, "a keep-alive client is told to go"
        assert visitor.closed_cleanly() == "eof"
    assert sluice.wait_exit() == 0


def test_an_upload_is_finished(start, app):
    sluice = start(config(app, timeouts={"drain": "600s"}))
    with sluice.connect() as visitor:
        visitor.send(b"POST /up HTTP/1.1\r\nHost: app.test\r\nContent-Length: 10\r\n\r\nhello")
        app.wait_visits(1)
        sluice.terminate()
        wait_until(lambda: refused(sluice["http"]), "the listener to close")
        visitor.send(b"world")
        answer = visitor.response()
        assert answer.status == 200 and not answer.keeps_alive
        visitor.closed_cleanly()
    assert sluice.wait_exit() == 0
    assert app.last("/up").request.body == b"helloworld"


def test_idle_keep_alive_connections_are_closed(start, app):
    sluice = start(config(app, timeouts={"drain": "600s"}))
    visitors = [sluice.connect() for _ in range(8)]
    for one in visitors:
        assert one.get().status == 200
    sluice.terminate()
    for one in visitors:
        assert one.closed_cleanly() == "eof"
        one.close()
    assert sluice.wait_exit() == 0


def test_a_half_sent_head_does_not_hold_it_up_for_ever(start, app):
    sluice = start(config(app, timeouts={"drain": "500ms"}))
    with sluice.connect() as visitor:
        visitor.send(b"GET /x HTTP/1.1\r\nHost: app")
        sluice.terminate()
        assert sluice.wait_exit() == 0


def test_what_does_not_finish_is_cut(start, app):
    app.play("/never", lambda visit: visit.wait_for_close())
    sluice = start(config(app, timeouts={"drain": "500ms"}))
    with RawClient(sluice["http"]) as visitor:
        visitor.send(b"GET /never HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(1)
        sluice.terminate()
        assert sluice.wait_exit() == 0
        rest = visitor.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 50"), rest


def test_readiness_says_so(start, app, gate):
    """/readyz turns 503 while /healthz stays 200, so that the balancer in front stops sending before we are gone."""
    app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"ok")))
    sluice = start(config(app, timeouts={"drain": "600s"}))
    assert sluice.admin("/healthz").status == 200
    assert sluice.admin("/readyz").status == 200
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait_visits(1)
        sluice.terminate()
        wait_until(lambda: sluice.admin("/readyz").status == 503, "/readyz to say 503")
        assert sluice.admin("/healthz").status == 200
        gate.set()
        assert visitor.response().body == b"ok"
    assert sluice.wait_exit() == 0


def test_term_during_a_reload(start, app):
    sluice = start(config(app))
    for _ in range(5):
        sluice.process.send_signal(signal.SIGHUP)
    sluice.terminate()
    assert sluice.wait_exit() == 0


def test_under_load_nobody_is_cut(start, nginx):
    """Clients that read `Connection: close` and respect it see no error at all."""
    sluice = start(config(nginx(), timeouts={"drain": "60s"}))
    failures, served = [], []

    def visit():
        try:
            while True:
                with sluice.connect() as visitor:
                    while True:
                        # A request that crosses the close of an idle connection may go unanswered: then not one
                        # byte came back, and it may be sent again (RFC 9112 §9.3.1).
                        visitor.send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
                        if not visitor.wire.buffer and not visitor.wire.fill():
                            break
                        answer = visitor.response()
                        served.append(answer.status)
                        if not answer.keeps_alive:
                            break
        except (ConnectionRefusedError, BrokenPipeError, ConnectionResetError):
            pass  # nobody listens any more: the end
        except AssertionError as error:
            failures.append(error)

    crowd = [threading.Thread(target=visit) for _ in range(4)]
    for one in crowd:
        one.start()
    wait_until(lambda: len(served) > 200, "some load")
    sluice.terminate()
    assert sluice.wait_exit() == 0
    for one in crowd:
        one.join()
    assert not failures, failures[:3]
    assert set(served) == {200}


def test_admin_socket_is_removed(start, app):
    sluice = start(config(app))
    path = sluice["admin"].removeprefix("unix:")
    sluice.terminate()
    assert sluice.wait_exit() == 0
    assert refused(f"unix:{path}")


def test_a_second_process_on_the_same_port_is_refused(start, app):
    """Two independent starts must not share a port by accident."""
    sluice = start(config(app))
    file = write_config(sluice.folder / "second.yaml", config(app, listeners={"http": sluice["http"]}), admin="second.sock")
    done = command("run", "--config", file)
    assert done.returncode == 1 and sluice["http"] in done.stderr
    assert sluice.get().status == 200
