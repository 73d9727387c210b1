"""Bans: of clients that a limit refused again and again, and by hand with `sluice ban`."""

import json
import re
import threading

import pytest

from http2 import Http2Client
from orders import asked, kill, obeyed, order
from pools import metric
from sluice import command, config, pool
from waiting import wait_until

CLIENT, NEIGHBOUR = "203.0.113.7", "203.0.113.8"
LOGIN = {"rate": "1/h", "burst": 1, "key": ["tenant", "client_ip"], "match": {"path": "/login"},
         "ban": {"after": 3, "window": "10m", "for": "1h"}}


def fronted(app, **keys):
    """The client is whom the trusted proxy on this machine names."""
    return config(**{
        "listeners": {"http": "127.0.0.1:0", "h2": {"address": "127.0.0.1:0", "protocols": ["h2c"]}},
        "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"], "pools": {"app": pool(app)},
        "tenants": {"defaults": {"pool": "app"}, "items": {"acme": {"hosts": ["acme.test"]}, "beta": {"hosts": ["beta.test"]}}},
        **keys})


def limited(app, login=None, **keys):
    whole = fronted(app, limits={"login": login or LOGIN}, **keys)
    whole["tenants"]["defaults"]["limits"] = ["login"]
    return whole


def ask(sluice, client, target="/", host="acme.test", *fields):
    return sluice.get(target, *([f"X-Forwarded-For: {client}"] if client else []), *fields, host=host)


def status(sluice, client, host="acme.test", count=6):
    """Of all workers."""
    return {ask(sluice, client, host=host).status for _ in range(count)}


def provoke(sluice, client=CLIENT, host="acme.test", refusals=3):
    for _ in range(refusals + 1):
        ask(sluice, client, "/login", host)


# --- by hand -------------------------------------------------------------------------------------------------

def test_an_address_is_banned_and_nobody_else(start, app):
    sluice = start(fronted(app))
    said = obeyed(sluice, "ban", "add", CLIENT, "--for", "1h", "--reason", "scans")
    assert re.fullmatch(rf"{CLIENT}: banned for all tenants until \S+Z: scans\n", said)
    answer = ask(sluice, CLIENT)
    assert answer.status == 403 and 3500 < int(answer.get("Retry-After")) <= 3600
    assert answer.get("Proxy-Status").startswith("sluice; error=http_request_denied; details=\"this address is banned")
    assert b"scans" not in answer.body and not app.to("/")
    assert status(sluice, CLIENT) == status(sluice, CLIENT, "beta.test") == {403}
    assert status(sluice, CLIENT, "unknown.test") == {403}, "before routing"
    assert status(sluice, NEIGHBOUR) == status(sluice, None) == {200}
    sluice.wait_log(f"{CLIENT} is banned by hand for all tenants until .*: scans")
    assert metric(sluice, "sluice_bans") == 1 and metric(sluice, "sluice_banned_requests_total") == 19
    assert obeyed(sluice, "ban", "lift", CLIENT) == f"{CLIENT}: the ban for all tenants is lifted\n"
    assert status(sluice, CLIENT) == {200} and metric(sluice, "sluice_bans") == 0
    sluice.wait_log(f"the ban of {CLIENT} for all tenants is lifted by hand")


@pytest.mark.parametrize("block, inside, outside", [
    ("203.0.113.0/24", "203.0.113.255", "203.0.112.255"), ("2001:db8:7::/48", "2001:db8:7:ffff::1", "2001:db8:8::1"),
    ("2001:db8::1", "2001:DB8:0::1", "2001:db8::2"), ("203.0.113.7/32", "::ffff:203.0.113.7", "203.0.113.8")])
def test_blocks_of_both_families(start, app, block, inside, outside):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", block)
    assert status(sluice, inside) == {403} and status(sluice, outside) == {200}
    obeyed(sluice, "ban", "lift", block)
    assert status(sluice, inside) == {200}


def test_a_ban_for_one_tenant(start, app):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT, "--tenant", "acme")
    assert status(sluice, CLIENT) == {403} and status(sluice, CLIENT, "beta.test") == {200}
    assert order(sluice, "ban", "lift", CLIENT).returncode == 1, "that for all tenants is another one"
    obeyed(sluice, "ban", "lift", CLIENT, "--tenant", "acme")
    assert status(sluice, CLIENT) == {200}
    done = order(sluice, "ban", "add", CLIENT, "--tenant", "acne")
    assert done.returncode == 1 and 'did you mean "acme"?' in done.stderr


