"""New configuration into the running process: all of it or nothing, and nobody's request is lost."""

import json
import threading

import pytest

from certs import entry
from client import RawClient, connect, refused, trusting
from peers import h2load, need
from ports import free_port
from sluice import command, config, pool, write_config
from waiting import PATIENCE, wait_until


@pytest.mark.parametrize("how", ["hang_up", "reload"])
def test_applies(start, apps, how):
    old, new = apps(name="old"), apps(name="new")
    sluice = start(config(old))
    assert sluice.get().get("X-Origin") == "old"
    outcome = getattr(sluice, how)(config(new))
    assert outcome == "applied" if how == "hang_up" else outcome.returncode == 0
    for _ in range(10):  # on every worker
        assert sluice.get().get("X-Origin") == "new"


def test_the_command_answers_when_it_is_done(start, apps):
    """Applied means applied: the very next request sees it, time after time."""
    sides = [apps(name="left"), apps(name="right")]
    sluice = start(config(sides[0]))
    for turn in range(1, 20):
        done = sluice.reload(config(sides[turn % 2]))
        assert done.returncode == 0 and "applied" in done.stdout, done
        assert sluice.get().get("X-Origin") == sides[turn % 2].name


BAD = {
    "not-yaml": "version: 1\nlisteners: { http: \"127.0.0.1:0\"\n",
    "unknown-key": lambda c: {**c, "lsiteners": {}},
    "unknown-pool": lambda c: {**c, "routes": [{"pool": "nowhere"}]},
    "no-version": lambda c: {k: v for k, v in c.items() if k != "version"},
    "bad-address": lambda c: {**c, "listeners": {"http": "not an address"}},
    "bad-duration": lambda c: {**c, "timeouts": {"idle": "5 parsecs"}},
    "missing-certificate": lambda c: {**c, "tls": {"certificates": [{"cert": "/nowhere.pem", "key": "/nowhere.key"}]}},
    "empty": "",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("how", ["hang_up", "reload"])
def test_a_bad_file_changes_nothing(start, app, name, how):
    good = config(app)
    sluice = start(good)
    bad = BAD[name](good) if callable(BAD[name]) else BAD[name]
    with sluice.connect() as visitor:
        assert visitor.get().status == 200
        outcome = getattr(sluice, how)(bad)
        if how == "hang_up":
            assert outcome == "refused"
            assert f"{sluice.file}:" in sluice.log or "sluice.yaml:" in sluice.log, "the log must say what is wrong"
        elif isinstance(bad, str):  # which does not say any more where the process is
            assert outcome.returncode == 4 and "sluice.yaml:" in outcome.stderr, outcome
            assert command("reload", sluice.file, "--admin", sluice["admin"]).returncode == 1
        else:
            assert outcome.returncode == 1 and "sluice.yaml:" in outcome.stderr, outcome
        assert visitor.get().status == 200
    assert sluice.get().status == 200
    assert sluice.hang_up(good) == "applied"
    assert sluice.get().status == 200


def test_a_port_that_is_taken_refuses_the_whole_file(start, apps, app):
    """Nothing of the new file is in force, although only one listener cannot be had."""
    other = apps(name="other")
    sluice = start(config(app))
    bad = config(other, listeners={"http": "127.0.0.1:0", "more": app.address})
    done = sluice.reload(bad)
    assert done.returncode == 1 and app.address in done.stderr
    assert sluice.get().get("X-Origin") == "app"


def test_a_refused_reload_says_the_same_as_check(start, app):
    """One form of errors and warnings, whoever gives them."""
    sluice = start(config(app))
    sluice.write(config(app, routes=[{"pool": "ap"}], trusted_proxies=["0.0.0.0/0"]))
    checked = json.loads(command("check", "--json", sluice.file).stdout)
    refused_ = json.loads(command("reload", "--json", "--config", sluice.file).stdout)
    assert [e["hint"] for e in checked["errors"]] == ['did you mean "app"?'] and len(checked["warnings"]) == 1
    assert refused_["result"] == "refused"
    assert (refused_["errors"], refused_["warnings"]) == (checked["errors"], checked["warnings"])
    assert command("reload", "--config", sluice.file).stderr.startswith(command("check", sluice.file).stderr.splitlines()[0])


def test_a_reload_with_warnings_is_applied(start, app):
    sluice = start(config(app))
    done = sluice.reload(config(app, trusted_proxies=["0.0.0.0/0"]))
    assert done.returncode == 0 and "warning: trusted_proxies[0]: 0.0.0.0/0 is everybody" in done.stderr


def test_listeners_come_and_go(start, app):
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))
    sluice = start(config(app, listeners={"one": first}))
    assert refused(second)
    assert sluice.hang_up(config(app, listeners={"one": first, "two": second})) == "applied"
    for address in (first, second):
        with RawClient(address) as visitor:
            assert visitor.get().status == 200
    assert sluice.hang_up(config(app, listeners={"two": second})) == "applied"
    wait_until(lambda: refused(first), "the removed listener to close")
    with RawClient(second) as visitor:
        assert visitor.get().status == 200


