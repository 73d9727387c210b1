"""`outlier`: servers that their traffic shows to be ill are left alone for a while, and never too many of them."""

import json

import pytest

from failing import (FAILURES, LISTENERS, answer, ask, die, ejected, ejection_lengths, metric, mute, servers_of, state, status)
from ports import free_port
from sluice import config, pool
from waiting import wait_until

LONG = {"ejection": "60s", "consecutive_errors": 3, "max_ejected": 100}


def failing_with(fail):
    return lambda visit: (visit.body(), fail(visit))


def configured(*servers, outlier=None, pools=None, **keys):
    """Without retries, so that each request is one try; over one worker, so that turns are exact."""
    keys = {"retry": "off", "balance": "round_robin", **keys}
    whole = {"app": pool(*servers, outlier=LONG if outlier is None else outlier, **keys), **(pools or {})}
    routes = [*({"path": f"/{name}", "pool": name} for name in pools or ()), {"pool": "app"}]
    return config(pools=whole, routes=routes, listeners=LISTENERS, workers=1)


def edge(start, *servers, **keys):
    return start(configured(*servers, **keys))


def ask_until(sluice, happened, what, path="/"):
    """Requests, one after the other, until it has happened."""
    with sluice.connect() as visitor:
        return wait_until(lambda: (visitor.get(path), happened())[1], what)


# --- ejection ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("h2", [False, True], ids=["to-h1", "to-h2"])
@pytest.mark.parametrize("kind,said", [("reset", None), ("timeout", None), ("status", "status 503, 3 failures in a row")])
def test_failures_in_a_row_eject(start, apps, h2apps, kind, said, h2):
    """Said in the log, in /api/pools with the reason, and in the metrics; no request goes there then."""
    good, bad = (h2apps if h2 else apps)(name="good"), (h2apps if h2 else apps)(failing_with(FAILURES[kind]), name="bad")
    sluice = edge(start, good, bad, timeouts={"first_byte": "100ms"}, protocol="h2" if h2 else "http/1.1")
    for _ in range(6):
        ask(sluice)
    assert len(bad.visits) == 3 and state(sluice, bad) == "ejected" and state(sluice, good) == "up"
    for _ in range(20):
        assert ask(sluice).status == 200
    assert len(bad.visits) == 3
    told = servers_of(sluice)[bad.address]["ejections"]
    assert told["count"] == 1 and 50 < told["ends_in_s"] <= 60
    assert said is None or told["reason"] == said
    assert "3 failures in a row" in told["reason"]
    found = sluice.wait_log(rf"pool app: server {bad.address} is ejected for 60\.0 s: (.*)")
    assert found[1] == told["reason"]
    assert metric(sluice, "sluice_upstream_ejections_total", pool="app", server=bad.address) == 1
    assert metric(sluice, "sluice_upstream_ejections_total", pool="app", server=good.address) == 0
    assert metric(sluice, "sluice_upstream_up", pool="app", server=bad.address) == 0


def test_refused_connections_eject(start, app):
    """Beyond the rest that each of them brings; no client sees it, for another server is asked."""
    port = free_port()
    sluice = edge(start, app, f"127.0.0.1:{port}", outlier={**LONG, "consecutive_errors": 2}, retry={"attempts": 2})
    with sluice.connect() as visitor:
        wait_until(lambda: visitor.get().status == 200 and ejected(sluice) == [f"127.0.0.1:{port}"], "an ejection")
    assert "2 failures in a row" in servers_of(sluice)[f"127.0.0.1:{port}"]["ejections"]["reason"]


def test_many_workers_count_together(start, apps):
    good, bad = apps(name="good"), apps(failing_with(status(503)), name="bad")
    sluice = start(config(pools={"app": pool(good, bad, outlier={**LONG, "consecutive_errors": 8}, retry="off")},
                          routes=[{"pool": "app"}], workers=4))
    wait_until(lambda: ask(sluice) and ejected(sluice) == [bad.address], "an ejection")
    assert len(bad.visits) == 8


@pytest.mark.parametrize("errors,fail,out", [
    (["5xx"], status(500), True), (None, status(500), False), (["503"], die, False), (["reset"], status(503), False),
    (["connect", "timeout"], die, False), (["reset"], mute, False), ([500], status(500), True), (None, status(504), True),
    (None, status(404), False), (None, status(429), False), (["reset"], lambda v: (v.send(b"nonsense\r\n\r\n"), v.close()), True),
])
def test_what_counts(start, apps, errors, fail, out):
    """`errors`; by default connect, reset, timeout, 502, 503 and 504. A 404 is an answer like any other."""
    good, bad = apps(name="good"), apps(failing_with(fail), name="bad")
    outlier = LONG if errors is None else {**LONG, "errors": [int(e) if str(e).isdigit() else e for e in errors]}
    sluice = edge(start, good, bad, outlier=outlier, timeouts={"first_byte": "50ms"})
    for _ in range(10):
        ask(sluice)
    assert ejected(sluice) == ([bad.address] if out else [])
    assert len(bad.visits) == (3 if out else 5)