def test_a_body_is_not_read(start, app):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT)
    with sluice.connect() as visitor:
        visitor.send(f"POST / HTTP/1.1\r\nHost: acme.test\r\nX-Forwarded-For: {CLIENT}\r\nContent-Length: 1000000\r\n"
                     "Expect: 100-continue\r\n\r\n".encode())
        answer = visitor.response()
        assert answer.status == 403 and answer.get("Connection") == "close"


def test_over_http2_each_stream_is_its_own_client(start, app):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT)
    with Http2Client(sluice["h2"]) as visitor:
        for client, wanted in ((CLIENT, 403), (NEIGHBOUR, 200), (CLIENT, 403)):
            assert visitor.get("/", ("x-forwarded-for", client), authority="acme.test").status == wanted


def test_a_call_is_told_so_as_grpc_does(start, app):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT)
    answer = ask(sluice, CLIENT, "/", "acme.test", "Content-Type: application/grpc")
    assert answer.status == 200 and answer.get("grpc-status") == "7"
    assert 3500 < int(answer.get("Retry-After")) <= 3600 and answer.get("grpc-retry-pushback-ms") == answer.get("Retry-After") + "000"


def test_only_a_trusted_proxy_names_the_client(start, app):
    """Whoever is not trusted cannot hide behind a name, nor have somebody else banned."""
    sluice = start(fronted(app, trusted_proxies=["10.0.0.0/8"]))
    obeyed(sluice, "ban", "add", CLIENT)
    assert status(sluice, CLIENT) == {200}
    obeyed(sluice, "ban", "add", "127.0.0.1")
    assert status(sluice, NEIGHBOUR) == {403}
    assert sluice.admin("/api/bans").status == 200, "the admin address is not concerned"


@pytest.mark.parametrize("block", ["127.0.0.1", "127.0.0.0/8", "10.1.2.3", "0.0.0.0/0"])
def test_a_proxy_in_front_is_banned_by_force_only(start, app, block):
    sluice = start(fronted(app))
    done = order(sluice, "ban", "add", block)
    assert done.returncode == 1 and "is, or holds, a proxy that is trusted; " in done.stderr and "--force" in done.stderr
    assert status(sluice, None) == {200}
    obeyed(sluice, "ban", "add", block, "--force")
    assert asked(sluice, "ban", "list")["bans"][0]["block"] == block


def test_what_concerns_an_address_is_told(start, app):
    """Where that is no ban, others are not denied; and who lifts the wrong one is told which there is."""
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT, "--tenant", "acme")
    assert obeyed(sluice, "ban", "list", "192.0.2.9") == "no ban concerns 192.0.2.9\n"
    for words, hint in (([CLIENT], "there is one for tenant acme"), ([CLIENT, "--tenant", "beta"], "there is one for tenant acme"),
                        (["203.0.113.0/24"], f"there is one of {CLIENT} for tenant acme"), (["192.0.2.9"], "see: sluice ban list")):
        done = order(sluice, "ban", "lift", *words)
        assert done.returncode == 1 and done.stderr.endswith(f"; {hint}\n"), done


