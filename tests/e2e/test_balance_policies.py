"""`balance`, `sticky`, backups: which server gets a request. `least_connections` is in test_balancing.py."""

import itertools
import re
import time
from collections import Counter

import pytest

from certs import entry
from client import RawClient, trusting
from failing import LISTENERS, answer, ask, die, in_background, retries, servers_of, wait_idle
from http2 import Http2Client
from ports import free_port
from sluice import config, pool
from waiting import PATIENCE, wait_until

SECRET = "a secret of the right length"


def configured(*servers, whole=None, **keys):
    return config(pools={"app": pool(*servers, **keys)},
                  **{"routes": [{"pool": "app"}], "listeners": LISTENERS, "workers": 1, **(whole or {})})


@pytest.fixture
def edge(start):
    """edge(server, …, balance=…) → sluice, with one worker unless told otherwise."""
    return lambda *servers, whole=None, **keys: start(configured(*servers, whole=whole, **keys))


@pytest.fixture
def named(apps):
    """named(3) starts servers "0", "1" and "2" that say their names."""
    return lambda count: [apps(name=str(number)) for number in range(count)]


def weighted(servers, weights):
    return [{"address": s.address, "weight": w} for s, w in zip(servers, weights)]


def who(sluice, count, path="/", *fields, host="app.test"):
    """The servers of `count` requests, one after the other over one connection."""
    with sluice.connect() as visitor:
        return [visitor.get(path, *fields, host=host).get("X-Origin") for _ in range(count)]


