"""`paths: as_is`: dot segments pass where a route says so, untouched, and lead nobody past another route."""

import pytest

from certs import entry
from failing import LISTENERS
from http2 import Http2Client
from sluice import config, pool


@pytest.fixture
def edge(start, apps, h2apps):
    store, guard, app, h2store = apps(name="store"), apps(name="guard"), apps(name="app"), h2apps(name="h2store")
    sluice = start(config(
        listeners=LISTENERS,
        pools={"store": pool(store), "guard": pool(guard), "app": pool(app), "h2store": pool(h2store, protocol="h2")},
        routes=[{"path": "/objects/", "pool": "store", "paths": "as_is"}, {"path": "/objects/private/", "pool": "guard"},
                {"path": "/h2/", "pool": "h2store", "paths": "as_is"}, {"path": "/admin/", "pool": "guard"},
                {"path": "/exact", "pool": "guard"}, {"path": "/kept/", "pool": "app", "paths": "strict"},
                {"hosts": ["bucket.test"], "pool": "store", "paths": "as_is"},
                {"path": "/by-method/", "methods": ["GET"], "pool": "store", "paths": "as_is"}, {"pool": "app"}],
        tenants={"from_host": "{tenant}.test", "items": {"acme": {
            "routes": [{"path": "/own/", "pool": "store", "paths": "as_is"}, {"path": "/own/secret/", "pool": "guard"}]}}}))
    sluice.store, sluice.h2store = store, h2store
    sluice.others = [guard, app]
    yield sluice
    assert not guard.visits and not app.visits


def ask(sluice, down, path, host="app.test", method="GET"):
    if down == "h2":
        with Http2Client(sluice["h2c"]) as visitor:
            answer = visitor.request(method, path, authority=host)
            return answer.status
    with sluice.connect() as visitor:
        return visitor.request(method, path, host=host).status


down = pytest.mark.parametrize("down", ["h1", "h2"])

KEYS = ["/objects/a/../b", "/objects/a/./b", "/objects/./a", "/objects/a/.", "/objects/a/%2e%2e/b", "/objects/a/.%2E/b",
        "/objects/a%2f..%2fb", "/objects/a%2F%2e%2e%2Fb", "/objects/a%5c..%5cb", "/objects/a/..;v=1/b", "/objects/a/b/../../c",
        "/objects/a/../b?../../admin/", "/objects/a//b/../c", "/objects/%2e/a", "/objects/a/..%3bx/b", "/objects/a%252f..%252fb/.",
        "/objects/a/../b/", "/objects/" + "x/../" * 500]


@down
@pytest.mark.parametrize("path", KEYS, ids=lambda path: path[:40])
def test_keys_arrive_untouched(edge, down, path):
    assert ask(edge, down, path) == 200
    assert edge.store.visits[-1].request.target == path
    path = path.replace("/objects/", "/h2/", 1)
    assert ask(edge, down, path) == 200
    assert edge.h2store.visits[-1].request.get(":path") == path


ATTACKS = ["/objects/../admin/x", "/objects/%2e%2e/admin/x", "/objects/.%2e/admin/x", "/objects/..%2fadmin/x", "/objects/..%2Fadmin%2Fx",
           "/objects/..%5cadmin/x", "/objects%2f../admin/x", "/objects/a/../../admin/x", "/objects//../admin/x",
           "/objects/a//../../admin/x", "/objects/a%2fb/../../admin/x", "/objects/a%2f/../../admin/x", "/objects/..;/admin/x",
           "/objects/..;a=b/admin/x", "/objects/..%3b/admin/x", "/objects/a/..;/../../admin/x", "/objects/a/../..;/admin/x",
           "/objects/a/../private/x", "/objects/a%2f../private/x", "/objects/./private/x", "/objects/a/..%2fprivate/x",
           "/objects/a/../%70rivate/x", "/objects/%70rivate/../x", "/objects/private/../x", "/objects/../exact", "/objects/..%2fexact",
           "/objects/../", "/objects/..", "/objects/a/..", "/objects/../..", "/objects/../objects/../admin/x", "/objects/.%2e%2fadmin/x",
           "/admin/../objects/x", "/admin/%2e%2e/objects/x", "/other/../objects/x", "/./objects/x", "/../objects/x",
           "/kept/../objects/x", "/kept/a/../b", "/objects/../../../../admin/x", "/objects/%2e%2e%5cadmin%5cx",
           "/objects/a%5cb/../../admin/x", "/objects/%61%2f/..//private/%2e/../", "/objects/x%2fy/../..%2fadmin/x",
           "/objects/a/%2e%2e;/%2e%2e/admin/x", "/objects/" + "x/../" * 1000]