@pytest.mark.parametrize("block", ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"])
def test_everybody_is_banned_by_force_only(start, app, block):
    sluice = start(fronted(app, trusted_proxies=["192.0.2.1"] if ":" in block else ["::1"]))
    done = order(sluice, "ban", "add", block)
    assert done.returncode == 1 and f"{block} is a large part of all clients; " in done.stderr and "--force" in done.stderr
    obeyed(sluice, "ban", "add", block, "--force")
    assert asked(sluice, "ban", "list")["bans"][0]["block"] == block


@pytest.mark.parametrize("block", ["::/0", "::/64"])
def test_a_block_of_one_family_is_not_of_the_other(start, app, block):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", block, "--force")
    assert status(sluice, "::5") == {403} and status(sluice, CLIENT) == status(sluice, None) == {200}
    assert asked(sluice, "ban", "list", CLIENT)["bans"] == []
    obeyed(sluice, "ban", "lift", block)
    obeyed(sluice, "ban", "add", "0.0.0.0/0", "--force")
    assert status(sluice, "::5") == {200} and status(sluice, CLIENT) == {403}


@pytest.mark.parametrize("target, body, problem", [
    ("/api/bans?address=192.0.2.1&untill=1m", "", 'unknown parameter "untill"; did you mean "until"?'),
    ("/api/bans?address=192.0.2.1&for=1m&until=1h", "", '"until" and "for" say the same; one is enough'),
    ("/api/bans?address=192.0.2.1&address=192.0.2.2", "", '"address" is given twice'),
    ("/api/bans?address=192.0.2.1", '{"address": "192.0.2.2"}', '"address" is given twice'),
    ("/api/bans?address=192.0.2.1", "[", "the body is no JSON object"),
    ("/api/bans?address=192.0.2.1", '{"reason": ["a"]}', '"reason" is no single value'),
    ("/api/bans?address=192.0.2.1&reason=%zz", "", 'the value of "reason" is not percent-encoded'),
    ("/api/bans/lift?address=192.0.2.1&until=1h", "", 'unknown parameter "until"'),
    ("/api/tenants/acme/hold?for=1h&tenant=beta", "", 'unknown parameter "tenant"'),
    ("/api/tenants/acme/release", "for=1h", 'unknown parameter "for"')])
def test_orders_that_are_not_understood_are_not_obeyed_in_part(start, app, target, body, problem):
    sluice = start(fronted(app))
    with sluice.connect("admin") as client:
        client.send(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = client.response()
    assert answer.status == 400 and json.loads(answer.body)["errors"][0]["message"] == problem
    assert asked(sluice, "ban", "list")["bans"] == [] and asked(sluice, "tenant", "list")["tenants"] == []
    assert sluice.admin("/api/bans?adress=192.0.2.1").status == 400, "no list that says all is well"


def test_null_is_nothing(start, app):
    sluice = start(fronted(app))
    with sluice.connect("admin") as client:
        body = '{"address": "192.0.2.1", "reason": null, "tenant": null}'
        client.send(f"POST /api/bans HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        assert client.response().status == 200
    [ban] = asked(sluice, "ban", "list")["bans"]
    assert (ban["reason"], ban["tenant"]) == ("", "")


def test_it_ends_by_itself(start, app):
    sluice = start(fronted(app))
    obeyed(sluice, "ban", "add", CLIENT, "--for", "1s")
    assert ask(sluice, CLIENT).get("Retry-After") == "1"
    wait_until(lambda: ask(sluice, CLIENT).status == 200, "the end of the ban")
    wait_until(lambda: metric(sluice, "sluice_bans") == 0, "the ban to be forgotten")


def test_it_survives_a_kill_and_a_reload(start, app, tmp_path):
    whole = fronted(app, state=str(tmp_path))
    first = start(whole)
    obeyed(first, "ban", "add", CLIENT, "--for", "1h", "--reason", "scans")
    obeyed(first, "ban", "add", "2001:db8::/32", "--tenant", "acme")
    obeyed(first, "ban", "add", NEIGHBOUR)
    obeyed(first, "ban", "lift", NEIGHBOUR)
    assert first.reload(whole).returncode == 0
    before = asked(first, "ban", "list")["bans"]
    kill(first)
    second = start(whole)
    assert status(second, CLIENT) == {403} and status(second, NEIGHBOUR) == {200}
    assert status(second, "2001:db8::9") == {403} and status(second, "2001:db8::9", "beta.test") == {200}
    after = asked(second, "ban", "list")["bans"]
    assert [{**one, "ends_in_s": 0, "refused": 0} for one in after] == [{**one, "ends_in_s": 0, "refused": 0} for one in before]


def test_others_are_served_meanwhile(start, app):
    sluice = start(fronted(app))
    over, seen = threading.Event(), set()

    def visit(client):
        with sluice.connect() as visitor:
            while not over.is_set():
                seen.add(visitor.get("/", f"X-Forwarded-For: {client}", host="acme.test").status)

    visitors = [threading.Thread(target=visit, args=(f"198.51.100.{i}",)) for i in range(4)]
    for visitor in visitors:
        visitor.start()
    for _ in range(5):
        obeyed(sluice, "ban", "add", "203.0.113.0/24")
        assert status(sluice, CLIENT, count=2) == {403}
        obeyed(sluice, "ban", "lift", "203.0.113.0/24")
        assert status(sluice, CLIENT, count=2) == {200}
    over.set()
    for visitor in visitors:
        visitor.join()
    assert seen == {200}


def test_add_again_changes_the_end_and_what_else_is_given(start, app, tmp_path):
    """Its reason, since when, and how many were refused stay."""
    sluice = start(fronted(app, state=str(tmp_path)))
    obeyed(sluice, "ban", "add", CLIENT, "--for", "1h", "--reason", "scans")
    assert status(sluice, CLIENT, count=2) == {403}
    [first] = asked(sluice, "ban", "list")["bans"]
    assert re.fullmatch(rf"{CLIENT}: banned for all tenants until \S+Z: scans \(as before\)\n", obeyed(sluice, "ban", "add", CLIENT, "--for", "2h"))
    [again] = asked(sluice, "ban", "list")["bans"]
    assert again["until"] > first["until"]
    assert {**again, "until": 0, "ends_in_s": 0} == {**first, "until": 0, "ends_in_s": 0} and again["refused"] == 2
    told = asked(sluice, "ban", "add", CLIENT, "--for", "2h", "--reason", "guesses")
    assert told["reason"] == "guesses" and not told["reason_kept"]
    told = asked(sluice, "ban", "add", CLIENT)
    assert told["reason"] == "guesses" and told["reason_kept"]
    assert asked(sluice, "ban", "add", CLIENT, "--tenant", "acme")["reason"] == "", "that is another ban"


def test_a_wrong_address_is_no_all_clear(start, app):
    done = order(start(fronted(app)), "ban", "list", "garbage")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", 'sluice: "garbage" is no address\n')


# --- by a limit ----------------------------------------------------------------------------------------------

def test_refusals_make_a_ban(start, app, tmp_path):
    """The third within the window, on whatever worker; then nothing of that tenant is served, by 429."""
    sluice = start(limited(app, log={"access": str(tmp_path / "access.log")}))
    assert [ask(sluice, CLIENT, "/login").status for _ in range(3)] == [200, 429, 429]
    assert status(sluice, CLIENT) == {200}, "one less than it takes"
    assert ask(sluice, CLIENT, "/login").status == 429
    answer = ask(sluice, CLIENT)
    assert answer.status == 429 and 3500 < int(answer.get("Retry-After")) <= 3600
    assert "this address is banned" in answer.get("Proxy-Status")
    assert status(sluice, CLIENT) == {429} and status(sluice, CLIENT, "beta.test") == status(sluice, NEIGHBOUR) == {200}
    sluice.wait_log(f"warn {CLIENT} is banned by limit login for tenant acme for 3600 s")
    [ban] = asked(sluice, "ban", "list")["bans"]
    assert (ban["block"], ban["tenant"], ban["by"], ban["limit"]) == (CLIENT, "acme", "limit", "login")
    assert re.search(rf"^{CLIENT} +acme +limit login ", obeyed(sluice, "ban"), re.M)
    assert obeyed(sluice, "ban", "lift", CLIENT, "--tenant", "acme")
    assert status(sluice, CLIENT) == {200}
    sluice.stop()
    lines = [json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines()]
    assert {line.get("limited") for line in lines} == {None, "login", "ban"}


def test_without_the_tenant_in_the_key_it_is_for_all(start, app):
    sluice = start(limited(app, {**LOGIN, "key": ["client_ip"]}))
    provoke(sluice)
    assert status(sluice, CLIENT) == status(sluice, CLIENT, "beta.test") == status(sluice, CLIENT, "unknown.test") == {429}
    assert status(sluice, NEIGHBOUR) == {200}


def test_the_block_is_that_of_the_limit(start, app):
    sluice = start(limited(app, {**LOGIN, "v4_prefix": 24}))
    provoke(sluice)
    assert status(sluice, NEIGHBOUR) == {429} and status(sluice, "203.0.112.7") == {200}
    provoke(sluice, "2001:db8::1")
    assert status(sluice, "2001:db8::ffff") == {429} and status(sluice, "2001:db8:0:1::") == {200}


def test_a_proxy_in_front_is_never_banned_by_a_limit(start, app):
    """It forgot to say for whom it asks: that must not cut off all its clients."""
    sluice = start(limited(app))
    provoke(sluice, None, refusals=10)
    assert status(sluice, None) == status(sluice, CLIENT) == {200}
    assert asked(sluice, "ban", "list")["bans"] == []


def test_a_ban_by_a_limit_ends_and_is_not_kept(start, app, tmp_path):
    sluice = start(limited(app, {**LOGIN, "ban": {**LOGIN["ban"], "for": "1s"}}, state=str(tmp_path)))
    provoke(sluice)
    wait_until(lambda: ask(sluice, CLIENT).status == 200, "the end of the ban")
    provoke(sluice, NEIGHBOUR)
    kill(sluice)
    assert status(start(limited(app, state=str(tmp_path))), NEIGHBOUR) == {200}


def test_a_ban_by_a_limit_is_kept_over_a_reload(start, app):
    sluice = start(limited(app))
    provoke(sluice)
    assert sluice.reload(limited(app)).returncode == 0
    assert status(sluice, CLIENT) == {429}


# --- the words -----------------------------------------------------------------------------------------------

def test_bans_are_listed(start, app):
    sluice = start(fronted(app))
    assert obeyed(sluice, "ban") == obeyed(sluice, "ban", "list") == "nobody is banned\n"
    obeyed(sluice, "ban", "add", "203.0.113.0/24", "--until", "+2h", "--reason", "scans")
    obeyed(sluice, "ban", "add", "198.51.100.9")
    ask(sluice, CLIENT)
    told = asked(sluice, "ban", "list")["bans"]
    assert [(one["block"], one["by"], one["refused"]) for one in told] == [("203.0.113.0/24", "hand", 1), ("198.51.100.9", "hand", 0)]
    assert 3590 < told[1]["ends_in_s"] <= 3600, "an hour, where nothing is said"
    lines = obeyed(sluice, "ban", "list").splitlines()
    assert re.fullmatch(r"203\.0\.113\.0/24 +all +hand +\S+Z +1 +scans", lines[1])
    assert [one["block"] for one in asked(sluice, "ban", "list", CLIENT)["bans"]] == ["203.0.113.0/24"]
    assert obeyed(sluice, "ban", "list", "192.0.2.1") == "no ban concerns 192.0.2.1\n"


@pytest.mark.parametrize("words, code, problem", [
    (["add"], 2, "add needs an address or a block"), (["lift"], 2, "lift needs an address or a block"),
    (["add", CLIENT, "--for", "soon"], 2, "soon"), (["ad", CLIENT], 2, 'did you mean "add"?'),
    (["lift", CLIENT, "--for", "1h"], 2, "--for is of no use to lift"),
    (["add", "203.0.113.7/24"], 1, "no address and no block"), (["add", "example.com"], 1, "no address and no block"),
    (["add", CLIENT, "--reason", "x" * 201], 2, "200 bytes at most"),
    (["lift", CLIENT, "--force"], 2, "--force is of no use to lift"), (["list", "--tenant", "acme"], 2, "--tenant is of no use to list"),
    (["lift", CLIENT], 1, f"there is no ban of {CLIENT} for all tenants; see: sluice ban list")])
def test_words_that_are_wrong(start, app, words, code, problem):
    done = order(start(fronted(app)), "ban", *words)
    assert done.returncode == code and problem in done.stderr, done


def test_without_a_process_the_exit_code_says_so(tmp_path):
    for verb in ("ban", "tenant"):
        assert command(verb, "list", "--admin", f"unix:{tmp_path}/none.sock").returncode == 4


def test_programs_ask_over_the_admin_address(start, app):
    sluice = start(fronted(app))
    answer = sluice.admin(f"/api/bans?address={CLIENT}&for=1h&reason=scans", "POST")
    told = json.loads(answer.body)
    assert answer.status == 200 and (told["block"], told["tenant"], told["reason"]) == (CLIENT, "", "scans")
    assert status(sluice, CLIENT) == {403}
    assert sluice.admin(f"/api/bans/lift?address={CLIENT}", "POST").status == 200
    assert status(sluice, CLIENT) == {200}
    for target, wanted in (("/api/bans", 400), ("/api/bans?address=x", 400), (f"/api/bans/lift?address={CLIENT}", 404),
                           ("/api/bans?address=127.0.0.1", 409), (f"/api/bans?address={CLIENT}&tenant=zzz", 404)):
        assert sluice.admin(target, "POST").status == wanted, target
    refusal = sluice.admin("/api/bans", "PUT")
    assert refusal.status == 405 and refusal.get("Allow") == "GET, HEAD, POST"
