"""The operator's hand: /api/pools, POST drain, ready and maintenance, and `sluice pool`, which asks for the same."""

import json
import re

import pytest

from pools import QUICK, Health, checked, look, metric, pools, reached, set_duty, wait_state
from ports import closed_port
from sluice import command, config, pool
from waiting import PATIENCE, wait_until

STICKY = {"sticky": {"cookie": "srv"}}


def run(sluice, *words):
    return command("pool", *words, "--config", sluice.file)


def bind(sluice, name):
    """A cookie that binds to the server of that name."""
    for _ in range(200):
        answer = sluice.get()
        if answer.get("X-Origin") == name:
            return answer.get("Set-Cookie").partition(";")[0]
    raise AssertionError(f"{name} never answered")


def bound(sluice, cookie, count=5):
    """Who answers requests with that cookie."""
    return {one.get("X-Origin") or one.status for one in (sluice.get("/", f"Cookie: {cookie}") for _ in range(count))}


@pytest.fixture
def pair(apps):
    return apps(name="one"), apps(name="two")


# --- how the servers are -------------------------------------------------------------------------------------

def test_the_servers_are_told(start, pair, gate):
    """Name, state, weight, backup, bound, requests under way: as they are now."""
    one, two = pair
    one.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply()))
    sluice = start(config(pools={"app": pool({"address": one.address, "weight": 3, "max_connections": 7},
                                             {"address": two.address, "backup": True}), "other": pool(two)},
                          routes=[{"pool": "app"}]))
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        wait_until(lambda: one.to("/slow"), "the request")
        told = pools(sluice)
        assert set(told) == {"app", "other"}
        first, second = told["app"]["servers"]
        assert first == {"server": one.address, "state": "unchecked", "weight": 3, "backup": False, "active": 1, "max_connections": 7}
        assert second == {"server": two.address, "state": "unchecked", "weight": 1, "backup": True, "active": 0}
        assert [s["active"] for s in told["other"]["servers"]] == [0]
        gate.set()
        assert visitor.response().status == 200
    wait_until(lambda: look(sluice, one)["active"] == 0, "the end of the request")
    assert [s["state"] for s in pools(sluice)["app"]["servers"]] == ["up", "unchecked"]


def test_pools_without_servers_that_are_well_are_told_too(start, apps):
    app = apps()
    Health(app, well=False)
    sluice = start(checked(app, health=QUICK))
    assert sluice.get().status == 503
    done = run(sluice)
    assert done.returncode == 0 and "PANIC" in done.stdout and "status 500" in done.stdout
    assert any(app.address in line and " down: " in line for line in done.stdout.splitlines())


def test_the_verb_tells_the_same(start, pair):
    one, two = pair
    sluice = start(config(*pair))
    set_duty(sluice, "drain", one)
    text, as_json = run(sluice), run(sluice, "--json")
    assert (text.returncode, as_json.returncode, text.stderr, as_json.stderr) == (0, 0, "", "")
    lines = text.stdout.splitlines()
    assert lines[0] == "app"
    assert [line.split()[:2] for line in lines[1:]] == [[one.address, "drain"], [two.address, "unchecked"]]
    assert json.loads(as_json.stdout) == {"pools": list(pools(sluice).values()), "errors": [], "warnings": [], "exit_code": 0}


def test_a_server_that_refuses_is_down(start, apps, app):
    """And says so with its reason and how long ago; a check that passes, or an answer, ends it."""
    gone = f"127.0.0.1:{closed_port()}"
    sluice = start(config(pools={"app": pool(gone, app), "other": pool(gone)}, routes=[{"pool": "app"}]))
    assert [s["state"] for s in pools(sluice)["app"]["servers"]] == ["unchecked", "unchecked"]
    wait_until(lambda: sluice.get().status == 200 and look(sluice, gone)["state"] == "down", "the server to be down")
    told = look(sluice, gone)["unreachable"]
    assert told["reason"] == "connection refused" and 0 <= told["ago_s"] < PATIENCE
    assert look(sluice, app)["state"] == "up" and look(sluice, gone, "other")["state"] == "unchecked"
    assert re.search(rf"^  {re.escape(gone)} +down: connection refused \d+ s ago ", run(sluice).stdout, re.M)
    apps(port=int(gone.rpartition(":")[2]), name="back")
    wait_until(lambda: "back" in reached(sluice, 4), "the server to be asked")
    assert look(sluice, gone)["state"] == "up"


