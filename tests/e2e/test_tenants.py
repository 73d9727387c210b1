"""tenants.yaml, the whole of it: hosts to tenants to pools, own domains, routes, includes, redirect."""

import pytest

from certs import entry
from client import RawClient, trusting
from ports import free_port
from sluice import pool


def tell(visit):
    """The application says which it is, and which tenant it was told."""
    visit.body()
    visit.reply(fields=[f"X-Origin: {visit.upstream.name}", f"X-Heard: {visit.request.get('X-Tenant')}"])


@pytest.fixture
def world(apps, authority, start, tmp_path):
    """The example file with our addresses: (sluice, {pool: application})."""
    by_pool = {name: apps(tell, name=name) for name in ("app", "app-eu", "assets")}
    second = apps(tell, name="app")  # pool app has two servers
    secure = f"127.0.0.1:{free_port()}"

    def config(**changes):
        whole = {
            "version": 1,
            "workers": 2,
            "admin": {"address": "unix:admin.sock"},
            "timeouts": {"drain": "2s"},
            "listeners": {"http": {"address": "127.0.0.1:0", "redirect": "https"},
                          "https": {"address": secure, "tls": True}},
            "tls": {"certificates": [entry(authority.leaf("*.example.com")), entry(authority.leaf("www.acme.test"))]},
            "pools": {"app": pool(by_pool["app"], second), "app-eu": pool(by_pool["app-eu"]), "assets": pool(by_pool["assets"])},
            "tenants": {
                "from_host": "{tenant}.example.com",
                "unknown": 404,
                "defaults": {"pool": "app", "send_header": "X-Tenant"},
                "items": {
                    "acme": {"hosts": ["www.acme.test"]},
                    "globex": {"pool": "app-eu"},
                    "initech": {"routes": [{"path": "/assets/", "pool": "assets"}]},
                },
                "include": str(tmp_path / "tenants.d" / "*.yaml"),
            },
        }
        whole["tenants"].update(changes)
        return whole

    class World:
        sluice = start(config())
        applications = [*by_pool.values(), second]
        folder = tmp_path / "tenants.d"

        def reload(self, **changes):
            assert self.sluice.reload(config(**changes)).returncode == 0

        def visit(self, host, target="/", *lines, method="GET"):
            # As browsers do; a Host that another certificate covers would be 421 (test_sni_mismatch.py).
            name = "www.acme.test" if "acme.test" in host.lower() else "acme.example.com"
            with RawClient(self.sluice["https"], tls=trusting(), server_name=name) as visitor:
                return visitor.request(method, target, *lines, host=host)

        def lands(self, host, target="/"):
            """(pool, tenant as told to the application), or the status of the refusal."""
            answer = self.visit(host, target)
            return (answer.get("X-Origin"), answer.get("X-Heard")) if answer.status == 200 else answer.status

    return World()


