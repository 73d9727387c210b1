"""Servers given by name: who is asked, how often, what is believed, and that nothing waits for an answer."""

import signal

import pytest

from dns_server import AAAA, SERVFAIL, SILENCE, A, Answer
from pools import pools
from sluice import Sluice, config, pool
from test_tls import served
from waiting import wait_until

# A look-up that nobody answers goes on for longer than any test waits.
ENDLESS = {"timeout": "30s", "tries": 10}
QUICK = {"timeout": "100ms", "tries": 1}


def resolver(dns, **keys):
    return {"servers": [dns.address], **keys}


def named(dns, *names, port=1, **keys):
    """A configuration with a pool of its own for each name."""
    document = config(resolver=resolver(dns, **keys))
    document["pools"] = {f"p{i}": pool(f"{name}:{port}") for i, name in enumerate(names)}
    document["routes"] = [{"pool": "p0"}]
    return document


def servers(sluice, pool_name="p0"):
    return [server["server"] for server in pools(sluice)[pool_name]["servers"]]


@pytest.fixture
def begin(dns):
    """Starts Sluice without waiting until it is ready."""
    running = []

    def run(document):
        running.append(Sluice(document))
        return running[-1]

    yield run
    for one in running:
        one.abandon()


# --- what is found -----------------------------------------------------------------------------------------------


def test_a_name_is_looked_up_where_the_file_says(start, app, dns):
    dns.names["app.test"] = ["127.0.0.1"]
    sluice = start(named(dns, "app.test", port=app.port))
    assert sluice.get().status == 200
    assert dns.count("app.test", A) == 1 and dns.count("app.test", AAAA) == 1


def test_every_address_of_both_families_is_a_server(start, dns):
    dns.names["app.test"] = ["127.0.0.2", "::1", "127.0.0.1"]
    sluice = start(named(dns, "app.test", port=80))
    assert servers(sluice) == ["127.0.0.1:80", "127.0.0.2:80", "[::1]:80"]


def test_aliases_are_followed(start, dns):
    dns.names["app.test"] = Answer(["127.0.0.1"], aliases=["a.test", "b.test"])
    assert servers(start(named(dns, "app.test", port=80))) == ["127.0.0.1:80"]


def test_the_hosts_file_comes_first(start, app, dns):
    dns.names["localhost"] = SILENCE
    sluice = start(named(dns, "localhost", port=app.port, **ENDLESS))
    assert "127.0.0.1:%d" % app.port in servers(sluice)
    assert sluice.get().status == 200
    assert not dns.queries


def test_one_look_up_serves_every_pool(start, dns):
    dns.names["app.test"] = ["127.0.0.1"]
    document = named(dns, *["app.test"] * 20)
    document["pools"]["p0"]["servers"].append("app.test:2")
    sluice = start(document)
    assert servers(sluice) == ["127.0.0.1:1", "127.0.0.1:2"] and servers(sluice, "p19") == ["127.0.0.1:1"]
    assert sluice.reload(document).returncode == 0
    assert dns.count("app.test") == 1


def test_a_family_without_an_answer_does_not_hide_the_other(start, dns):
    dns.names["app.test"] = Answer(["127.0.0.1", "::1"], mute=(AAAA,))
    assert servers(start(named(dns, "app.test", **QUICK))) == ["127.0.0.1:1"]


# --- how often ---------------------------------------------------------------------------------------------------


def test_other_addresses_are_taken_when_the_ttl_is_over(start, apps, dns):
    old = apps(name="old")
    new = apps(name="new", bind="127.0.0.2", port=old.port)
    dns.names["app.test"] = Answer(["127.0.0.1"], ttl=1)
    sluice = start(named(dns, "app.test", port=old.port))
    assert sluice.get().body == b"hello from old"
    dns.names["app.test"] = Answer(["127.0.0.2"], ttl=1)
    wait_until(lambda: sluice.get().body == b"hello from new", "the new address to be used")
    assert new.visits
    wait_until(lambda: servers(sluice) == [new.address], "the new address alone to be shown")


def test_a_long_ttl_is_respected_and_bounded(start, dns):
    dns.names["short.test"] = Answer(["127.0.0.1"], ttl=1)
    dns.names["long.test"] = Answer(["127.0.0.1"], ttl=3600)
    document = named(dns, "short.test", "long.test")
    sluice = start(document)
    dns.wait_queries("short.test", 4)
    assert dns.count("long.test") == 1
    document["resolver"]["max_ttl"] = "1s"
    assert sluice.reload(document).returncode == 0
    document["pools"]["p1"]["servers"] = ["other.test:1"]
    dns.names["other.test"] = Answer(["127.0.0.1"], ttl=3600)
    assert sluice.reload(document).returncode == 0
    dns.wait_queries("other.test", 3)


# --- what fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [None, Answer(), Answer(code=SERVFAIL), SILENCE], ids=["unknown", "no data", "failure", "silence"])
def test_a_name_that_fails_keeps_its_addresses(start, app, dns, gone):
    dns.names["app.test"] = Answer(["127.0.0.1"], ttl=1)
    sluice = start(named(dns, "app.test", port=app.port, **QUICK))
    assert sluice.get().status == 200
    if gone is None:
        del dns.names["app.test"]
    else:
        dns.names["app.test"] = gone
    sluice.wait_log(r"warn cannot resolve app.test: .*; keeping the addresses it had")
    assert sluice.get().status == 200 and servers(sluice) == [app.address]