def test_numbers_are_as_people_write_them(start, app):
    Health(app)
    sluice = start(checked(app, health=QUICK))
    raw = sluice.admin("/api/pools").body.decode()
    assert re.search(r'"took_ms":\d+(\.\d{1,3})?[,}]', raw) and not re.search(r"\dE[+-]?\d", raw)


# --- changes over the admin address --------------------------------------------------------------------------

@pytest.mark.parametrize("duty", ["drain", "maintenance"])
def test_a_server_is_taken_out_and_back_in(start, pair, duty):
    """Nobody new comes; others are not touched; `ready` undoes it. Saying it twice says it once."""
    one, two = pair
    sluice = start(config(one, two))
    assert reached(sluice) == {"one", "two"}
    for _ in range(2):
        answer = set_duty(sluice, duty, one)
        assert answer.status == 200
        assert json.loads(answer.body) == {"pool": "app", "server": one.address, "state": duty}
    sluice.wait_log(f"pool app: server {one.address} is set to {duty}")
    assert [look(sluice, app)["state"] for app in pair] == [duty, "up"]
    assert reached(sluice) == {"two"}
    assert metric(sluice, f'sluice_upstream_up{{pool="app",server="{one.address}"}}') == 0
    assert json.loads(set_duty(sluice, "ready", one).body)["state"] == "ready"
    assert look(sluice, one)["state"] == "up" and reached(sluice) == {"one", "two"}


def test_requests_under_way_finish(start, app, gate):
    app.play("/slow", lambda visit: (gate.wait(PATIENCE), visit.reply(body=b"done")))
    sluice = start(config(app))
    with sluice.connect() as visitor:
        visitor.send(b"GET /slow HTTP/1.1\r\nHost: app.test\r\n\r\n")
        wait_until(lambda: app.to("/slow"), "the request")
        set_duty(sluice, "maintenance", app)
        assert sluice.get("/other").status == 503
        gate.set()
        assert visitor.response().body == b"done"
        answer = visitor.get("/next")
        assert answer.status == 503 and int(answer.get("Retry-After")) > 0
    assert not app.to("/next") and not app.to("/other")


@pytest.mark.parametrize("duty", ["drain", "maintenance"])
def test_panic_does_not_ask_who_was_taken_out(start, pair, duty):
    """`then: all` means all but those: one is out, the other one's checks fail, and it alone is asked."""
    one, two = pair
    Health(one), Health(two, well=False)
    sluice = start(checked(one, two, health=QUICK, keys={"panic": {"then": "all"}}))
    set_duty(sluice, duty, one)
    assert reached(sluice) == {"two"}
    set_duty(sluice, duty, two)
    assert reached(sluice) == {503}


def test_ready_does_not_outweigh_the_checks(start, pair):
    one, two = pair
    Health(one, well=False)
    sluice = start(checked(one, two, health=QUICK))
    for duty, state in [("ready", "down"), ("drain", "drain"), ("ready", "down")]:
        set_duty(sluice, duty, one)
        assert look(sluice, one)["state"] == state and reached(sluice, 10) == {"two"}


def test_a_pool_is_not_its_neighbour(start, app):
    """The same server in two pools: each has its own word."""
    sluice = start(config(pools={"a": pool(app), "b": pool(app)}, routes=[{"path": "/a/", "pool": "a"}, {"path": "/b/", "pool": "b"}]))
    set_duty(sluice, "drain", app, "b")
    assert [look(sluice, app, name)["state"] for name in "ab"] == ["unchecked", "drain"]
    assert [sluice.get(f"/{name}/").status for name in "ab"] == [200, 503]


@pytest.mark.parametrize("target", [
    "/api/pools/other/servers/SERVER/drain", "/api/pools/app/servers/127.0.0.1:1/drain", "/api/pools/app/servers//drain",
    "/api/pools//servers/SERVER/drain", "/api/pools/app/servers/SERVER/down", "/api/pools/app/servers/SERVER/drain/",
    "/api/pools/app/servers/SERVER", "/api/pools/app/servers/drain", "/api/pools/app/drain", "/api/pools/app",
    "/api/pools/app/servers/%zz/drain", "/api/pools/app/servers/SERVER%/drain", "/api/pools/app/servers/SERVER%00/drain",
])
def test_what_does_not_exist(stage, target):
    """404, and nothing is changed."""
    before = pools(stage.sluice)
    assert stage.sluice.admin(target.replace("SERVER", stage.app.address), "POST").status == 404
    assert pools(stage.sluice) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_post_changes(stage, method):
    before = pools(stage.sluice)
    answer = stage.sluice.admin(f"/api/pools/app/servers/{stage.app.address}/drain", method)
    assert answer.status == 405 and answer.get("Allow") == "POST"
    assert pools(stage.sluice) == before