@pytest.mark.parametrize("host,target,where", [
    ("acme.example.com", "/", ("app", "acme")),
    ("www.acme.test", "/", ("app", "acme")),
    ("globex.example.com", "/", ("app-eu", "globex")),
    ("globex.example.com", "/assets/x", ("app-eu", "globex")),
    ("initech.example.com", "/", ("app", "initech")),
    ("initech.example.com", "/assets/logo.png", ("assets", "initech")),
    ("initech.example.com", "/assets", ("app", "initech")),
    ("initech.example.com", "/assetsx", ("app", "initech")),
    ("initech.example.com", "/x/assets/", ("app", "initech")),
    ("initech.example.com", "/assets/?x", ("assets", "initech")),
    ("anybody.example.com", "/", ("app", "anybody")),
    ("a.example.com", "/", ("app", "a")),
    ("1-2.example.com", "/", ("app", "1-2")),
    ("x" * 63 + ".example.com", "/", ("app", "x" * 63)),
    # Normalised: case, trailing dot, port.
    ("ACME.Example.COM", "/", ("app", "acme")),
    ("acme.example.com.", "/", ("app", "acme")),
    ("acme.example.com:8443", "/", ("app", "acme")),
    ("WWW.ACME.TEST.:443", "/", ("app", "acme")),
    ("InItEcH.example.com.:1", "/assets/a", ("assets", "initech")),
    # Nobody.
    ("example.com", "/", 404),
    ("www.example.com.evil.test", "/", 404),
    ("a.b.example.com", "/", 404),
    ("acme.test", "/", 404),
    ("nobody.test", "/", 404),
    ("acmeexample.com", "/", 404),
    ("127.0.0.1", "/", 404),
    ("[::1]", "/", 404),
    ("localhost", "/", 404),
    ("x" * 64 + ".example.com", "/", 400),
    (".example.com", "/", 400),
    ("ac me.example.com", "/", 400),
    ("acme..example.com", "/", 400),
    ("*.example.com", "/", 400),
    ("acme.example.com:x", "/", 400),
    ("acme.example.com@evil.test", "/", 400),
    ("acme.example.com,evil.test", "/", 400),
    ("acme%2eexample.com", "/", 400),
], ids=lambda v: v[:40] if isinstance(v, str) else None)
def test_host_to_tenant_to_pool(world, host, target, where):
    assert world.lands(host, target) == where


def test_an_underscore_is_no_tenant(world):
    assert world.lands("a_b.example.com") == 404


def test_punycode_is_an_ordinary_label(world):
    assert world.lands("xn--bcher-kva.example.com") == ("app", "xn--bcher-kva")


@pytest.mark.parametrize("lines", [
    ["X-Tenant: globex"], ["x-tenant: globex"], ["X-Tenant: globex", "X-Tenant: initech"], ["X_Tenant: globex"],
    ["x_tenant: globex"], ["X-Tenant:"],
    ["X-Tenant: globex", "Connection: X-Tenant"], ["Connection: X-Tenant"], ["Connection: close, x-tenant"],
], ids=lambda lines: "+".join(lines))
def test_the_tenant_header_is_ours(world, lines):
    """Whatever the client claims, the application hears the truth, once."""
    answer = world.visit("acme.example.com", "/claim", *lines)
    if answer.status == 400:
        return
    request = next(v.request for a in world.applications for v in a.visits if v.request.target == "/claim")
    said = [value for name, value in request.fields if name.lower().replace("_", "-") == "x-tenant"]
    assert said == ["acme"]


def test_the_tenant_header_of_nobody(start, apps):
    """A common route answers a host without tenant: a client's claim must not get through there either."""
    app = apps(name="app")
    sluice = start({
        "version": 1, "listeners": {"http": "127.0.0.1:0"}, "admin": {"address": "unix:admin.sock"},
        "pools": {"app": pool(app)}, "routes": [{"hosts": ["plain.test"], "pool": "app"}],
        "tenants": {"from_host": "{tenant}.example.com", "defaults": {"pool": "app", "send_header": "X-Tenant"}}})
    assert sluice.get("/x", "X-Tenant: globex", host="plain.test").status == 200
    assert not [v for n, v in app.last("/x").request.fields if n.lower().replace("_", "-") == "x-tenant"]
    assert sluice.get("/y", "X-Tenant: globex", host="acme.example.com").status == 200
    assert app.last("/y").request.get("X-Tenant") == "acme"


def test_a_tenants_routes_come_before_the_common_ones(start, apps):
    own, common, rest = apps(name="own"), apps(name="common"), apps(name="rest")
    sluice = start({
        "version": 1, "listeners": {"http": "127.0.0.1:0"}, "admin": {"address": "unix:admin.sock"},
        "pools": {"own": pool(own), "common": pool(common), "rest": pool(rest)},
        "routes": [{"path": "/api/", "pool": "common"}, {"path": "/api/v2/", "pool": "common"}],
        "tenants": {"from_host": "{tenant}.example.com", "defaults": {"pool": "rest"},
                    "items": {"acme": {"routes": [{"path": "/api/", "pool": "own"}]}}}})

    def origin(host, target):
        return sluice.get(target, host=host).get("X-Origin")

    assert origin("acme.example.com", "/api/x") == "own"
    assert origin("other.example.com", "/api/x") == "common"
    assert origin("other.example.com", "/x") == "rest"