@down
@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path[:40])
def test_nobody_gets_to_where_another_route_leads(edge, down, path):
    assert ask(edge, down, path) == 400
    assert not edge.store.visits


STILL = ["/objects/a/../%00", "/objects/%", "/objects/../%2", "/objects/%zz/../a", "/objects/../\\a", "/objects/a\x7f/../b",
         "/objects/\xe9/../b", '/objects/../"', "/objects/<>/../a", "/objects/{}/../a"]


@pytest.mark.parametrize("path", STILL, ids=repr)
def test_what_is_no_path_stays_refused(edge, path):
    with edge.connect() as visitor:
        visitor.send(f"GET {path} HTTP/1.1\r\nHost: app.test\r\n\r\n".encode("latin-1"))
        assert visitor.response().status == 400
    assert not edge.store.visits


@down
def test_a_host_of_its_own_has_nothing_to_be_led_past_to(edge, down):
    for path in ("/../x", "/a/../../x", "/..%2f..%2fetc", "/.", "/..", "/a/..;/x"):
        assert ask(edge, down, path, host="bucket.test") == 200
        request = edge.store.visits[-1].request
        assert (request.target, request.get("Host")) == (path, "bucket.test")


@down
def test_a_tenants_own_routes_can_say_so(edge, down):
    assert ask(edge, down, "/own/a/../b", host="acme.test") == 200
    assert edge.store.visits[-1].request.target == "/own/a/../b"
    for path in ("/own/a/../secret/x", "/own/../x", "/own/secret/../a"):
        assert ask(edge, down, path, host="acme.test") == 400
    assert len(edge.store.visits) == 1


@down
def test_the_method_counts(edge, down):
    assert ask(edge, down, "/by-method/a/../b") == 200
    assert ask(edge, down, "/by-method/a/../b", method="PUT") == 400


def test_absolute_form_is_no_way_around(edge):
    with edge.connect() as visitor:
        visitor.send(b"GET http://app.test/objects/../admin/x HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert visitor.response().status == 400
    with edge.connect() as visitor:
        visitor.send(b"GET http://app.test/objects/a/../x HTTP/1.1\r\nHost: app.test\r\n\r\n")
        assert visitor.response().status == 200
    assert edge.store.visits[-1].request.target == "/objects/a/../x"


def test_a_refused_one_closes_and_is_answered_like_any_other(edge):
    with edge.connect() as visitor:
        visitor.send(b"POST /objects/../admin/ HTTP/1.1\r\nHost: app.test\r\nContent-Length: 5\r\n\r\nhello"
                     b"GET /objects/a HTTP/1.1\r\nHost: app.test\r\n\r\n")
        answer = visitor.response()
        assert (answer.status, answer.keeps_alive) == (400, False)
        assert answer.get("Proxy-Status").startswith("sluice; error=http_request_error;")
        visitor.closed_cleanly()
    assert not edge.store.visits


def test_a_listener_that_redirects_sends_nobody_along_dots(start, app, authority):
    sluice = start(config(app, listeners={"http": {"address": "127.0.0.1:0", "redirect": "https"},
                                          "https": {"address": "127.0.0.1:0", "tls": True}},
                          routes=[{"pool": "app", "paths": "as_is"}],
                          tls={"certificates": [entry(authority.leaf("app.test"))]}))
    assert sluice.get("/a/../b").status == 400
    assert sluice.get("/.well-known/acme-challenge/../../x").status == 400
    assert not app.visits