def test_clients_that_leave_do_not_count(start, apps):
    """Ten are gone before the answer: the server is not to blame. Three real failures are enough."""
    good, bad = apps(name="good"), apps(name="bad")
    for one in (good, bad):
        one.play("/wait", failing_with(mute))
        one.play("/die", failing_with(status(503)))
    sluice = edge(start, good, bad)
    for number in range(10):
        with sluice.connect() as visitor:
            visitor.send(b"GET /wait HTTP/1.1\r\nHost: app.test\r\n\r\n")
            wait_until(lambda: len(good.to("/wait")) + len(bad.to("/wait")) == number + 1, "the request")  # noqa: B023
            visitor.reset()
    for one in (good, bad):
        for visit in one.to("/wait"):
            one.wait_done(visit)
    assert len(good.to("/wait")) == 5 and not ejected(sluice)
    for _ in range(6):
        ask(sluice, path="/die")
    assert len(ejected(sluice)) == 2


def test_a_good_answer_in_between_begins_anew(start, apps):
    """Three in a row means in a row."""
    good, bad = apps(name="good"), apps(name="bad")
    bad.play("/die", failing_with(status(503)))
    sluice = edge(start, good, bad)
    for _ in range(5):
        for path in ("/die", "/die", "/fine"):
            ask(sluice, path=path), ask(sluice, path=path)
    assert len(bad.to("/die")) == 10 and not ejected(sluice)
    for _ in range(6):
        ask(sluice, path="/die")
    assert ejected(sluice) == [bad.address]


@pytest.mark.parametrize("outlier", ["off", {"consecutive_errors": 0, "error_rate": 100}])
def test_off(start, apps, outlier):
    good, bad = apps(name="good"), apps(failing_with(status(503)), name="bad")
    sluice = edge(start, good, bad, outlier=outlier)
    for _ in range(40):
        ask(sluice)
    assert len(bad.visits) == 20 and not ejected(sluice)


# --- coming back -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("most,lengths", [("60s", [0.8, 1.6]), ("1s", [0.8, 1.0])])
def test_it_comes_back_and_one_failure_ejects_it_for_longer(start, apps, most, lengths):
    """On probation one is enough; `ejection_max` bounds how long it is out."""
    good, bad = apps(name="good"), apps(failing_with(status(503)), name="bad")
    sluice = edge(start, good, bad, outlier={**LONG, "ejection": "800ms", "ejection_max": most})
    ask_until(sluice, lambda: len(ejection_lengths(sluice, bad)) == 2, "a second ejection")
    assert ejection_lengths(sluice, bad) == lengths
    assert len(bad.visits) == 4, "three to be ejected, one on probation"
    assert "on probation" in servers_of(sluice)[bad.address]["ejections"]["reason"]
    bad.default = answer
    ask_until(sluice, lambda: state(sluice, bad) == "up" and len(bad.visits) > 6, "its return")


def test_who_behaved_begins_anew(start, apps):
    """After a probation without failure it takes three again, and the first length. A second pool tells the time:
    its server is out for as long as probation of the first one lasts, and more."""
    good, bad, slow_good, slow_bad = apps(), apps(failing_with(status(503))), apps(), apps(failing_with(status(503)))
    pools = {"slow": pool(slow_good, slow_bad, outlier={**LONG, "ejection": "900ms"}, retry="off", balance="round_robin")}
    sluice = edge(start, good, bad, outlier={**LONG, "ejection": "300ms"}, pools=pools)
    ask_until(sluice, lambda: ejection_lengths(sluice, bad), "the ejection")
    bad.default = answer
    ask_until(sluice, lambda: ejection_lengths(sluice, slow_bad), "the other ejection", "/slow")
    ask_until(sluice, lambda: not ejected(sluice, "slow"), "the time to pass")
    bad.default = failing_with(status(503))
    before = len(bad.visits)
    ask_until(sluice, lambda: len(ejection_lengths(sluice, bad)) == 2, "the next ejection")
    assert ejection_lengths(sluice, bad) == [0.3, 0.3] and len(bad.visits) - before == 3


