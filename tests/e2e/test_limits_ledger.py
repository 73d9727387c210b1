"""What limits remember: over reloads, for whom, how many, and that they forget."""

import itertools
import re

import pytest

from limited import HOUR, left, limited
from waiting import wait_until

LIMIT = {"rate": HOUR, "burst": 100, "key": "tenant"}


def tenants(*names):
    return {"from_host": "{tenant}.example.com", "defaults": {"pool": "app", "limits": ["standard"]},
            "items": {name: {} for name in names}}


def served(app, *names, **limits):
    return limited(app, limits=limits, routes=[], tenants=tenants(*names))


def statuses(sluice, count, tenant="acme"):
    with sluice.connect() as client:
        return [client.get(host=f"{tenant}.example.com").status for _ in range(count)]


def metric(sluice, name):
    text = sluice.admin("/metrics").body.decode()
    return int(float(re.search(rf"^{name} (\S+)$", text, re.M)[1]))


def passes(sluice, tenant="acme"):
    """How many requests pass before the first that is refused."""
    with sluice.connect() as client:
        answers = itertools.takewhile(lambda status: status == 200,
                                      (client.get(host=f"{tenant}.example.com").status for _ in range(400)))
        return len(list(answers))


@pytest.mark.parametrize("then, passed", [
    ({"burst": 100}, 40), ({"burst": 150}, 90), ({"burst": 70}, 10), ({"burst": 50}, 0), ({"rate": "2/h"}, 40),
    ({"rate": "1/h", "burst": 300}, 240), ({"match": {"path": "/"}}, 40), ({"cost": 2}, 20)])
def test_what_was_taken_stays_taken_whatever_the_limit_is_now(start, app, then, passed):
    sluice = start(served(app, "acme", standard=LIMIT))
    assert statuses(sluice, 60) == [200] * 60
    sluice.reload(served(app, "acme", standard={**LIMIT, **then}))
    assert passes(sluice) == passed


def test_a_faster_rate_gives_tokens_back_sooner_and_no_more_than_were_taken(start, app):
    slow = {"rate": HOUR, "burst": 20, "key": "tenant"}
    sluice = start(served(app, "acme", standard=slow))
    assert statuses(sluice, 21) == [200] * 20 + [429]
    sluice.reload(served(app, "acme", standard={**slow, "rate": "20/s"}))
    wait_until(lambda: statuses(sluice, 1) == [200], "a token of the new rate")
    sluice.reload(served(app, "acme", standard=slow))
    assert passes(sluice) <= 20


@pytest.mark.parametrize("then", [{"key": "host"}, {"key": ["tenant", "client_ip"]}])
def test_a_limit_that_counts_something_else_begins_anew(start, app, then):
    sluice = start(served(app, "acme", standard=LIMIT))
    assert statuses(sluice, 101) == [200] * 100 + [429]
    sluice.reload(served(app, "acme", standard={**LIMIT, **then}))
    sluice.reload(served(app, "acme", standard=LIMIT))
    assert passes(sluice) == 100


def test_a_rate_that_was_requests_under_way_for_a_while_begins_anew(start, app):
    sluice = start(served(app, "acme", standard=LIMIT))
    assert statuses(sluice, 101)[-1] == 429
    sluice.reload(served(app, "acme", standard={"concurrency": 1, "key": "tenant"}))
    assert statuses(sluice, 20) == [200] * 20
    sluice.reload(served(app, "acme", standard=LIMIT))
    assert passes(sluice) == 100


def test_tenants_and_limits_that_are_no_more_are_forgotten(start, app):
    sluice = start(served(app, "acme", "umbrella", standard=LIMIT, other=LIMIT))
    for tenant in ("acme", "umbrella"):
        assert statuses(sluice, 101, tenant)[-1] == 429
    assert metric(sluice, "sluice_limit_keys") == 2
    sluice.reload(served(app, "umbrella", standard=LIMIT, other=LIMIT))
    assert metric(sluice, "sluice_limit_keys") == 1
    sluice.reload(served(app, "acme", "umbrella", standard=LIMIT))
    assert passes(sluice, "acme") == 100
    assert passes(sluice, "umbrella") == 0
    without = served(app, "acme", "umbrella", other=LIMIT)
    without["tenants"]["defaults"]["limits"] = ["other"]
    sluice.reload(without)
    assert metric(sluice, "sluice_limit_keys") == 0
    sluice.reload(served(app, "acme", "umbrella", standard=LIMIT))
    assert passes(sluice, "umbrella") == 100


def test_a_reload_that_is_refused_changes_nothing(start, app):
    sluice = start(served(app, "acme", standard=LIMIT))
    assert statuses(sluice, 101)[-1] == 429
    assert sluice.reload(served(app, "umbrella", standard={**LIMIT, "key": "nonsense"})).returncode != 0
    assert passes(sluice) == 0


def test_clients_beyond_limit_keys_are_forgotten_and_tenants_are_not(start, app):
    limits = {"standard": LIMIT, "client": {"rate": HOUR, "burst": 5, "key": "client_ip"}}
    whole = served(app, "acme", "umbrella", **limits)
    whole |= {"trusted_proxies": ["127.0.0.1"], "max": {"limit_keys": 1000}}
    whole["tenants"]["defaults"]["limits"] = ["client"]
    whole["tenants"]["items"]["acme"]["limits"] = ["standard"]
    sluice = start(whole)
    assert statuses(sluice, 101)[-1] == 429
    with sluice.connect() as client:
        for n in range(3000):
            answer = client.get("/", f"X-Forwarded-For: 10.0.{n // 256}.{n % 256}", host="umbrella.example.com")
            assert answer.status == 200 and left(answer, "client") == 4
    assert 900 <= metric(sluice, "sluice_limit_keys") <= 1000 + 256 + 1
    assert metric(sluice, "sluice_limit_keys_evicted_total") >= 3000 - 1000 - 256
    assert metric(sluice, "sluice_limit_memory_bytes") > 1000 * 40
    assert statuses(sluice, 1) == [429]


def test_what_came_back_is_forgotten(start, app):
    sluice = start(served(app, "acme", "umbrella", standard={"rate": "1000/s", "key": "tenant"}))
    assert statuses(sluice, 5) + statuses(sluice, 5, "umbrella") == [200] * 10
    assert metric(sluice, "sluice_limit_keys") == 2
    wait_until(lambda: metric(sluice, "sluice_limit_keys") == 0, "all to be forgotten", pause=0.2)