def test_routes_by_host_path_and_method(start, apps):
    """Exact host before the longest wildcard, exact path before the longest prefix, more conditions before fewer."""
    names = ["exact", "deep", "wild", "long", "short", "exactly", "posted", "any"]
    all_apps = {name: apps(name=name) for name in names}
    sluice = start({
        "version": 1, "listeners": {"http": "127.0.0.1:0"}, "admin": {"address": "unix:admin.sock"},
        "pools": {name: pool(app) for name, app in all_apps.items()},
        "routes": [
            {"pool": "any"},
            {"hosts": ["*.test"], "pool": "wild"},
            {"hosts": ["*.deep.test"], "pool": "deep"},
            {"hosts": ["www.deep.test"], "pool": "exact"},
            {"hosts": ["p.org"], "path": "/a/", "pool": "short"},
            {"hosts": ["p.org"], "path": "/a/b/", "pool": "long"},
            {"hosts": ["p.org"], "path": "/a/b", "pool": "exactly"},
            {"hosts": ["p.org"], "path": "/a/b/", "methods": ["POST"], "pool": "posted"},
        ]})

    def origin(host, target="/", method="GET"):
        with sluice.connect() as visitor:
            return visitor.request(method, target, host=host).get("X-Origin")

    assert origin("www.deep.test") == "exact"
    assert origin("WWW.Deep.Test.:80") == "exact"
    assert origin("x.deep.test") == "deep"
    assert origin("x.test") == "wild"
    assert origin("other.org") == "any"
    assert origin("p.org", "/a/x") == "short"
    assert origin("p.org", "/a/b/c") == "long"
    assert origin("p.org", "/a/b") == "exactly"
    assert origin("p.org", "/a/b?c") == "exactly"
    assert origin("p.org", "/a/bc") == "short"
    assert origin("p.org", "/a/b/c", "POST") == "posted"
    assert origin("p.org", "/A/b/c") in ("any", None)


def test_unknown_hosts_get_the_configured_answer(world):
    assert world.visit("nobody.test").status == 404
    world.reload(unknown=421)
    assert world.visit("nobody.test").status == 421


def test_include_files(world):
    """One file per tenant, found on reload; a broken one is reported with its own name."""
    world.folder.mkdir()
    assert world.lands("hooli.example.com") == ("app", "hooli")
    (world.folder / "hooli.yaml").write_text("hooli: { pool: app-eu, hosts: [hooli.test, '*.hooli.test'] }\n")
    (world.folder / "cohort.yaml").write_text("pied:\n  pool: assets\npiper:\n  hosts: [piper.test]\n")
    (world.folder / "ignored.txt").write_text("not yaml: [")
    world.reload()
    assert world.lands("hooli.example.com") == ("app-eu", "hooli")
    assert world.lands("hooli.test") == ("app-eu", "hooli")
    assert world.lands("www.hooli.test") == ("app-eu", "hooli")
    assert world.lands("pied.example.com") == ("assets", "pied")
    assert world.lands("piper.test") == ("app", "piper")
    (world.folder / "hooli.yaml").write_text("hooli: { pool: app-us }\n")
    done = world.sluice.reload()
    assert done.returncode == 1 and "hooli.yaml:1:" in done.stderr and "app-us" in done.stderr
    assert world.lands("hooli.example.com") == ("app-eu", "hooli")


def test_the_same_tenant_or_host_twice_is_an_error(world):
    world.folder.mkdir()
    (world.folder / "a.yaml").write_text("acme: { pool: app-eu }\n")
    done = world.sluice.reload()
    assert done.returncode == 1 and "acme" in done.stderr and "a.yaml:1:" in done.stderr
    (world.folder / "a.yaml").write_text("other: { hosts: [www.acme.test] }\n")
    done = world.sluice.reload()
    assert done.returncode == 1 and "www.acme.test" in done.stderr