@pytest.mark.parametrize("host,fields", [
    ("localhost", ["Origin: http://evil.example"]), ("localhost", ["Origin: null"]), ("localhost", ["Origin: http://localhost"]),
    ("rebound.example", []), ("rebound.example:9900", []),
])
def test_a_page_in_a_browser_is_refused(stage, host, fields):
    """As for a reload: 403 by Origin or by a Host that is a name; the server stays as it is."""
    target = f"/api/pools/app/servers/{stage.app.address}/drain"
    before = pools(stage.sluice)
    with stage.sluice.connect("admin") as page:
        assert page.request("POST", target, "Connection: close", *fields, host=host).status == 403
    assert pools(stage.sluice) == before


@pytest.mark.parametrize("host", ["localhost", "localhost:9900", "127.0.0.1:9900", "[::1]:9900"])
def test_a_script_is_not(stage, host):
    with stage.sluice.connect("admin") as script:
        assert script.request("POST", f"/api/pools/app/servers/{stage.app.address}/ready", "Connection: close", host=host).status == 200


# --- names of servers ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("safe", ["", "/:[]"], ids=["encoded", "plain"])
@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "unix:FOLDER/app.sock", "unix:FOLDER/servers/drain"])
def test_any_name_can_be_said(start, apps, tmp_path, bind, safe):
    """Percent-encoded or as it is, over the admin address; by the verb as it is."""
    (tmp_path / "servers").mkdir()
    app, other = apps(bind=bind.replace("FOLDER", str(tmp_path)), name="app"), apps(name="other")
    sluice = start(config(app, other))
    assert set_duty(sluice, "drain", app, safe=safe).status == 200
    assert reached(sluice) == {"other"}
    done = run(sluice, "ready", "app", app.address)
    assert done.returncode == 0 and reached(sluice) == {"app", "other"}


@pytest.mark.parametrize("file", ["a b.sock", "100%41.sock", "what?.sock", "a#b.sock", "\u00e9.sock"])
def test_the_verb_takes_odd_names(start, apps, tmp_path, file):
    """Whatever /api/pools calls a server, the verb finds it by that."""
    app = apps(bind=f"unix:{tmp_path}/{file}")
    sluice = start(config(app))
    done = run(sluice, "drain", "app", pools(sluice)["app"]["servers"][0]["server"])
    assert (done.returncode, look(sluice, app)["state"]) == (0, "drain"), done.stderr


def test_a_server_that_was_given_by_its_name(start, app):
    """It is called what /api/pools says, and `host` says what the file does."""
    sluice = start(config(f"localhost:{app.port}"))
    told = next(s for s in pools(sluice)["app"]["servers"] if s["server"] == app.address)
    assert told["host"].startswith("localhost")
    assert run(sluice, "drain", "app", told["server"]).returncode == 0
    assert look(sluice, app)["state"] == "drain"


# --- the verb ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("duty,state", [("drain", "drain"), ("maintenance", "maintenance"), ("ready", "unchecked")])
def test_the_verb_sets(start, app, duty, state):
    sluice = start(config(app))
    done = run(sluice, duty, "app", app.address)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"pool app: server {app.address} is set to {duty}\n", "")
    assert look(sluice, app)["state"] == state
    done = run(sluice, duty, "app", app.address, "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == {
        "pool": "app", "server": app.address, "state": duty, "errors": [], "warnings": [], "exit_code": 0}


def test_the_verb_takes_the_name_in_the_file(start, app):
    """All the addresses that the name has."""
    sluice = start(config(f"localhost:{app.port}"))
    assert run(sluice, "drain", "app", f"localhost:{app.port}").returncode == 0
    assert {s["state"] for s in pools(sluice)["app"]["servers"]} == {"drain"}


