"""`sluice tenant hold`: 503 for one tenant on all its hosts, for a while; kept over reloads and over a restart."""

import json
import os
import re
import subprocess
import threading

import pytest

from http2 import Http2Client
from orders import asked, kill, obeyed, order
from pools import metric
from sluice import binary, command, config, pool
from waiting import wait_until

HOSTS = ("one.acme.test", "two.acme.test", "acme.example.test")
LONG = ("--until", "+1h")


def tenants(app, **keys):
    return config(**{
        "listeners": {"http": "127.0.0.1:0", "h2": {"address": "127.0.0.1:0", "protocols": ["h2c"]}},
        "trusted_proxies": ["127.0.0.1"], "pools": {"app": pool(app)},
        "tenants": {"from_host": "{tenant}.example.test", "defaults": {"pool": "app"},
                    "items": {"acme": {"hosts": ["one.acme.test", "two.acme.test"]}, "beta": {"hosts": ["beta.test"]}}},
        **keys})


def status(sluice, host, count=8):
    """The statuses of so many requests, each on a connection of its own: of all workers."""
    return {sluice.get(host=host).status for _ in range(count)}


def held(sluice):
    return [one["tenant"] for one in asked(sluice, "tenant", "list")["tenants"]]


# --- what it does --------------------------------------------------------------------------------------------

def test_a_tenant_is_held_on_all_its_hosts_and_nobody_else(start, app):
    """On connections that are open as well; `release` ends it."""
    sluice = start(tenants(app))
    with sluice.connect() as visitor:
        assert visitor.get("/", host=HOSTS[0]).status == 200
        assert re.fullmatch(r"tenant acme: on hold until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: moving house\n",
                            obeyed(sluice, "tenant", "hold", "acme", *LONG, "--reason", "moving house"))
        answer = visitor.get("/", host=HOSTS[0])
        assert answer.status == 503 and 3500 < int(answer.get("Retry-After")) <= 3600
        assert answer.get("Proxy-Status").startswith("sluice; error=http_request_denied; details=\"the tenant is on hold")
        assert visitor.get("/", host="beta.test").status == 200
        for host in HOSTS:
            assert status(sluice, host) == {503}, host
        assert status(sluice, "beta.test") == status(sluice, "other.example.test") == {200}
        assert len(app.to("/")) == 18
        sluice.wait_log("tenant acme is put on hold by hand until .*: moving house")
        assert metric(sluice, "sluice_tenants_held") == 1 and metric(sluice, "sluice_held_requests_total") == 25
        assert obeyed(sluice, "tenant", "release", "acme") == "tenant acme: released\n"
        assert visitor.get("/", host=HOSTS[0]).status == 200
    sluice.wait_log("tenant acme is released by hand")
    assert status(sluice, HOSTS[1]) == {200} and metric(sluice, "sluice_tenants_held") == 0