def test_a_name_that_comes_later_is_taken_then(start, app, dns):
    sluice = start(named(dns, "app.test", port=app.port))
    sluice.wait_log(r"warn cannot resolve app.test: .*; no address for it yet")
    assert sluice.get().status == 503
    dns.names["app.test"] = ["127.0.0.1"]
    sluice.wait_log(r"info app.test resolves again, after \d+ failures")
    wait_until(lambda: sluice.get().status == 200, "the name's address to be used")


def test_failures_are_not_told_each_time(start, dns):
    sluice = start(named(dns, *["app.test"] * 5))
    dns.wait_queries("app.test", 4)
    assert sluice.log.count("cannot resolve") == 1


# --- what lies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", [
    Answer(["127.0.0.1"], owner="other.test"),
    Answer(aliases=["a.test", "liar.test"] * 3),
    Answer(["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "fe80::1"]),
    Answer(["127.0.0.1"], code=SERVFAIL),
], ids=["another name's", "a circle of aliases", "addresses of nobody", "a failure with addresses"])
def test_what_cannot_be_is_not_believed(start, dns, lie):
    dns.names["liar.test"] = lie
    sluice = start(named(dns, "liar.test", **QUICK))
    sluice.wait_log(r"warn cannot resolve liar.test: ")
    assert servers(sluice) == []


def test_addresses_of_nobody_are_left_out(start, dns):
    dns.names["app.test"] = ["0.0.0.0", "127.0.0.1", "239.1.2.3"]
    sluice = start(named(dns, "app.test"))
    assert servers(sluice) == ["127.0.0.1:1"]
    sluice.wait_log(r"warn app.test has 2 addresses that cannot be a server's, such as (0.0.0.0|239.1.2.3)")


def test_thousands_of_addresses_are_too_many(start, dns):
    dns.names["app.test"] = Answer([f"127.1.{i // 250}.{i % 250 + 1}" for i in range(2000)], big=True)
    sluice = start(named(dns, "app.test"))
    assert len(servers(sluice)) == 64
    assert dns.over_tcp
    sluice.wait_log(r"warn app.test has 2000 addresses, of which 64 are used")


# --- nothing waits -----------------------------------------------------------------------------------------------

HANGING = ["a.test", "b.test", "c.test"]


@pytest.fixture
def silent(dns):
    for name in HANGING:
        dns.names[name] = SILENCE
    return dns


def test_stop_does_not_wait_for_look_ups(start, silent):
    sluice = start(named(silent, *HANGING, **ENDLESS))
    sluice.terminate()
    assert sluice.wait_exit() == 0


def test_stop_does_not_wait_for_a_start_that_waits(begin, silent):
    sluice = begin(named(silent, *HANGING, **ENDLESS))
    silent.wait_queries("a.test", 1)
    sluice.process.send_signal(signal.SIGTERM)
    assert sluice.wait_exit() == 0
    assert "ready" not in sluice.log, "the start went on for nothing"


def test_stop_does_not_wait_for_a_reload_that_waits(start, app, silent):
    sluice = start(config(app))
    since = sluice.mark()
    sluice.write(named(silent, *HANGING, **ENDLESS))
    sluice.process.send_signal(signal.SIGHUP)
    silent.wait_queries("a.test", 1)
    sluice.terminate()
    assert sluice.wait_exit() == 0
    sluice.wait_log("error reload refused, generation 1 keeps running", since)
    sluice.wait_log("error   the process is stopping", since)


def test_a_start_goes_on_without_the_names_that_hang(start, app, silent):
    document = named(silent, *HANGING, **ENDLESS)
    document["pools"]["p0"]["servers"].append(app.address)
    assert start(document).get().status == 200


def test_an_answer_that_comes_after_the_start_is_taken(start, app, silent):
    sluice = start(named(silent, "a.test", port=app.port, **ENDLESS))
    assert sluice.get().status == 503
    silent.answer_late("a.test", ["127.0.0.1"])
    wait_until(lambda: sluice.get().status == 200, "the late answer to be used")


def test_a_reload_goes_on_without_the_names_that_hang(start, app, silent):
    document = named(silent, "a.test", **ENDLESS)
    sluice = start(document)
    document["pools"]["app"] = pool(app.address, "b.test:1")
    document["routes"] = [{"pool": "app"}]
    assert sluice.reload(document).returncode == 0
    assert sluice.get().status == 200


def test_a_refused_reload_leaves_the_names_of_what_runs(start, app, dns):
    dns.names["app.test"] = Answer(["127.0.0.1"], ttl=1)
    dns.names["new.test"] = Answer(["127.0.0.1"], ttl=1)
    document = named(dns, "app.test", port=app.port)
    sluice = start(document)
    taken = {**named(dns, "new.test"), "listeners": {"http": "127.0.0.1:0", "taken": app.address}}
    assert sluice.reload(taken).returncode == 1
    asked = dns.count("new.test")
    dns.wait_queries("app.test", dns.count("app.test") + 3)
    assert dns.count("new.test") <= asked + 1, "the one under way at the most"
    assert sluice.get().status == 200


def test_certificates_are_renewed_while_look_ups_hang(start, app, silent, renewable):
    files, renew = renewable
    old = renew()
    document = config(app, listeners={"https": {"address": "127.0.0.1:0", "tls": True}}, tls={"certificates": [files]},
                      resolver=resolver(silent, **ENDLESS))
    document["pools"]["hanging"] = pool(*[f"{name}:1" for name in HANGING])
    sluice = start(document)
    assert served(sluice["https"], "site.test") == old
    new = renew()
    wait_until(lambda: served(sluice["https"], "site.test") == new, "the renewed certificate", pause=0.2)
