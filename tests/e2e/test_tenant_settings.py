"""What tenants may have of their own on routes that all of them share: time limits and bounds of bodies. And who `check` says
meets what."""

import json
import threading

from sluice import command, config, pool
from waiting import PATIENCE

TENANTS = {"from_host": "{tenant}.example.com"}


def post(sluice, host, path="/", size=2048):
    with sluice.connect() as visitor:
        return visitor.request("POST", path, host=host, body=b"x" * size).status


def test_tenants_may_have_their_own_patience(start, app):
    """One route, one pool: only the tenant differs."""
    release = threading.Event()
    app.play("/x", lambda visit: (release.wait(PATIENCE), visit.reply(body=b"at last")))
    tenants = {**TENANTS, "defaults": {"timeouts": {"first_byte": "300ms"}},
               "items": {"calm": {"timeouts": {"first_byte": "120s"}}}}
    sluice = start(config(app, tenants=tenants))
    with sluice.connect() as calm, sluice.connect() as nobody:
        calm.send(b"GET /x HTTP/1.1\r\nHost: calm.example.com\r\n\r\n")
        nobody.send(b"GET /x HTTP/1.1\r\nHost: other.test\r\n\r\n")
        app.wait_visits(2)
        with sluice.connect() as hasty:
            assert hasty.request("GET", "/x", host="hasty.example.com").status == 504
        release.set()
        assert calm.response().body == b"at last"
        assert nobody.response().body == b"at last"


def test_the_most_specific_bound_of_bodies_holds(start, app):
    routes = [{"pool": "app"}, {"pool": "app", "path": "/big/", "max": {"body": 0}},
              {"pool": "app", "path": "/small/", "max": {"body": "1KiB"}}]
    tenants = {**TENANTS, "defaults": {"max": {"body": "1KiB"}}, "items": {"large": {"max": {"body": "4KiB"}}}}
    sluice = start(config(app, routes=routes, tenants=tenants))
    assert post(sluice, "other.test") == 200
    assert post(sluice, "any.example.com") == 413
    assert post(sluice, "large.example.com") == 200
    assert post(sluice, "large.example.com", size=4097) == 413
    assert post(sluice, "any.example.com", "/big/") == 200
    assert post(sluice, "large.example.com", "/small/") == 413
    assert post(sluice, "other.test", "/small/") == 413


def test_a_reload_gives_a_tenant_other_settings(start, app):
    def document(body):
        return config(app, tenants={**TENANTS, "items": {"acme": {"max": {"body": body}}, "globex": {}}})
    sluice = start(document("1KiB"))
    assert (post(sluice, "acme.example.com"), post(sluice, "globex.example.com")) == (413, 200)
    sluice.reload(document("4KiB"))
    assert (post(sluice, "acme.example.com"), post(sluice, "globex.example.com")) == (200, 200)


def test_listeners_may_have_their_own_bounds(start, app):
    listeners = {"http": {"address": "127.0.0.1:0", "max": {"body": "1KiB", "head": "1KiB", "fields": 10}}, "wide": "127.0.0.1:0"}
    sluice = start(config(app, listeners=listeners))
    fields = [f"X-{number}: 1" for number in range(10)]
    for name, status in (("http", [413, 431, 431]), ("wide", [200, 200, 200])):
        came = []
        for what in ({"body": b"x" * 2048}, {"fields": fields}, {"fields": ["X-Long: " + "v" * 2048]}):
            with sluice.connect(name) as visitor:
                came.append(visitor.request("POST", "/", *what.get("fields", ()), body=what.get("body", b"")).status)
        assert came == status, name


def test_check_groups_tenants_that_have_set_the_same(tmp_path):
    names = [f"t{number}" for number in range(10_000)]
    document = config(
        admin="off", pools={"app": pool("127.0.0.1:3001")},
        routes=[{"pool": "app", "path": "/search/", "limits": [{"limit": "few", "cost": 2}]}],
        limits={"many": {"rate": "500/s", "key": "tenant"}, "few": {"rate": "5/m", "key": "client_ip"}},
        tenants={**TENANTS, "defaults": {"pool": "app", "limits": ["many"]},
                 "items": {name: {"limits": ["few", "many"]} if number % 2 else {} for number, name in enumerate(names)}})
    (tmp_path / "many.yaml").write_text(json.dumps(document))
    told = command("check", "--config", tmp_path / "many.yaml")
    assert told.returncode == 0, told.stderr
    assert [line for line in told.stdout.splitlines() if line.startswith(("limit", "policies"))] == [
        "limit    many         500/s, burst 500, by tenant",
        "limit    few          5/m, burst 5, by client_ip/64",
        "policies 5000 tenants such as t0, t2, t4 and any other: many",
        "policies 5000 tenants such as t1, t3, t5: few, many",
        "policies requests without a tenant: none",
        "policies routes[0] (/search/), 5000 tenants such as t0, t2, t4 and any other: many, few (cost 2)",
        "policies routes[0] (/search/), 5000 tenants such as t1, t3, t5: few (cost 2), many",
        "policies routes[0] (/search/), requests without a tenant: few (cost 2)",
    ]
