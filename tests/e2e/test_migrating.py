"""conf/migrating: each file of another proxy, and ours beside it, give the same answers to the same requests.

Both run in front of the same servers. What is asked follows from our file: its hosts and paths, a body beyond its
limit, a WebSocket, a cookie, servers that die.
"""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from shutil import rmtree

import pytest
import yaml

from bench import Origin
from client import RawClient, connect, trusting
from documents import Page, furnished
from peers import need
from ports import free_port
from sluice import ROOT, Sluice, command
from waiting import PATIENCE, wait_until

FOLDER = ROOT / "conf/migrating"
TOLD = ("host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host")


class Before:
    """Another proxy with its file, at ports of our own."""

    def __init__(self, stage, text):
        self.folder = stage.folder / "before"
        self.folder.mkdir()
        self.ports = {"http": free_port(), "https": free_port()}
        for old, new in stage.addresses.items():
            text = text.replace(old, new)
        self.file = self.folder / self.FILE
        self.file.write_text(self.adapt(text.replace(f"/etc/{self.NAME}/certs", str(stage.certificates))))
        done = subprocess.run([need(self.NAME), *self.check()], capture_output=True, text=True, env=self.environment(),
                              timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.process = subprocess.Popen([need(self.NAME), *self.run()], env=self.environment(), cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.answers, f"{self.NAME} to listen")

    def __getitem__(self, listener):
        return f"127.0.0.1:{self.ports[listener]}"

    def environment(self):
        return dict(os.environ)

    def answers(self):
        assert self.process.poll() is None, f"{self.NAME} ended"
        try:
            for listener in self.ports:
                connect(self[listener]).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)


class Nginx(Before):
    NAME, FILE = "nginx", "nginx.conf"

    def adapt(self, text):
        text = re.sub(r"listen (80|443)", lambda found: f"listen {self['http' if found[1] == '80' else 'https']}", text)
        # Its own places are root's.
        places = "".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return text.replace("http {", f"http {{ access_log off; {places}", 1)

    def run(self):
        user = "user root;" if os.geteuid() == 0 else ""
        return ["-p", self.folder, "-c", self.file, "-e", self.folder / "error.log", "-g",
                f"daemon off; pid {self.folder}/pid; {user}"]

    def check(self):
        return [*self.run(), "-t"]


class Haproxy(Before):
    NAME, FILE = "haproxy", "haproxy.cfg"

    def adapt(self, text):
        return text.replace("bind :80", f"bind {self['http']}").replace("bind :443", f"bind {self['https']}")

    def run(self):
        return ["-db", "-f", self.file]

    def check(self):
        return ["-c", "-f", self.file]


class Caddy(Before):
    NAME, FILE = "caddy", "Caddyfile"

    def adapt(self, text):
        return (text.replace("http_port 80", f"http_port {self.ports['http']}")
                .replace("https_port 443", f"https_port {self.ports['https']}")
                .replace("admin off", "admin off\n\tdefault_bind 127.0.0.1"))

    def environment(self):
        # What it remembers goes here, not into a home.
        return {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder),
                "XDG_CONFIG_HOME": str(self.folder)}

    def run(self):
        return ["run", "--config", self.file, "--adapter", "caddyfile"]

    def check(self):
        return ["validate", "--config", self.file, "--adapter", "caddyfile"]


KINDS = {"nginx": Nginx, "haproxy": Haproxy, "caddy": Caddy}


class Move:
    """The servers that both files name, the other proxy, and Sluice."""

    def __init__(self, name, authority):
        need(name)
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-move-"))
        text = (FOLDER / name / "sluice.yaml").read_text()
        self.document = yaml.safe_load(text)
        # By the addresses of the file.
        self.origins = {address: Origin("--name", address) for address in sorted(set(self.listed()))}
        self.addresses = {address: origin.address for address, origin in self.origins.items()}
        text = furnished(text, self.folder, authority)
        self.certificates = self.folder / "etc/sluice/certs"
        for cert in self.certificates.glob("*.pem"):
            # HAProxy wants the key in the same file.
            cert.write_bytes(cert.read_bytes() + cert.with_suffix(".key").read_bytes())
        for old, new in self.addresses.items():
            text = text.replace(old, new)
        text = re.sub(r'":(80|443)"', '"127.0.0.1:0"', text)
        file = self.folder / "sluice.yaml"
        file.write_text(text + f'admin: "unix:{self.folder}/admin.sock"\n')
        done = command("check", "--config", file)
        assert done.returncode == 0, done.stderr
        self.after = Sluice(arguments=["run", "--config", str(file)]).wait_ready()
        self.before = KINDS[name](self, (FOLDER / name / KINDS[name].FILE).read_text())
        self.both = {name: self.before, "sluice": self.after}

    def listed(self, pool=None, backup=None):
        """Addresses of servers: all, those of a pool, those that are backups or not."""
        for name, one in self.document["pools"].items():
            for server in one["servers"]:
                server = server if isinstance(server, dict) else {"address": server}
                if pool in (None, name) and backup in (None, server.get("backup", False)):
                    yield server["address"]

    def pool_of(self, answer):
        """The pool whose server answered; none when the proxy did."""
        server = answer.get("X-Origin-Name")
        return next((name for name in self.document["pools"] if server in self.listed(name)), None)

    def ask(self, proxy, listener, method, target, *fields, host, body=b""):
        how = {"tls": trusting(), "server_name": self.known} if listener == "https" else {}
        with RawClient(proxy[listener], **how) as client:
            return client.request(method, target, "Connection: close", *fields, host=host, body=body)

    @property
    def hosts(self):
        return list(dict.fromkeys(host for route in self.document["routes"] for host in route["hosts"]))

    def host_of(self, pool):
        return next(route["hosts"][0] for route in self.document["routes"]
                    if route["pool"] == pool and "path" not in route)

    @property
    def known(self):
        """A name for the handshake."""
        return self.hosts[0]

    @property
    def paths(self):
        listed = {route["path"] for route in self.document["routes"] if "path" in route}
        found = listed | {f"{path}x" for path in listed} | {"/", "/a%20b"}
        if self.name != "nginx":  # which would answer 301, with the slash
            found |= {path.rstrip("/") for path in listed}
        return sorted(found)

    def stop(self):
        try:
            self.before.stop()
            self.after.stop()
        finally:
            for origin in self.origins.values():
                origin.stop()
            rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module", params=KINDS)