def test_a_body_is_not_read(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    with sluice.connect() as visitor:
        visitor.send(b"POST / HTTP/1.1\r\nHost: one.acme.test\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
        answer = visitor.response()
        assert answer.status == 503 and answer.get("Connection") == "close"


def test_http2_streams_are_held_one_by_one(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    with Http2Client(sluice["h2"]) as visitor:
        assert visitor.get("/", authority="one.acme.test").status == 503
        assert visitor.get("/", authority="beta.test").status == 200


def test_a_call_is_told_when_to_come_back(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    answer = sluice.get("/", "Content-Type: application/grpc", host=HOSTS[0])
    assert answer.status == 200 and answer.get("grpc-status") == "14"
    assert 3500 < int(answer.get("Retry-After")) <= 3600 and answer.get("grpc-retry-pushback-ms") == answer.get("Retry-After") + "000"


def test_a_tenant_that_is_known_by_its_host_alone(start, app):
    sluice = start(tenants(app))
    done = order(sluice, "tenant", "hold", "gamma", *LONG)
    assert done.returncode == 0 and 'tenant "gamma" is not listed' in done.stderr
    assert status(sluice, "gamma.example.test") == {503} and status(sluice, "delta.example.test") == {200}
    assert held(sluice) == ["gamma"]


def test_the_reason_is_for_insiders(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG, "--reason", "unpaid bill")
    assert b"the tenant is on hold: unpaid bill" in sluice.get(host=HOSTS[0]).body
    stranger = sluice.get("/", "X-Forwarded-For: 203.0.113.9", "Accept: text/html", host=HOSTS[0])
    assert stranger.status == 503 and b"the tenant is on hold</p>" in stranger.body
    assert b"unpaid" not in stranger.body and "unpaid" not in stranger.get("Proxy-Status")


def test_it_ends_by_itself(start, app, tmp_path):
    sluice = start(tenants(app, state=str(tmp_path)))
    obeyed(sluice, "tenant", "hold", "acme", "--for", "1s")
    assert sluice.get(host=HOSTS[0]).get("Retry-After") == "1"
    wait_until(lambda: sluice.get(host=HOSTS[0]).status == 200, "the end of the hold")
    sluice.wait_log("tenant acme is on hold no more: its time is over")
    wait_until(lambda: metric(sluice, "sluice_tenants_held") == 0, "nobody to be held")
    assert held(sluice) == []


def test_others_are_served_while_orders_come_and_go(start, app):
    sluice = start(tenants(app))
    over, seen = threading.Event(), set()

    def visit():
        with sluice.connect() as visitor:
            while not over.is_set():
                seen.add(visitor.get("/", host="beta.test").status)

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for _ in range(5):
        obeyed(sluice, "tenant", "hold", "acme", *LONG)
        assert status(sluice, HOSTS[0], 2) == {503}
        obeyed(sluice, "tenant", "release", "acme")
        assert status(sluice, HOSTS[0], 2) == {200}
    over.set()
    for visitor in visitors:
        visitor.join()
    assert seen == {200}


def test_the_access_log_says_so(start, app, tmp_path):
    sluice = start(tenants(app, log={"access": str(tmp_path / "access.log")}))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    sluice.get(host=HOSTS[0])
    sluice.stop()
    line = json.loads((tmp_path / "access.log").read_text().splitlines()[0])
    assert (line["status"], line["tenant"], line["limited"], line["error"]) == (503, "acme", "hold", "http_request_denied")


# --- what outlives what --------------------------------------------------------------------------------------

def test_it_is_kept_over_a_reload(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    assert sluice.reload(tenants(app, workers=2, log={"level": "debug"})).returncode == 0
    assert status(sluice, HOSTS[0]) == {503} and held(sluice) == ["acme"]
    assert sluice.hang_up() == "applied"
    assert status(sluice, HOSTS[0]) == {503}
    obeyed(sluice, "tenant", "release", "acme")
    assert status(sluice, HOSTS[0]) == {200}


def test_what_is_acknowledged_survives_a_kill(start, app, tmp_path):
    """With its end and its reason; what was released stays so."""
    whole = tenants(app, state=str(tmp_path))
    first = start(whole)
    obeyed(first, "tenant", "hold", "acme", *LONG, "--reason", 'a "reason" of three')
    obeyed(first, "tenant", "hold", "beta", *LONG)
    obeyed(first, "tenant", "release", "beta")
    [before] = asked(first, "tenant", "list")["tenants"]
    kill(first)
    second = start(whole)
    second.wait_log('tenant acme is still on hold until .*: a "reason" of three')
    assert status(second, HOSTS[0]) == {503} and status(second, "beta.test") == {200}
    [after] = asked(second, "tenant", "list")["tenants"]
    assert after["hold"]["until"] == before["hold"]["until"] and after["hold"]["reason"] == 'a "reason" of three'
    assert (tmp_path / "orders.json").stat().st_mode & 0o777 == 0o600


def test_what_ended_while_nothing_ran_is_over(start, app, tmp_path):
    (tmp_path / "orders.json").write_text(
        '{"version":1,"holds":[{"tenant":"acme","until":"2020-01-01T00:00:00.000Z","reason":""}],"bans":[]}')
    sluice = start(tenants(app, state=str(tmp_path)))
    assert status(sluice, HOSTS[0]) == {200} and held(sluice) == []


def test_the_directory_of_the_service_is_used(start, app, tmp_path):
    """systemd names it, perhaps among others."""
    first = start(tenants(app), env={"STATE_DIRECTORY": f"{tmp_path}:/nowhere"})
    assert order(first, "tenant", "hold", "acme", *LONG).stderr == ""
    kill(first)
    assert status(start(tenants(app), env={"STATE_DIRECTORY": f"{tmp_path}:/nowhere"}), HOSTS[0]) == {503}


def test_without_a_directory_it_says_that_a_restart_ends_it(start, app):
    done = order(start(tenants(app), env={"STATE_DIRECTORY": ""}), "tenant", "hold", "acme", *LONG)
    assert done.returncode == 0
    assert done.stderr == "sluice: warning: not kept over a restart: no state directory\n"


def test_a_reload_moves_it_to_another_directory(start, app, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    sluice = start(tenants(app, state=str(old)))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    assert sluice.reload(tenants(app, state=str(new))).returncode == 0
    kill(sluice)
    assert status(start(tenants(app, state=str(new))), HOSTS[0]) == {503}


@pytest.mark.parametrize("text", ["", "{", "[]", "\0\xff", '{"version":2,"holds":[],"bans":[]}', '{"version":1,"holds":[{}],"bans":[]}'])
def test_a_file_that_cannot_be_understood_is_moved_aside(start, app, tmp_path, text):
    (tmp_path / "orders.json").write_bytes(text.encode("latin-1"))
    sluice = start(tenants(app, state=str(tmp_path)))
    sluice.wait_log("warn .*orders.json cannot be understood: moved to .*orders.json.corrupt-")
    [aside] = tmp_path.glob("orders.json.corrupt-*")
    assert aside.read_bytes() == text.encode("latin-1")
    assert status(sluice, HOSTS[0]) == {200}
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    kill(sluice)
    assert status(start(tenants(app, state=str(tmp_path))), HOSTS[0]) == {503}


def test_a_reload_into_a_directory_with_orders_overwrites_none(start, app, tmp_path):
    """They are not in force: who left them, and what has become of them since, nobody knows."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    first = start(tenants(app, state=str(new)))
    obeyed(first, "tenant", "hold", "beta", *LONG)
    kill(first)
    left = (new / "orders.json").read_bytes()
    sluice = start(tenants(app, state=str(old)))
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    done = sluice.reload(tenants(app, state=str(new)))
    [aside] = new.glob("orders.json.before-*")
    assert done.returncode == 0 and f"not in force: moved to {aside}" in done.stderr
    assert aside.read_bytes() == left and held(sluice) == ["acme"]
    done = sluice.reload(tenants(app, state=str(new) + "/"))
    assert done.stderr == "" and len(list(new.glob("orders.json*"))) == 2, "that is the same one"


def test_two_processes_do_not_share_a_directory(start, app, tmp_path):
    """Else what one acknowledged the other would overwrite."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    own.mkdir()
    first = start(tenants(app, state=str(shared)))
    file = tmp_path / "second.yaml"
    file.write_text(json.dumps(tenants(app, state=str(shared))).replace("unix:admin.sock", "off"))
    done = command("run", "--config", file)
    assert done.returncode == 1 and f"state: {shared} is in use by another process" in done.stderr
    assert command("check", "--config", file).returncode == 0
    second = start(tenants(app, state=str(own)))
    obeyed(second, "tenant", "hold", "beta", *LONG)
    done = second.reload(tenants(app, state=str(shared)))
    assert done.returncode == 0 and f"is in use by another process: each needs one of its own; what must survive a restart stays in {own}" in done.stderr
    obeyed(first, "tenant", "hold", "acme", *LONG)
    obeyed(second, "tenant", "hold", "acme", *LONG)
    kill(first)
    assert held(start(tenants(app, state=str(shared)))) == ["acme"]


def test_what_cannot_be_written_is_not_acknowledged(start, app, tmp_path):
    """Taking back works all the same: whoever banned too much must not have to wait for the disk."""
    (tmp_path / "state").mkdir()
    whole = tenants(app, state=str(tmp_path / "state"))
    sluice = start(whole)
    obeyed(sluice, "tenant", "hold", "beta", *LONG)
    obeyed(sluice, "ban", "add", "192.0.2.1")
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    for words in (["tenant", "hold", "acme", *LONG], ["ban", "add", "192.0.2.2"]):
        done = order(sluice, *words)
        assert done.returncode == 1 and "orders.json: No such file or directory" in done.stderr and "nothing was changed" in done.stderr
    assert status(sluice, HOSTS[0]) == {200} and status(sluice, "beta.test") == {503}
    for words in (["tenant", "release", "beta"], ["ban", "lift", "192.0.2.1"]):
        done = order(sluice, *words)
        assert done.returncode == 0 and "orders.json: No such file or directory" in done.stderr and "a restart brings it back" in done.stderr
    assert status(sluice, "beta.test") == {200} and asked(sluice, "ban", "list")["bans"] == []
    done = sluice.reload(whole)
    assert done.returncode == 0 and "cannot be written: No such file or directory" in done.stderr, "no reload waits for it"
    assert sluice.reload({**whole, "state": str(tmp_path / "missing")}).returncode == 1
    (tmp_path / "elsewhere").rename(tmp_path / "state")
    obeyed(sluice, "tenant", "hold", "acme", *LONG)
    kill(sluice)
    assert held(start(whole)) == ["acme"]


def test_nothing_half_written_stays(start, app, tmp_path):
    sluice = start(tenants(app, state=str(tmp_path)))
    (tmp_path / "orders.json").mkdir()
    assert order(sluice, "tenant", "hold", "acme", *LONG).returncode == 1
    assert not (tmp_path / "orders.json.new").exists()


def powerless(*arguments):
    """Root without its powers, for whom the modes of files hold as they do for everybody."""
    return [*(("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()), *arguments]


def test_a_directory_that_only_another_user_can_write_is_a_warning(start, app, tmp_path):
    """`check` may be asked by anybody, and a disk that has failed must not keep the balancer down."""
    whole = tenants(app, state=str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    first = start(whole)
    obeyed(first, "tenant", "hold", "beta", *LONG)
    obeyed(first, "ban", "add", "192.0.2.1", "--reason", "scans")
    kill(first)
    file = tmp_path / "sluice.yaml"
    file.write_text(json.dumps(whole).replace("unix:admin.sock", "off"))
    (tmp_path / "state").chmod(0o500)
    done = subprocess.run(powerless(binary(), "check", "--config", file), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "warning: state: " in done.stderr and "/state cannot be written: Permission denied" in done.stderr
    sluice = start(whole, wrapper=powerless())
    sluice.wait_log("warn .*/state cannot be written: Permission denied")
    sluice.wait_log("bans by hand that still hold: 1$")
    assert held(sluice) == ["beta"]
    assert order(sluice, "tenant", "hold", "acme", *LONG).returncode == 1
    obeyed(sluice, "tenant", "release", "beta")
    (tmp_path / "state").chmod(0o700)
    obeyed(sluice, "tenant", "hold", "acme", *LONG)


def test_a_directory_that_cannot_be_used_is_an_error_with_its_place(tmp_path, app):
    file = tmp_path / "sluice.yaml"
    (tmp_path / "file").write_text("")
    for name, why in (("missing", "cannot be written: No such file or directory"), ("file", "is no directory")):
        file.write_text(json.dumps(tenants(app, state=str(tmp_path / name)), indent=1).replace("unix:admin.sock", "off"))
        line = next(at for at, text in enumerate(file.read_text().splitlines(), 1) if '"state"' in text)
        for verb in ("check", "run"):
            done = command(verb, "--config", file)
            assert done.returncode == 1 and f"{file}:{line}:11: state: {tmp_path}/{name} {why}" in done.stderr, done


# --- the words -----------------------------------------------------------------------------------------------

def test_a_tenant_that_is_not_there(start, app):
    whole = tenants(app)
    del whole["tenants"]["from_host"]
    sluice = start(whole)
    done = order(sluice, "tenant", "hold", "acne", *LONG)
    assert (done.returncode, done.stderr) == (1, 'sluice: there is no tenant "acne"; did you mean "acme"?\n')
    assert order(sluice, "tenant", "release", "zzzzzz").returncode == 1
    told = asked(sluice, "tenant", "hold", "acne", *LONG)
    assert told["errors"][0]["message"] == 'there is no tenant "acne"' and told["exit_code"] == 1


@pytest.mark.parametrize("name", ["acme", "other"])
def test_to_release_who_is_not_held_is_an_error(start, app, name):
    """As it is to lift a ban that there is not."""
    done = order(start(tenants(app)), "tenant", "release", name)
    assert (done.returncode, done.stdout) == (1, "") and f"tenant {name} is not on hold; see: sluice tenant list" in done.stderr


@pytest.mark.parametrize("host", ["one.acme.test", "ONE.acme.test.", "acme.example.test", "one.acme.test:8080", "x.wild.acme.test"])
def test_a_host_is_no_tenant_but_leads_to_one(start, app, host):
    whole = tenants(app)
    whole["tenants"]["items"]["acme"]["hosts"].append("*.wild.acme.test")
    sluice = start(whole)
    for words in (["tenant", "hold", host, *LONG], ["tenant", "release", host], ["ban", "add", "192.0.2.1", "--tenant", host]):
        done = order(sluice, *words)
        assert (done.returncode, done.stderr) == (1, f'sluice: there is no tenant "{host}"; it is a host of tenant "acme"\n'), words


@pytest.mark.parametrize("words", [["tenant", "hold", "acme", *LONG], ["ban", "add", "192.0.2.1"]])
@pytest.mark.parametrize("length", [201, 5000, 20000])
def test_a_reason_is_short(start, app, words, length):
    """It is refused before anybody is asked; and over the admin address, in whatever way it comes."""
    done = command(*words, "--reason", "x" * length)
    assert done.returncode == 2 and f"--reason: a reason has 200 bytes at most, this one {length}" in done.stderr
    sluice = start(tenants(app))
    target = "/api/tenants/acme/hold?for=1h" if words[0] == "tenant" else "/api/bans?address=192.0.2.1"
    answer = sluice.admin(f"{target}&reason={'x' * length}", "POST")
    message = json.loads(answer.body)["errors"][0]["message"]
    assert (answer.status, message) == ((431, "the head of the request is longer than 8192 bytes") if length > 8192 else
                                        (400, f"a reason has 200 bytes at most, this one {length}"))
    assert held(sluice) == []


def test_a_name_that_is_too_long_is_said_to_be(start, app):
    done = order(start(tenants(app)), "tenant", "hold", "x" * 20000, *LONG)
    assert done.returncode == 1 and "the head of the request is longer than 8192 bytes" in done.stderr and "does Sluice listen" not in done.stderr


def test_to_hold_again_keeps_the_reason(start, app):
    sluice = start(tenants(app))
    obeyed(sluice, "tenant", "hold", "acme", *LONG, "--reason", "moving")
    assert re.fullmatch(r"tenant acme: on hold until \S+Z: moving \(as before\)\n", obeyed(sluice, "tenant", "hold", "acme", "--for", "2h"))
    [one] = asked(sluice, "tenant", "list")["tenants"]
    assert one["hold"]["reason"] == "moving" and one["hold"]["ends_in_s"] > 7000


def test_a_tenant_that_a_reload_takes_away_is_listed_as_gone(start, app):
    """Its hold stays: it may come back."""
    whole = tenants(app)
    sluice = start(whole)
    obeyed(sluice, "tenant", "hold", "beta", *LONG)
    obeyed(sluice, "tenant", "hold", "other", *LONG)
    assert [one["configured"] for one in asked(sluice, "tenant", "list")["tenants"]] == [True, True]
    del whole["tenants"]["items"]["beta"], whole["tenants"]["from_host"]
    whole["routes"] = [{"hosts": ["beta.test"], "pool": "app"}]
    assert sluice.reload(whole).returncode == 0
    for one in asked(sluice, "tenant", "list")["tenants"]:
        assert (one["hosts"], one["limits"], one["configured"]) == (0, [], False) and "pool" not in one
    assert re.search(r"^beta +gone +- +- +until ", obeyed(sluice, "tenant"), re.M)
    obeyed(sluice, "tenant", "release", "beta")


@pytest.mark.parametrize("words, problem", [
    (["hold", "acme"], "hold needs --until WHEN or --for TIME"),
    (["hold"], "hold needs a tenant"),
    (["hold", "acme", "--until", "tomorrow"], "tomorrow"),
    (["hold", "acme", "--until", "2020-01-01T00:00:00Z"], "is over already"),
    (["hold", "acme", "--for", "9000h"], "is more than a year away"),
    (["hold", "acme", "--for", "1h", "--until", "+1h"], "one is enough"),
    (["release", "acme", "--for", "1h"], "--for is of no use to release"),
    (["release", "acme", "--all"], "--all is of no use to release"),
    (["hodl", "acme"], 'did you mean "hold"?')])
def test_words_that_are_wrong(words, problem):
    done = command("tenant", *words)
    assert done.returncode == 2 and problem in done.stderr


def test_instants_and_times(start, app):
    sluice = start(tenants(app))
    for when in ("2099-01-01T00:00:00Z", "2020-01-01T00:00Z"):
        assert order(sluice, "tenant", "hold", "acme", "--until", when).returncode == 2
    for words in (["--until", "90m"], ["--until", "+90m"], ["--for", "1.5h"]):
        told = asked(sluice, "tenant", "hold", "acme", *words)
        assert told["held"] and told["until"].endswith("Z")
        [one] = asked(sluice, "tenant", "list")["tenants"]
        assert 5300 < one["hold"]["ends_in_s"] <= 5400


def test_tenants_are_listed(start, app):
    """Those on hold; with --all, or a pattern, the others too."""
    whole = tenants(app)
    whole["tenants"]["items"] |= {f"t{i:04}": {} for i in range(2000)}
    sluice = start(whole)
    assert obeyed(sluice, "tenant", "list") == "no tenant is on hold; --all lists all\n"
    obeyed(sluice, "tenant", "hold", "acme", *LONG, "--reason", "why")
    lines = obeyed(sluice, "tenant").splitlines()
    assert len(lines) == 2 and re.fullmatch(r"acme +3 +app +- +until \S+Z +why", lines[1])
    assert len(obeyed(sluice, "tenant", "list", "--all").splitlines()) == 2003
    assert [line.split()[0] for line in obeyed(sluice, "tenant", "list", "t000*").splitlines()[1:]] == [f"t000{i}" for i in range(10)]
    assert obeyed(sluice, "tenant", "list", "nobody") == "there is no such tenant\n"
    told = asked(sluice, "tenant", "list", "beta")
    assert told["tenants"] == [{"tenant": "beta", "hosts": 2, "pool": "app", "limits": [], "configured": True, "held": False}] and told["listed"] == 2002


def test_programs_ask_over_the_admin_address(start, app):
    """By a query, a form or JSON."""
    sluice = start(tenants(app))
    with sluice.connect("admin") as client:
        for body, target in (("", "?for=15m&reason=one"), ("until=%2B15m&reason=one", ""), ('{"for": "15m", "reason": "one"}', "")):
            client.send(f"POST /api/tenants/acme/hold{target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = client.response()
            told = json.loads(answer.body)
            assert answer.status == 200 and told["held"] and told["reason"] == "one"
            assert status(sluice, HOSTS[0], 2) == {503}
            assert sluice.admin("/api/tenants/acme/release", "POST").status == 200
    assert sluice.admin("/api/tenants/acme/hold", "POST").status == 400
    assert sluice.admin("/api/tenants/acme/hold?for=1h&reason=a%0Ab", "POST").status == 400
    assert sluice.admin("/api/tenants/acme/hold").status == 405