# --- never too many ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("servers,share,out", [(5, None, 2), (5, 100, 5), (1, None, 0), (2, None, 1), (5, 0, 0), (3, 33, 0), (3, 34, 1)])
def test_the_share_that_may_be_out(start, apps, servers, share, out):
    """Half unless set. The others go on being asked, ill as they are; with all of them out nobody is."""
    running = [apps(failing_with(status(503)), name=str(number)) for number in range(servers)]
    outlier = {"ejection": "60s", "consecutive_errors": 3} | ({} if share is None else {"max_ejected": share})
    sluice = edge(start, *running, outlier=outlier)
    for _ in range(60):
        assert ask(sluice).status == 503
    assert len(ejected(sluice)) == out
    assert metric(sluice, "sluice_upstream_ejections_total", pool="app") == out
    assert sum(len(s.visits) for s in running) == (15 if out == 5 else 60)
    found = ask(sluice)
    if out == servers:
        assert "destination_unavailable" in found.get("Proxy-Status") and int(found.get("Retry-After")) > 0
    else:
        assert found.get("Proxy-Status") is None and found.body.startswith(b"503 of ")


# --- error rates -------------------------------------------------------------------------------------------------

RATE = {"consecutive_errors": 0, "error_rate": 20, "min_requests": 10, "interval": "1s", "ejection": "60s"}


def half_bad(visit):
    visit.body()
    bad = len(visit.upstream.visits) % 2
    answer(visit, 503 if bad else 200)


@pytest.mark.parametrize("ill,rules,out", [
    ([4], {}, [4]), ([0, 1, 2, 3, 4], {}, []), ([4], {"min_requests": 1000000}, []), ([4], {"error_rate": 41}, []),
])
def test_rates_are_held_against_the_mean(start, apps, ill, rules, out):
    """One with 50 % among others without: the mean is 10 %. When all are ill none stands out. Another pool, whose
    windows begin later, shows that one has passed."""
    running = [apps(half_bad if number in ill else failing_with(answer), name=str(number)) for number in range(5)]
    clock = [apps(half_bad if number == 0 else failing_with(answer)) for number in range(5)]
    sluice = edge(start, *running, outlier={**RATE, **rules},
                  pools={"clock": pool(*clock, outlier=RATE, retry="off", balance="round_robin")})
    with sluice.connect() as visitor:
        wait_until(lambda: [visitor.get(path) for _ in range(10) for path in ("/", "/clock")] and ejected(sluice, "clock"),
                   "an ejection", pause=0)
    assert ejected(sluice) == [running[number].address for number in out]
    if out:
        assert "% of its requests failed" in servers_of(sluice)[running[4].address]["ejections"]["reason"]


# --- with the rest -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes", [{}, {"timeouts": {"first_byte": "7s"}}, {"balance": "least_connections"}])
def test_an_ejection_outlives_a_reload(start, apps, changes):
    """So does the number of it; a server that is new comes without a past."""
    good, bad, new = apps(name="good"), apps(failing_with(status(503)), name="bad"), apps(name="new")
    sluice = edge(start, good, bad)
    for _ in range(6):
        ask(sluice)
    assert ejected(sluice) == [bad.address]
    assert sluice.reload(configured(good, bad, new, **changes)).returncode == 0
    assert ejected(sluice) == [bad.address]
    assert servers_of(sluice)[bad.address]["ejections"]["count"] == 1
    for _ in range(10):
        assert ask(sluice).status == 200
    assert len(bad.visits) == 3 and new.visits


def test_failures_before_a_reload_count(start, apps):
    """Two before and one after are three in a row."""
    good, bad = apps(name="good"), apps(failing_with(status(503)), name="bad")
    sluice = edge(start, good, bad)
    for _ in range(4):
        ask(sluice)
    assert not ejected(sluice)
    assert sluice.reload().returncode == 0
    for _ in range(2):
        ask(sluice)
    assert ejected(sluice) == [bad.address] and len(bad.visits) == 3


def test_the_pools_of_a_server_judge_it_apart(start, apps):
    """One address in two pools; ill only in the requests of one of them."""
    good, bad = apps(name="good"), apps(name="bad")
    bad.play("/other", failing_with(status(503)))
    sluice = edge(start, good, bad, pools={"other": pool(good, bad, outlier=LONG, retry="off", balance="round_robin")})
    for _ in range(10):
        ask(sluice, path="/other"), ask(sluice)
    assert ejected(sluice, "other") == [bad.address] and not ejected(sluice)


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_a_server_too_slow_among_five_costs_three_tries(start, apps, http2):
    """With retries no client sees it, and after its third timeout nobody waits for it any more."""
    running = [apps(name=str(number)) for number in range(4)] + [apps(failing_with(mute), name="slow")]
    sluice = edge(start, *running, retry={"attempts": 3, "on": ["timeout"], "per_try_timeout": "100ms"})
    assert all(ask(sluice, http2=http2).status == 200 for _ in range(40))
    assert ejected(sluice) == [running[4].address] and len(running[4].visits) == 3
    assert json.dumps(servers_of(sluice)).count("ejections") == 1