# --- the redirect listener --------------------------------------------------------------------------------------

def plain(world, target, host, method="GET"):
    with RawClient(world.sluice["http"]) as visitor:
        return visitor.request(method, target, host=host)


@pytest.mark.parametrize("host", ["acme.example.com", "www.acme.test", "acme.example.com:8080", "ACME.example.com"])
@pytest.mark.parametrize("target", ["/", "/a%20b?c=d&e=/../f", "/.well-known/other", "//evil.test/x"])
def test_redirect_keeps_everything_but_the_scheme(world, host, target):
    port = world.sluice["https"].rpartition(":")[2]
    answer = plain(world, target, host)
    assert answer.status == 308
    name = host.partition(":")[0]
    assert answer.get("Location") in {f"https://{name}:{port}{target}", f"https://{name.lower()}:{port}{target}"}
    assert not any(app.visits for app in world.applications)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_redirect_for_every_method(world, method):
    answer = plain(world, "/form", "acme.example.com", method)
    assert answer.status == 308 and answer.get("Location").endswith("/form")
    # It is Sluice's own answer, and says so.
    assert answer.get("Proxy-Status").startswith("sluice") and answer.get("X-Request-ID") and answer.get("Date")


def test_redirect_is_followed_by_the_tls_listener(world):
    location = plain(world, "/x?y", "acme.example.com").get("Location")
    assert location.partition("://")[2].partition("/")[0].rpartition(":")[2] == world.sluice["https"].rpartition(":")[2]
    assert world.lands("acme.example.com", "/x?y") == ("app", "acme")


def test_acme_challenges_are_not_redirected(world):
    answer = plain(world, "/.well-known/acme-challenge/token", "acme.example.com")
    assert answer.status == 200 and answer.get("X-Origin") == "app"


@pytest.mark.parametrize("target", ["/.well-known/acme-challenge", "/.well-known/acme-challengex/y",
                                    "/x/.well-known/acme-challenge/t"])
def test_only_acme_challenges_are_excepted(world, target):
    assert plain(world, target, "acme.example.com").status == 308


@pytest.mark.parametrize("host", ["evil.test\\@x", "a b", "evil.test/x", ""])
def test_no_redirect_to_a_malformed_host(world, host):
    answer = plain(world, "/", host)
    assert answer.status == 400 and not answer.get("Location")


# --- many of them -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how", ["one file", "a file each"])
def test_ten_thousand_tenants(start, apps, tmp_path, how):
    count = 10_000
    left, right = apps(name="left"), apps(name="right")
    items = [f"t{number}: {{ hosts: [own-{number}.test], pool: {'left' if number % 2 else 'right'} }}"
             for number in range(count)]
    folder = tmp_path / "tenants.d"
    folder.mkdir()
    if how == "one file":
        (folder / "all.yaml").write_text("\n".join(items) + "\n")
    else:
        for number, item in enumerate(items):
            (folder / f"{number:05}.yaml").write_text(item + "\n")
    sluice = start({
        "version": 1, "listeners": {"http": "127.0.0.1:0"}, "admin": {"address": "unix:admin.sock"},
        "pools": {"left": pool(left), "right": pool(right)},
        "tenants": {"from_host": "{tenant}.example.com", "defaults": {"pool": "left", "send_header": "X-Tenant"},
                    "include": str(folder / "*.yaml")}})
    for number in (0, 1, 4999, 5000, 9998, 9999):
        for host in (f"t{number}.example.com", f"own-{number}.test"):
            answer = sluice.get("/", host=host)
            assert answer.get("X-Origin") == ("left" if number % 2 else "right")
    assert sluice.get("/", host="own-10000.test").status == 404
    assert sluice.reload().returncode == 0