def test_a_listener_that_is_gone_takes_nothing_from_those_that_come(start, app, gate):
    """Its connections are cut when its drain time is over, and nobody else's, whatever is reused inside."""
    app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.close()))
    places = [f"127.0.0.1:{free_port()}" for _ in range(3)]
    sluice = start(config(app, listeners={"old": {"address": places[0], "timeouts": {"drain": "500ms"}}}))
    with RawClient(places[0]) as late, RawClient(places[0]) as idle:
        assert idle.get().status == 200
        late.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        app.wait(lambda: app.to("/slow"), "the request to come")
        assert sluice.hang_up(config(app, listeners={"new": places[1]})) == "applied"
        with RawClient(places[1]) as visitor:
            assert visitor.get().status == 200
            late.rest()  # until it is cut
            gate.set()
            assert visitor.get().status == 200
            for turn in range(8):
                more = {"new": places[1]} if turn % 2 else {"new": places[1], "more": places[2]}
                assert sluice.hang_up(config(app, listeners=more)) == "applied"
                assert visitor.get().status == 200
            assert refused(places[0]) and refused(places[2])


def test_a_listener_moves(start, app):
    first, second = (f"127.0.0.1:{free_port()}" for _ in range(2))
    sluice = start(config(app, listeners={"http": first}))
    with RawClient(first) as visitor:
        assert visitor.get().status == 200
        assert sluice.hang_up(config(app, listeners={"http": second})) == "applied"
        with RawClient(second) as other:
            assert other.get().status == 200
        wait_until(lambda: refused(first), "the old address to close")
        # The old connection may finish what it does; it is told to close, or closed between requests.
        rest = b""
        if visitor.try_send(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"):
            rest = visitor.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 200 ") and b"connection: close" in rest.lower()


def test_a_listener_is_renamed_without_closing(start, app):
    """Same address, new name: the port never refuses anybody."""
    address = f"127.0.0.1:{free_port()}"
    sluice = start(config(app, listeners={"old": address}))
    stop, failures = threading.Event(), []

    def knock():
        while not stop.is_set():
            try:
                connect(address).close()
            except OSError as error:
                failures.append(error)

    knocker = threading.Thread(target=knock)
    knocker.start()
    try:
        for name in ("new", "newer", "old"):
            assert sluice.hang_up(config(app, listeners={name: address})) == "applied"
    finally:
        stop.set()
        knocker.join()
    assert not failures


def test_a_listener_becomes_tls(start, app, authority):
    address = f"127.0.0.1:{free_port()}"
    sluice = start(config(app, listeners={"http": address}))
    with RawClient(address) as visitor:
        assert visitor.get().status == 200
    assert sluice.hang_up(config(app, listeners={"http": {"address": address, "tls": True}},
                                 tls={"certificates": [entry(authority.leaf("app.test"))]})) == "applied"
    with RawClient(address, tls=trusting(), server_name="app.test") as visitor:
        assert visitor.get().status == 200


def test_keep_alive_connections_see_the_new_configuration(start, apps):
    old, new = apps(name="old"), apps(name="new")
    sluice = start(config(old))
    visitors = [sluice.connect() for _ in range(6)]
    for one in visitors:
        assert one.get().get("X-Origin") == "old"
    assert sluice.hang_up(config(new)) == "applied"
    for one in visitors:
        answer = one.get()
        assert (answer.get("X-Origin"), answer.keeps_alive) == ("new", True)
        one.close()


def test_an_exchange_keeps_the_configuration_it_began_with(start, apps, gate):
    """Answered by the old pool, within the drain time, though nothing leads there any more."""
    old, new = apps(name="old"), apps(name="new")
    old.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"from the old world")))
    drain = {"timeouts": {"drain": "60s"}}
    sluice = start(config(old, **drain))
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        old.wait_visits(1)
        assert sluice.hang_up(config(pools={"other": pool(new)}, routes=[{"pool": "other"}], **drain)) == "applied"
        assert sluice.get().get("X-Origin") == "new"
        gate.set()
        assert visitor.response().body == b"from the old world"
        assert visitor.get("/next").get("X-Origin") == "new"