@pytest.mark.parametrize("words", [("drain", "app", "127.0.0.1:1"), ("drain", "other", "SERVER")])
def test_the_verb_knows_no_such_server(stage, words):
    words = [word.replace("SERVER", stage.app.address) for word in words]
    done = run(stage.sluice, *words)
    assert (done.returncode, done.stdout) == (1, "") and words[1] in done.stderr
    done = run(stage.sluice, *words, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == told["exit_code"] == 1 and told["errors"][0]["hint"]


def test_a_pool_that_is_not_there(start, pair):
    """It is the pool that is missing, and which there are is said; of a wrong server, which the pool has."""
    one, two = pair
    sluice = start(config(pools={"app": pool(one), "assets": pool(two)}, routes=[{"pool": "app"}]))
    done = run(sluice, "drain", "NOPOOL", one.address)
    assert done.returncode == 1 and 'there is no pool "NOPOOL"; the pools are app, assets' in done.stderr
    done = run(sluice, "drain", "assetz", one.address)
    assert 'there is no pool "assetz"; did you mean "assets"? the pools are' in done.stderr
    done = run(sluice, "drain", "assets", one.address)
    assert f"pool assets has no server {one.address}; " in done.stderr and f"the servers are {two.address}" in done.stderr


@pytest.mark.parametrize("words", [
    ("drain",), ("drain", "app"), ("app", "SERVER"), ("drain", "app", "SERVER", "now"), ("down", "app", "SERVER"), ("DRAIN", "app", "SERVER"),
    ("status",), ("--quick",), ("drain", "app", "SERVER", "--force"),
])
def test_the_verb_used_wrongly(stage, words):
    before = pools(stage.sluice)
    done = run(stage.sluice, *(word.replace("SERVER", stage.app.address) for word in words))
    assert (done.returncode, done.stdout) == (2, "") and done.stderr
    assert pools(stage.sluice) == before


@pytest.mark.parametrize("words", [(), ("drain", "app", "127.0.0.1:1")])
@pytest.mark.parametrize("admin", ["gone", "off", "refused"])
def test_nobody_answers(start, app, tmp_path, words, admin):
    """Exit code 4, and a word on stderr."""
    address = {"gone": "unix:admin.sock", "off": "off", "refused": f"127.0.0.1:{closed_port()}"}[admin]
    file = tmp_path / "sluice.yaml"
    file.write_text(json.dumps(config(app, admin={"address": address.replace("unix:", f"unix:{tmp_path}/")})))
    done = command("pool", *words, "--config", file)
    assert (done.returncode, done.stdout) == (4, "") and done.stderr
    done = command("pool", *words, "--json", "--config", file)
    told = json.loads(done.stdout)
    assert done.returncode == told["exit_code"] == 4 and told["errors"][0]["message"] and not done.stderr


def test_a_file_that_is_wrong(start, app, tmp_path):
    """With nobody there it is the file's fault; where the process still answers, the file does not matter."""
    file = tmp_path / "sluice.yaml"
    file.write_text('{"version": 1, "nonsense": true}')
    done = command("pool", "--config", file)
    assert done.returncode in (1, 4) and done.stderr and not done.stdout
    sluice = start(config(app))
    sluice.write({**config(app), "nonsense": True})
    done = run(sluice, "drain", "app", app.address)
    assert done.returncode == 0 and look(sluice, app)["state"] == "drain"


def test_somebody_else_answers(apps, tmp_path):
    """Not our process on that address: exit code 1 and no nonsense on stdout."""
    stranger = apps(lambda visit: visit.reply(200, b'{"hello":"world"}'))
    file = tmp_path / "sluice.yaml"
    file.write_text(json.dumps(config(stranger, admin={"address": stranger.address})))
    done = command("pool", "--config", file)
    assert (done.returncode, done.stdout) == (1, "") and "unexpected" in done.stderr


# --- what stands ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("duty", ["drain", "maintenance"])
def test_the_word_stands_through_reloads(start, pair, duty):
    """Whatever changes, also while the server is not in the file, until the next word."""
    one, two = pair
    sluice = start(config(one, two))
    set_duty(sluice, duty, one)
    for whole in (config(one, two), config({"address": one.address, "weight": 5}, two), checked(one, two, health={**QUICK, "start": "up"}),
                  config(one, two, pools={"app": pool(one, two, **STICKY)})):
        assert sluice.reload(whole).returncode == 0
        assert look(sluice, one)["state"] == duty and reached(sluice) == {"two"}
    assert sluice.reload(config(two)).returncode == 0
    assert set_duty(sluice, "ready", one).status == 404, "no such server runs"
    one.wait_all_closed()
    assert sluice.reload(config(one, two)).returncode == 0
    assert look(sluice, one)["state"] == duty and reached(sluice) == {"two"}
    set_duty(sluice, "ready", one)
    assert sluice.reload(config(one, two)).returncode == 0
    assert reached(sluice) == {"one", "two"}


def test_the_word_stands_while_the_pool_is_not_in_the_file(start, pair):
    one, two = pair
    both, less = {"app": pool(two), "more": pool(one)}, {"app": pool(two)}
    routes = [{"path": "/more/", "pool": "more"}, {"pool": "app"}]
    sluice = start(config(pools=both, routes=routes))
    set_duty(sluice, "drain", one, "more")
    assert sluice.reload(config(pools=less, routes=routes[1:])).returncode == 0
    assert sluice.reload(config(pools=both, routes=routes)).returncode == 0
    assert look(sluice, one, "more")["state"] == "drain" and sluice.get("/more/").status == 503


def test_a_restart_forgets(start, app):
    first = start(config(app))
    set_duty(first, "maintenance", app)
    assert first.get().status == 503
    first.stop()
    assert start(config(app)).get().status == 200


# --- checks and cookies --------------------------------------------------------------------------------------

def test_maintenance_stops_the_checks(start, pair):
    """And `ready` begins them again; `drain` does not touch them."""
    one, two = pair
    health = Health(one), Health(two)
    sluice = start(checked(one, two, health=QUICK))
    set_duty(sluice, "maintenance", one)
    health[1].wait_more(2)  # what was under way is over
    before = health[0].count
    health[1].wait_more(6)
    assert health[0].count == before
    for duty in ("ready", "drain"):
        set_duty(sluice, duty, one)
        health[0].wait_more(2)


def test_checks_go_on_where_they_were(start, pair):
    """What was known before the maintenance holds after it: a server that was down has to rise."""
    one, two = pair
    health = Health(one, well=False)
    sluice = start(checked(one, two, health=QUICK))
    assert look(sluice, one)["state"] == "down"
    set_duty(sluice, "maintenance", one)
    health.well = True
    set_duty(sluice, "ready", one)
    wait_state(sluice, one, "up")
    assert "one" in reached(sluice)


def test_a_server_in_maintenance_comes_back_unasked(start, pair):
    """In maintenance, out of the file and in again: not checked, no request, and the reload does not wait for it."""
    one, two = pair
    health = Health(one), Health(two)
    sluice = start(checked(one, two, health=QUICK))
    set_duty(sluice, "maintenance", one)
    assert sluice.reload(checked(two, health=QUICK)).returncode == 0
    one.wait_all_closed()
    before = health[0].count
    assert sluice.reload(checked(one, two, health=QUICK)).returncode == 0
    health[1].wait_more(5)
    assert health[0].count == before and reached(sluice) == {"two"}
    assert look(sluice, one)["state"] == "maintenance"
    set_duty(sluice, "ready", one)
    wait_until(lambda: "one" in reached(sluice, 4), "the server to be asked")
    assert health[0].count > before


@pytest.mark.parametrize("balance", ["least_connections", "round_robin", "random_two", "least_time", {"hash": "path"}])
def test_drain_keeps_bound_clients_and_takes_nobody_else(start, pair, balance):
    one, two = pair
    sluice = start(config(pools={"app": pool(one, two, balance=balance, **STICKY)}, routes=[{"path": "/", "pool": "app"}]))
    if isinstance(balance, dict):
        cookie = next(answer.get("Set-Cookie").partition(";")[0] for answer in (sluice.get(f"/{n}") for n in range(200))
                      if answer.get("X-Origin") == "one")
    else:
        cookie = bind(sluice, "one")
    assert bound(sluice, cookie) == {"one"}
    set_duty(sluice, "drain", one)
    assert bound(sluice, cookie) == {"one"}
    assert {sluice.get(f"/{n}").get("X-Origin") for n in range(30)} == {"two"}
    assert bound(sluice, cookie) == {"one"}
    set_duty(sluice, "maintenance", one)
    answer = sluice.get("/", f"Cookie: {cookie}")
    assert answer.get("X-Origin") == "two" and answer.get("Set-Cookie"), "bound anew"
    assert bound(sluice, answer.get("Set-Cookie").partition(";")[0]) == {"two"}


def test_a_bound_client_keeps_its_server_over_reloads(start, pair):
    one, two = pair
    whole = config(pools={"app": pool(one, two, **STICKY)}, routes=[{"pool": "app"}])
    sluice = start(whole)
    cookie = bind(sluice, "one")
    set_duty(sluice, "drain", one)
    assert sluice.reload({**whole, "timeouts": {"drain": "1s"}}).returncode == 0
    assert bound(sluice, cookie) == {"one"} and reached(sluice) == {"two"}


def test_a_server_that_drains_and_fails_its_checks_loses_its_clients(start, pair):
    one, two = pair
    health = Health(one)
    sluice = start(checked(one, two, health={**QUICK, "fall": 1}, keys=STICKY))
    cookie = bind(sluice, "one")
    set_duty(sluice, "drain", one)
    assert bound(sluice, cookie) == {"one"}
    health.well = False
    wait_until(lambda: bound(sluice, cookie, 1) == {"two"}, "the client to be bound to the other")