def move(request, authority):
    one = Move(request.param, authority)
    yield one
    one.stop()


def same(move, ask):
    """What both say; fails if it differs."""
    said = {name: ask(proxy) for name, proxy in move.both.items()}
    assert said["sluice"] == said[move.name]
    return said["sluice"]


def test_the_same_pools_answer_and_are_told_the_same(move):
    pools = set()
    for host in move.hosts:
        for path in move.paths:
            def ask(proxy, host=host, path=path):
                answer = move.ask(proxy, "https", "GET", f"{path}?echo&b=%2f", host=host)
                told = {name.lower(): value for name, value in json.loads(answer.body)["headers"]}
                return answer.status, move.pool_of(answer), json.loads(answer.body)["target"], {
                    name: told.get(name) for name in TOLD}

            status, pool, _, _ = same(move, ask)
            assert status == 200
            pools.add(pool)
    assert pools == set(move.document["pools"]), "a pool that nothing leads to"


def test_plain_http_is_redirected(move):
    for host in move.hosts:
        def ask(proxy, host=host):
            answer = move.ask(proxy, "http", "GET", "/a?b=c", host=host)
            # Here the port is not 443, of which Sluice and Caddy tell, and the others do not.
            return answer.status, re.sub(r":\d+/", "/", answer.get("Location"))

        assert same(move, ask) == (308, f"https://{host}/a?b=c")


def test_the_same_statuses(move):
    host = move.known

    def status(*question, **how):
        return same(move, lambda proxy: move.ask(proxy, "https", *question, **{"host": host, **how}).status)

    assert status("GET", "/?status=500") == 500
    assert status("HEAD", "/") == 200
    assert status("POST", "/upload", body=b"x" * 65536) == 200
    if "body" in move.document.get("max", {}):
        assert status("POST", "/upload", body=b"x" * (1 << 20)) == 200
        if move.name != "caddy":  # whose status for it has changed over its versions
            assert status("POST", "/upload", body=b"x" * ((1 << 20) + 1)) == 413
    if move.name != "caddy":  # which answers 200 to hosts that it does not know
        assert status("GET", "/", host="nobody.test") == 404


def test_websockets_are_let_through(move):
    def ask(proxy):
        with RawClient(proxy["https"], tls=trusting(), server_name=move.known) as client:
            client.send(f"GET /ws HTTP/1.1\r\nHost: {move.known}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
            return client.response(interim=True).status

    assert same(move, ask) == 101


def test_a_cookie_brings_back(move):
    sticky = {name: one["sticky"]["cookie"] for name, one in move.document["pools"].items() if "sticky" in one}
    if not sticky:
        return
    pool, = sticky

    def ask(proxy):
        first = move.ask(proxy, "https", "GET", "/", host=move.host_of(pool))
        cookie = first.get("Set-Cookie").partition(";")[0]
        names = {move.ask(proxy, "https", "GET", "/", f"Cookie: {cookie}", host=move.host_of(pool))
                 .get("X-Origin-Name") for _ in range(6)}
        return cookie.partition("=")[0], names == {first.get("X-Origin-Name")}

    assert same(move, ask) == (sticky[pool], True)


def test_a_backup_stands_in(move):
    """Last in this file: servers end."""
    backups = list(move.listed(backup=True))
    if not backups:
        return
    pool = next(name for name in move.document["pools"] if backups[0] in move.listed(name))
    for address in move.listed(pool, backup=False):
        move.origins[address].stop()
    for proxy in move.both.values():
        wait_until(lambda proxy=proxy: move.ask(proxy, "https", "GET", "/", host=move.host_of(pool))
                   .get("X-Origin-Name") == backups[0], "the backup to answer")


def test_the_table_names_our_keys():
    """Every key in the last column of the table in migrating.md is one of configuration.md."""
    reference = (ROOT / "docs/configuration.md").read_text()
    rows = [row.split(" | ") for row in Page(ROOT / "docs/migrating.md").text.splitlines() if row.count(" | ") == 5]
    spans = [span for row in rows[1:] for span in re.findall(r"`([^`]+)`", row[-1])]
    named = [span for span in spans if not span.startswith(("sluice ", "/"))]
    assert len(named) > 40
    words = {word for span in named for word in re.findall(r"[a-z_0-9]+", re.sub(r": (/.*|true|false)$", "", span))}
    assert not {word for word in words if not re.search(rf"\b{word}\b", reference)}