def test_an_exchange_on_a_removed_pool_is_cut_after_the_drain_time(start, apps):
    old, new = apps(name="old"), apps(name="new")
    old.play("/endless", lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
                                        visit.wait_for_close()))
    drain = {"timeouts": {"drain": "500ms"}}
    sluice = start(config(old, **drain))
    with sluice.connect() as visitor:
        visitor.send(b"GET /endless HTTP/1.1\r\nHost: app.test\r\n\r\n")
        old.wait_visits(1)
        assert sluice.hang_up(config(pools={"other": pool(new)}, routes=[{"pool": "other"}], **drain)) == "applied"
        rest = visitor.rest()  # until it is cut
        assert not rest.endswith(b"0\r\n\r\n"), "cut, but it looks whole"
    old.wait_all_closed()


def test_an_exchange_on_a_pool_that_stays_is_not_cut(start, apps, gate):
    """Other pools come and go; drain is not for those that remain."""
    kept, other = apps(name="kept"), apps(name="other")
    kept.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"still there")))
    other.play("/endless", lambda visit: visit.wait_for_close())
    drain = {"timeouts": {"drain": "300ms"}}
    both = config(pools={"app": pool(kept), "other": pool(other)},
                  routes=[{"path": "/endless", "pool": "other"}, {"pool": "app"}], **drain)
    sluice = start(both)
    with sluice.connect() as visitor, sluice.connect() as doomed:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        doomed.send(b"GET /endless HTTP/1.1\r\nHost: app.test\r\n\r\n")
        kept.wait_visits(1)
        other.wait_visits(1)
        assert sluice.hang_up(config(kept, **drain)) == "applied"
        doomed.wire.fill()  # 503 or cut: shows that the drain time is over
        gate.set()
        assert visitor.response().body == b"still there"


def test_unchanged_pools_keep_their_connections(start, app):
    sluice = start(config(app, workers=1))
    with sluice.connect() as visitor:
        assert visitor.get().status == 200
        for number in range(5):
            assert sluice.hang_up(config(app, workers=1, timeouts={"idle": f"{60 + number}s"})) == "applied"
            assert visitor.get().status == 200
    assert len(app.connections) == 1


def test_counts_survive_a_reload(start, apps, gate):
    """Least connections still knows what is in flight from before."""
    one, two = apps(name="one"), apps(name="two")
    for app in (one, two):
        app.play("/hold", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"ok")))
    # One worker: a request that was answered a moment ago is no longer counted when the next one comes.
    sluice = start(config(one, two, workers=1))
    visitor = sluice.connect()
    visitor.send(b"GET /hold HTTP/1.1\r\nHost: app.test\r\n\r\n")
    wait_until(lambda: one.visits or two.visits, "the request in flight")
    idle = two if one.visits else one
    assert sluice.hang_up(config(one, two, workers=1, timeouts={"idle": "60s"})) == "applied"
    for _ in range(10):
        assert sluice.get().get("X-Origin") == idle.name
    gate.set()
    assert visitor.response().status == 200
    visitor.close()