def hold(sluice, servers, count, gate, path="/hold"):
    """`count` requests that stay under way, each at its server before the next one comes; returns their ends."""
    visitors = []
    for one in servers:
        one.play(path, lambda v: (v.body(), gate.wait(PATIENCE), answer(v)))
    for number in range(count):
        visitors.append(sluice.connect().send(f"GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode()))
        wait_until(lambda: sum(len(s.to(path)) for s in servers) > number, f"request {number}")  # noqa: B023
    return visitors


def finish(visitors):
    for visitor in visitors:
        assert visitor.response().status == 200
        visitor.close()


# --- round robin -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("weights,turn", [([1, 1, 1], "012"), ([2, 1], "010"), ([5, 1, 1], "0010200"), ([3, 2, 1], "010210"), ([1], "0")])
def test_round_robin_is_exact(edge, named, weights, turn):
    """nginx's smooth order, in turns that repeat, wherever they begin."""
    servers = named(len(weights))
    got = "".join(who(edge(*weighted(servers, weights), balance="round_robin"), 4 * len(turn)))
    assert got[:len(turn)] * 4 == got
    assert Counter(got[:len(turn)]) == Counter({str(n): w for n, w in enumerate(weights)})
    longest = max(len(list(run)) for _, run in itertools.groupby(got)) if len(weights) > 1 else 0
    assert longest <= max(len(list(run)) for _, run in itertools.groupby(turn * 4)), got


def test_round_robin_does_not_care_for_load(edge, named, gate):
    """One server is busy, and gets its turns all the same."""
    servers = named(2)
    sluice = edge(*servers, balance="round_robin")
    visitors = hold(sluice, servers, 1, gate)
    assert Counter(who(sluice, 10)) == {"0": 5, "1": 5}
    gate.set()
    finish(visitors)


# --- by load -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", ["random_two", "least_time", "least_connections", "round_robin"])
def test_every_server_is_asked(edge, named, policy):
    servers = named(5)
    counts = Counter(who(edge(*servers, balance=policy), 200))
    assert len(counts) == 5 and min(counts.values()) >= (1 if policy == "least_time" else 15), counts


@pytest.mark.parametrize("policy,least", [("random_two", 400), ("round_robin", 600)])
def test_weights_count(edge, named, policy, least):
    """Of weights 3 and 1 the first gets three quarters; by lot about that."""
    servers = named(2)
    counts = Counter(who(edge(*weighted(servers, [3, 1]), balance=policy), 800))
    assert counts["0"] + counts["1"] == 800 and least <= counts["0"] <= 720, counts


@pytest.mark.parametrize("policy", ["random_two", "least_time"])
def test_a_server_that_hangs_gets_little(edge, named, gate, policy):
    """Of five servers one never answers: it holds few of a hundred requests, a fifth of which it would get in turns."""
    servers = named(5)
    sluice = edge(*servers, balance=policy)
    who(sluice, 50)  # all are known
    servers[0].play("/x", lambda v: (v.body(), gate.wait(PATIENCE), answer(v)))
    visitors = []
    for number in range(100):
        visitors.append(sluice.connect().send(b"GET /x HTTP/1.1\r\nHost: app.test\r\n\r\n"))
        wait_until(lambda: sum(len(s.to("/x")) for s in servers) > number, f"request {number}")  # noqa: B023
        for other in servers[1:]:
            for visit in other.to("/x")[-2:]:
                other.wait_done(visit)
    stuck = len(servers[0].to("/x"))
    gate.set()
    finish(visitors)
    assert stuck <= 12, f"{stuck} of 100 at the server that hangs"


def test_least_time_leaves_a_slow_server_alone(edge, named):
    """Its answers take long, so that after the first ones it is hardly asked: that is no matter of open requests."""
    servers = named(3)
    servers[0].default = lambda v: (v.body(), slowly(v))
    sluice = edge(*servers, balance="least_time")
    counts = Counter(who(sluice, 120))
    assert counts["0"] <= 6 and len(counts) == 3, counts


def slowly(visit):
    """A slow server: its nature, not something that a test waits for. 50 times what the others take, and more."""
    time.sleep(0.05)
    answer(visit)


# --- by hash -----------------------------------------------------------------------------------------------------

KEYS = [f"key-{number}" for number in range(200)]
TENANTS = {"from_host": "{tenant}.app.test", "defaults": {"pool": "app"}, "items": {key: {} for key in KEYS}}


def mapping(sluice, by):
    """Key → server."""
    with sluice.connect() as visitor:
        ask_as = {
            "path": lambda key: visitor.get(f"/{key}"),
            "path?query": lambda key: visitor.get(f"/{key}?at={len(key)}&{key}"),
            "header:X-User": lambda key: visitor.get("/", f"x-user: {key}"),
            "cookie:user": lambda key: visitor.get("/", f"Cookie: other=1; user={key}; last=2"),
            "tenant": lambda key: visitor.get("/", host=f"{key}.app.test"),
        }[by]
        return {key: ask_as(key).get("X-Origin") for key in KEYS}


def hash_edge(servers, by, **keys):
    whole = {"tenants": TENANTS, "routes": []} if by == "tenant" else {}
    return configured(*servers, balance={"hash": by, "bound": "off"}, whole=whole, **keys)


@pytest.mark.parametrize("by", ["path", "header:X-User", "cookie:user", "tenant"])
def test_a_key_keeps_its_server(start, named, by):
    """In one process, after reloads, in another process and with the servers in another order. With a sixth server
    a sixth of the keys moves, and only to it; when it goes they come back."""
    *servers, six = named(6)
    sluice = start(hash_edge(servers, by))
    before = mapping(sluice, by)
    counts = Counter(before.values())
    assert len(counts) == 5 and min(counts.values()) >= 15, counts
    assert mapping(sluice, by) == before
    assert sluice.reload(hash_edge(servers, by, timeouts={"connect": "1s"})).returncode == 0
    assert mapping(sluice, by) == before
    assert sluice.reload(hash_edge([*servers, six], by)).returncode == 0
    after = mapping(sluice, by)
    moved = [key for key in KEYS if after[key] != before[key]]
    assert {after[key] for key in moved} == {"5"} and 10 <= len(moved) <= 67, len(moved)
    other = start(hash_edge(servers[::-1], by))
    assert mapping(other, by) == before
    assert sluice.reload(hash_edge(servers, by)).returncode == 0
    assert mapping(sluice, by) == before


def test_a_query_is_no_part_of_the_path(start, named):
    sluice = start(hash_edge(named(5), "path"))
    assert mapping(sluice, "path?query") == mapping(sluice, "path")


def test_a_client_address_is_a_key(edge, named):
    """Over every connection, with either protocol and on each worker."""
    servers = named(5)
    sluice = edge(*servers, balance={"hash": "client_ip", "bound": "off"}, whole={"workers": 2})
    found = {ask(sluice, path=f"/{n}", http2=n % 2 == 1).get("x-origin") or "?" for n in range(20)}
    assert sum(bool(s.visits) for s in servers) == 1 and len(found) <= 2


@pytest.mark.parametrize("by", ["header:X-User", "cookie:user"])
@pytest.mark.parametrize("fields", [[], ["X-User:", "Cookie: user="], ["Cookie: users=1; us=2"]])
def test_requests_without_the_key_spread(edge, named, by, fields):
    servers = named(4)
    counts = Counter(who(edge(*servers, balance={"hash": by}), 80, "/", *fields))
    assert len(counts) == 4 and min(counts.values()) >= 4, counts


def test_a_hash_counts_weights(start, named):
    servers = named(2)
    counts = Counter(mapping(start(hash_edge(weighted(servers, [4, 1]), "path")), "path").values())
    assert 130 <= counts["0"] <= 185, counts


@pytest.mark.parametrize("bound,shares", [("off", [20]), (125, [5, 5, 5, 5]), (200, [10, 6, 2, 2])])
def test_a_bound_moves_on_what_is_too_much(edge, named, gate, bound, shares):
    """Of twenty requests with one key a server holds at most `bound` percent of a fair share of the load."""
    servers = named(4)
    sluice = edge(*servers, balance={"hash": "path", "bound": bound})
    visitors = hold(sluice, servers, 20, gate)
    held = sorted((len(s.to("/hold")) for s in servers), reverse=True)
    assert held[0] <= (20 if bound == "off" else -(-20 * bound // 400)), held
    assert held[0] >= shares[0] and len([h for h in held if h]) >= (1 if bound == "off" else 2), held
    gate.set()
    finish(visitors)


def test_a_key_goes_on_to_the_same_other_server(start, named):
    """While its server is out the keys of it spread, each to one place; the other keys stay."""
    servers = named(5)
    sluice = start(hash_edge(servers, "path"))
    before = mapping(sluice, "path")
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/maintenance", "POST").status == 200
    during = mapping(sluice, "path")
    assert during == mapping(sluice, "path")
    assert all(during[key] == before[key] for key in KEYS if before[key] != "0")
    assert len({during[key] for key in KEYS if before[key] == "0"}) == 4
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/ready", "POST").status == 200
    assert mapping(sluice, "path") == before


# --- sticky ------------------------------------------------------------------------------------------------------

STICKY = {"cookie": "stay", "secret": SECRET}


def cookie_of(found, name="stay"):
    """Its value, and its attributes as a list; None where there is none."""
    lines = [line for line in found.all("set-cookie") if line.startswith(name + "=")]
    assert len(lines) <= 1, lines
    if not lines:
        return None
    value, *attributes = lines[0][len(name) + 1:].split("; ")
    return value, sorted(attributes)


def stay(sluice, value, count=1, path="/"):
    """The answers to `count` requests with that cookie."""
    with sluice.connect() as visitor:
        return [visitor.get(path, f"Cookie: a=b; stay={value}; c=d") for _ in range(count)]


@pytest.mark.parametrize("keys,plain,tls", [
    ({}, ["HttpOnly", "Path=/", "SameSite=Lax"], ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]),
    ({"ttl": "1h", "path": "/shop", "same_site": "strict"}, ["HttpOnly", "Max-Age=3600", "Path=/shop", "SameSite=Strict"],
     ["HttpOnly", "Max-Age=3600", "Path=/shop", "SameSite=Strict", "Secure"]),
    ({"secure": True, "same_site": "none"}, *[["HttpOnly", "Path=/", "SameSite=None", "Secure"]] * 2),
    ({"secure": False}, *[["HttpOnly", "Path=/", "SameSite=Lax"]] * 2),
])
def test_what_the_cookie_says(start, named, authority, keys, plain, tls):
    """`Secure` where the client speaks TLS, unless told otherwise. The value tells nothing of the address."""
    servers = named(2)
    sluice = start(configured(*servers, sticky={**STICKY, **keys}, whole={
        "listeners": {**LISTENERS, "https": {"address": "127.0.0.1:0", "tls": True}},
        "tls": {"certificates": [entry(authority.leaf("app.test"))]}}))
    value, attributes = cookie_of(ask(sluice))
    assert attributes == plain and re.fullmatch(r"[A-Za-z0-9_-]{16,}", value)
    assert "127" not in value and all(str(s.port) not in value for s in servers)
    with RawClient(sluice["https"], tls=trusting(), server_name="app.test") as visitor:
        assert cookie_of(visitor.get())[1] == tls
    with Http2Client(sluice["h2c"]) as visitor:
        assert cookie_of(visitor.get())[1] == plain


def values(sluice):
    """Server → value of the cookie, of all its servers."""
    return {found.get("X-Origin"): cookie_of(found)[0] for found in (ask(sluice) for _ in range(30))}


@pytest.mark.parametrize("first,second,same", [(SECRET, SECRET, True), (SECRET, SECRET + "!", False), (None, None, True),
                                               (SECRET, None, False)])
def test_values_come_from_the_secret(start, named, first, second, same):
    """Two processes with one secret know each other's clients; also with the servers in another order."""
    servers = named(4)
    sticky = [{"cookie": "stay", **({"secret": secret} if secret else {})} for secret in (first, second)]
    one, two = start(configured(*servers, sticky=sticky[0])), start(configured(*servers[::-1], sticky=sticky[1]))
    here, there = values(one), values(two)
    assert len(set(here.values())) == 4 == len(set(there.values()))
    assert (here == there) == same
    if not same:
        assert not set(here.values()) & set(there.values())
    for name, value in here.items():
        found = stay(two, value, 6)
        assert ({f.get("X-Origin") for f in found} == {name} and not any(map(cookie_of, found))) == same


def test_pools_have_values_of_their_own(start, named):
    """The cookie of one pool says nothing in another with the same servers."""
    servers = named(3)
    sluice = start(config(pools={name: pool(*servers, sticky=STICKY) for name in ("app", "other")}, listeners=LISTENERS,
                          routes=[{"path": "/other", "pool": "other"}, {"pool": "app"}]))
    here = values(sluice)
    assert all(cookie_of(found) for value in here.values() for found in stay(sluice, value, 1, "/other"))


@pytest.mark.parametrize("policy", ["least_connections", "round_robin", "random_two", "least_time", {"hash": "path"}])
def test_a_client_stays(start, named, policy):
    """Whatever the policy, over reloads, and nobody sets the cookie again. Others spread."""
    servers = named(4)
    sluice = start(configured(*servers, sticky=STICKY, balance=policy, whole={"workers": 2}))
    found = ask(sluice)
    name, (value, _) = found.get("X-Origin"), cookie_of(found)
    for _ in range(2):
        again = [answer for n in range(4) for answer in stay(sluice, value, 4, f"/{n}")]
        assert {a.get("X-Origin") for a in again} == {name} and not any(map(cookie_of, again))
        assert sluice.reload(configured(*servers[::-1], sticky=STICKY, balance=policy)).returncode == 0
    with Http2Client(sluice["h2c"]) as visitor:
        found = visitor.get("/", "cookie: a=b", f"cookie: stay={value}")
        assert found.get("x-origin") == name and not cookie_of(found)


@pytest.mark.parametrize("value", ["", "x", "0", "A" * 16, "A" * 22, "127.0.0.1", '"', "=", "%00", "A" * 4000])
def test_a_forged_cookie_is_ignored(edge, named, value):
    """A server is chosen as if there was none, and the client gets a good one."""
    servers = named(3)
    sluice = edge(*servers, sticky=STICKY, balance="round_robin")
    found = stay(sluice, value, 6)
    assert Counter(f.get("X-Origin") for f in found) == {"0": 2, "1": 2, "2": 2}
    assert {cookie_of(f)[0] for f in found} == set(values(sluice).values())


def test_a_cookie_is_set_anew_when_its_server_is_down(edge, named):
    """The client is bound to another one then, and stays there when the first is back."""
    servers = named(3)
    sluice = edge(*servers, sticky=STICKY)
    known = values(sluice)
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/maintenance", "POST").status == 200
    found = stay(sluice, known["0"])[0]
    name, (value, _) = found.get("X-Origin"), cookie_of(found)
    assert name != "0" and value == known[name]
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/ready", "POST").status == 200
    assert {f.get("X-Origin") for f in stay(sluice, value, 6)} == {name}


def test_a_cookie_of_a_server_that_refuses(edge, apps, named):
    """The bound server cannot be connected to: another one answers, and no request is lost."""
    servers = [*named(1), apps(name="dying")]
    sluice = edge(*servers, sticky=STICKY, retry={"attempts": 2})
    known = values(sluice)
    servers[1].refuse()
    for connection in list(servers[1].connections):
        connection.close()
    found = stay(sluice, known["dying"], 5)
    assert {(f.status, f.get("X-Origin")) for f in found} == {(200, "0")}


def test_a_bound_client_whose_server_fails_is_tried_elsewhere(edge, named):
    servers = named(2)
    sluice = edge(*servers, sticky=STICKY, retry={"attempts": 2, "on": ["reset"]})
    known = values(sluice)
    servers[0].play("/die", lambda v: (v.body(), die(v)))
    assert stay(sluice, known["0"], 1, "/die")[0].get("X-Origin") == "1"
    assert stay(sluice, known["0"])[0].get("X-Origin") == "0"


def test_drained_servers_keep_their_clients(edge, named):
    servers = named(2)
    sluice = edge(*servers, sticky=STICKY)
    known = values(sluice)
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/drain", "POST").status == 200
    assert set(who(sluice, 10)) == {"1"}
    found = stay(sluice, known["0"], 5)
    assert {f.get("X-Origin") for f in found} == {"0"} and not any(map(cookie_of, found))


def test_a_full_server_keeps_its_clients(edge, named, gate):
    """While it is full another one answers, and the cookie is not touched: the client comes back later."""
    servers = named(2)
    sluice = edge(*servers, sticky=STICKY, max_connections=1)
    known = values(sluice)
    servers[0].play("/hold", lambda v: (v.body(), gate.wait(PATIENCE), answer(v)))
    join = in_background(lambda _: stay(sluice, known["0"], 1, "/hold")[0].status)
    wait_until(lambda: servers[0].to("/hold"), "the request that fills it")
    found = stay(sluice, known["0"], 3)
    assert {f.get("X-Origin") for f in found} == {"1"} and not any(map(cookie_of, found))
    gate.set()
    assert join() == [200]
    wait_idle(sluice)
    assert stay(sluice, known["0"])[0].get("X-Origin") == "0"


def test_the_cookie_of_the_application_stays_too(edge, apps):
    """Two Set-Cookie lines, ours beside its own; also on answers that are no 200, and none on those of Sluice."""
    server = apps(lambda v: (v.body(), answer(v, 404, b"", "Set-Cookie: session=1; HttpOnly")))
    sluice = edge(server, sticky=STICKY)
    found = ask(sluice)
    assert len(found.all("set-cookie")) == 2 and cookie_of(found) and cookie_of(found, "session")
    server.default = lambda v: (v.body(), die(v))
    found = ask(sluice)
    assert found.status == 502 and not found.all("set-cookie")


# --- backups -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("policy", ["least_connections", "round_robin", "random_two", "least_time", {"hash": "path"}])
def test_backups_are_asked_when_nobody_else_can_be(edge, named, policy):
    servers = named(4)
    sluice = edge(*servers[:2], *({"address": s.address, "backup": True} for s in servers[2:]), balance=policy)
    asked = {origin for n in range(20) for origin in who(sluice, 2, f"/{n}")}
    assert asked == {"0", "1"}
    for one in servers[:2]:
        assert set(who(sluice, 5)) <= {"0", "1"}
        assert sluice.admin(f"/api/pools/app/servers/{one.address}/maintenance", "POST").status == 200
    asked = {origin for n in range(20) for origin in who(sluice, 2, f"/{n}")}
    assert asked == {"2", "3"}
    assert sluice.admin(f"/api/pools/app/servers/{servers[0].address}/ready", "POST").status == 200
    assert set(who(sluice, 10)) == {"0"}
    assert [s["backup"] for s in servers_of(sluice).values()] == [False, False, True, True]


def test_a_backup_takes_over_from_servers_that_refuse(edge, named):
    """Without a client that notices. They are asked first; while they rest, the backup is asked at once."""
    backup = named(1)[0]
    sluice = edge(*(f"127.0.0.1:{free_port()}" for _ in range(4)), {"address": backup.address, "backup": True},
                  retry={"attempts": 5, "on": ["connect"]})
    assert ask(sluice).status == 200 and retries(sluice, "connect") == 4
    assert set(who(sluice, 20)) == {"0"}