# --- under load -------------------------------------------------------------------------------------------------

def variants(*applications):
    """Configurations that differ in pools, order, names and limits, all of which serve."""
    a, b = applications
    return [config(a, b), config(b), config(a, timeouts={"idle": "61s"}),
            config(pools={"x": pool(b, a), "y": pool(a)}, routes=[{"path": "/x", "pool": "y"}, {"pool": "x"}]),
            config(a, {"address": b.address, "weight": 3}, max={"fields": 50})]


@pytest.mark.parametrize("how", ["hang_up", "reload"])
def test_a_storm_of_reloads_loses_nothing(start, nginx, crowd, how):
    """Keep-alive connections under full load, while the file changes again and again."""
    webs = [nginx(), nginx()]
    files = variants(*webs)
    sluice = start(files[0])
    load = crowd(f"http://{sluice['http']}/", seconds=6)
    reloads = 0
    while load.running and reloads < 5000:
        outcome = getattr(sluice, how)(files[reloads % len(files)])
        assert outcome == "applied" if how == "hang_up" else outcome.returncode == 0
        reloads += 1
    done, wrong, report = load.result()
    assert not wrong, f"{wrong} after {reloads} reloads\n{report}"
    assert done > 100 and reloads >= 3


def test_h2load_finds_nothing_amiss(start, nginx):
    """A second crowd of another make, while the file changes a few times."""
    need("h2load")
    webs = [nginx(), nginx()]
    files = variants(*webs)
    sluice = start(files[0])
    result = []
    crowd = threading.Thread(target=lambda: result.append(h2load(f"http://{sluice['http']}/", requests=4000)))
    crowd.start()
    for number in range(10):
        assert sluice.hang_up(files[number % len(files)]) == "applied"
    crowd.join()
    succeeded, report = result[0]
    assert succeeded == 4000, report


def test_a_storm_with_a_new_connection_for_every_request(start, nginx):
    """Listeners stay through reloads: nobody is refused or reset while connecting."""
    webs = [nginx(), nginx()]
    files = variants(*webs)
    sluice = start(files[0])
    stop, failures, visits = threading.Event(), [], []

    def visit():
        while not stop.is_set():
            try:
                answer = sluice.get("/")
                visits.append(answer.status)
                assert answer.status == 200, answer.start_line
            except (AssertionError, OSError) as error:
                failures.append(repr(error))

    crowd = [threading.Thread(target=visit) for _ in range(4)]
    for one in crowd:
        one.start()
    try:
        for number in range(40):
            assert sluice.hang_up(files[number % len(files)]) == "applied"
    finally:
        stop.set()
        for one in crowd:
            one.join()
    assert not failures, (len(failures), failures[:3])
    assert len(visits) > 40


def test_memory_does_not_grow_with_reloads(start, app):
    """A hundred generations later the process is about as large as before."""
    files = [json.dumps(config(app, tenants={"from_host": "{tenant}.example.com", "defaults": {"pool": "app"}, "items": {
        f"t{number}": {"hosts": [f"own-{number}.test"]} for number in range(1000)}}, timeouts={"idle": f"{60 + odd}s"}))
        for odd in range(2)]
    sluice = start(files[0])
    for number in range(20):
        assert sluice.hang_up(files[number % 2]) == "applied"
    before = sluice.resident()
    for number in range(100):
        assert sluice.hang_up(files[number % 2]) == "applied"
    # The sanitizers keep freed memory in a quarantine of their own for a while.
    assert sluice.resident() - before < 300 << 20


def test_hang_up_twice_at_once(start, app):
    sluice = start(config(app))
    for _ in range(20):
        sluice.process.send_signal(1)
    wait_until(lambda: "reload applied" in sluice.log, "a reload")
    assert sluice.hang_up() == "applied"
    assert sluice.get().status == 200


def test_reload_of_nobody(tmp_path):
    done = command("reload", "--config", write_config(tmp_path / "sluice.yaml", config("127.0.0.1:3001")))
    assert done.returncode == 4 and done.stderr
