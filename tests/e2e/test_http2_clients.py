"""HTTP/2 clients that others wrote: curl, nghttp, h2load, and a browser; reloads and stopping under their load."""

import base64
import hashlib
import json
import os
import re
import shutil
import threading

import pytest

from certs import entry
from client import trusting
from http2 import Code, Http2Client, data, head, rst_stream, window_update
from peers import Browser, Load, curl, nghttp
from sluice import config, pool
from waiting import PATIENCE, wait_until

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LISTENERS = {"http": "127.0.0.1:0", "h2c": {"address": "127.0.0.1:0", "protocols": ["h2c"]}, "https": {"address": "127.0.0.1:0", "tls": True}}


@pytest.fixture
def edge(start, app, authority):
    """Every kind of listener, in front of one application that speaks HTTP/1.1."""
    leaf = authority.leaf("app.test")
    return start(config(app, listeners=LISTENERS, tls={"certificates": [entry(leaf)]}))


@pytest.fixture
def load():
    """load(url, requests, …) starts h2load."""
    running = []

    def run(*arguments, **how):
        running.append(Load(*arguments, **how))
        return running[-1]

    yield run
    for one in running:
        one.stop()


def place(sluice, listener, path="/"):
    """Where to find a listener, for clients that resolve nothing: scheme and address, and the host to ask for."""
    return f"{'https' if listener == 'https' else 'http'}://{sluice[listener]}{path}"


secure_or_not = pytest.mark.parametrize("listener", ["h2c", "https"])


# --- curl ----------------------------------------------------------------------------------------------------

def curled(sluice, authority, listener, path, *options, binary=False):
    """curl by HTTP/2; returns (HTTP version, status, what was written)."""
    port = sluice[listener].rpartition(":")[2]
    scheme = "https" if listener == "https" else "http"
    how = {"https": ["--http2", "--cacert", authority.cert], "h2c": ["--http2-prior-knowledge"], "http": ["--http2"]}[listener]
    done = curl(*how, "--resolve", f"app.test:{port}:127.0.0.1", "-w", "\n%{http_version} %{http_code}", *options,
                f"{scheme}://app.test:{port}{path}", binary=True)
    assert done.returncode == 0, done.stderr
    body, _, said = done.stdout.rpartition(b"\n")
    version, status = said.decode().split()
    return version, int(status), body if binary else body.decode("latin-1")


@secure_or_not
def test_curl(edge, app, authority, listener):
    assert curled(edge, authority, listener, "/x?y=1") == ("2", 200, "hello from app")
    request = app.last("/x").request
    assert (request.get("Host").partition(":")[0], request.get("X-Forwarded-Proto")) == ("app.test", "https" if listener == "https" else "http")


def test_curl_offers_an_upgrade_that_nobody_takes(edge, app, authority):
    """`Upgrade: h2c` is no way into HTTP/2 here, and goes no further."""
    assert curled(edge, authority, "http", "/x") == ("1.1", 200, "hello from app")
    request = app.last("/x").request
    assert request.get("Upgrade") is None and request.get("HTTP2-Settings") is None


@secure_or_not
def test_curl_uploads_and_downloads(edge, app, authority, listener, tmp_path):
    (tmp_path / "large").write_bytes(os.urandom(5 << 20))
    app.play("/echo", lambda v: v.reply(body=v.body()))
    version, status, body = curled(edge, authority, listener, "/echo", "-T", tmp_path / "large", binary=True)
    assert (version, status) == ("2", 200) and body == (tmp_path / "large").read_bytes()


@secure_or_not
def test_curl_of_many_kinds(edge, app, authority, listener):
    app.play("/204", lambda v: v.reply(204))
    app.play("/404", lambda v: v.reply(404, body=b"nothing"))
    app.play("/chunked", lambda v: v.reply(body=b"pieces", chunked=True, trailers="X-Sum: 6\r\n"))
    assert curled(edge, authority, listener, "/x", "-I")[:2] == ("2", 200)
    assert curled(edge, authority, listener, "/204")[1:] == (204, "")
    assert curled(edge, authority, listener, "/404")[1:] == (404, "nothing")
    assert curled(edge, authority, listener, "/chunked")[1:] == (200, "pieces")
    assert curled(edge, authority, listener, "/up", "-d", "a=1", "-H", "Expect: 100-continue")[1] == 200
    assert app.last("/up").request.body == b"a=1"


def test_curl_in_parallel(edge, authority):
    """Only under TLS: curl 7.88 itself fails at this with prior knowledge, whatever server it asks."""
    port = edge["https"].rpartition(":")[2]
    done = curl("--http2", "--cacert", authority.cert, "--resolve", f"app.test:{port}:127.0.0.1", "--parallel", "--parallel-max", "50",
                "-w", "%{http_version} %{http_code}\\n", "-o", "/dev/null", f"https://app.test:{port}/n[1-100]")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 200") == 100


# --- nghttp --------------------------------------------------------------------------------------------------

def spoken(sluice, listener, *options, path="/x"):
    """nghttp's account of a visit."""
    done = nghttp("-nv", "-H", ":authority: app.test", *options, place(sluice, listener, path))
    account = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode("latin-1"))
    assert done.returncode == 0, f"{account}\n{done.stderr}"
    return account


@secure_or_not
def test_nghttp_many_at_once(edge, app, listener):
    account = spoken(edge, listener, "-m", "60")
    assert len(re.findall(r"recv \(stream_id=\d+\) :status: 200", account)) == 60
    assert "RST_STREAM" not in account and len(app.to("/x")) == 60


@secure_or_not
def test_nghttp_with_trailers_continuation_and_padding(edge, app, listener, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 100_000)
    account = spoken(edge, listener, "--continuation", "-b", "200", "-d", tmp_path / "body", "--trailer", "x-sum: 100000", "--no-content-length",
                     path="/up")
    assert int(re.search(r"send HEADERS frame <length=(\d+)", account)[1]) > 16384 and ":status: 200" in account
    request = app.last("/up").request
    assert request.body == b"x" * 100_000
    assert [(n.lower(), v) for n, v in request.trailers] == [("x-sum", "100000")]


def test_nghttp_with_small_windows(edge, app):
    app.play("/large", lambda v: v.reply(body=b"x" * 500_000))
    account = spoken(edge, "h2c", "-w", "10", "-W", "16", "-m", "3", path="/large")
    assert account.count(":status: 200") == 3
    assert sum(int(n) for n in re.findall(r"recv DATA frame <length=(\d+)", account)) == 3 * 500_000


def test_nghttp_waits_for_100(edge, app, tmp_path):
    (tmp_path / "body").write_bytes(b"hello")
    app.play("/up", lambda v: (v.reply(100), v.body(), v.reply(body=b"thanks")))
    account = spoken(edge, "h2c", "--expect-continue", "-d", tmp_path / "body", path="/up")
    assert account.index(":status: 100") < account.index("send DATA frame") < account.index(":status: 200")


@pytest.mark.parametrize("size", [0, 4096, 65536])
def test_nghttp_with_other_header_tables(edge, app, size):
    account = spoken(edge, "https", "-c", str(size), "-m", "20", "-H", "x-again: and again")
    assert account.count(":status: 200") == 20
    assert all(v.request.get("x-again") == "and again" for v in app.to("/x"))


# --- h2load --------------------------------------------------------------------------------------------------

@pytest.fixture
def quick(start, nginx, authority):
    """quick("h2") or quick("http/1.1"): Sluice in front of an nginx asked that way."""
    def make(speaks):
        peer = nginx("location / { return 200 'quick'; } location /large { }", speaks="http2" if speaks == "h2" else "")
        (peer.root / "large").write_bytes(b"x" * 200_000)
        return start(config(listeners=LISTENERS, tls={"certificates": [entry(authority.leaf("app.test"))]},
                            pools={"app": pool(peer, protocol=speaks)}, routes=[{"pool": "app"}]))
    return make


@secure_or_not
@pytest.mark.parametrize("speaks", ["h2", "http/1.1"])
def test_h2load(quick, load, listener, speaks):
    succeeded, other, report = load(place(quick(speaks), listener), 3000, connections=10, streams=30).result()
    assert (succeeded, other) == (3000, 0), report


@pytest.mark.parametrize("options", [["-w", "12", "-W", "16"], ["-w", "20", "-W", "25"], ["--header-table-size=0"]], ids=" ".join)
def test_h2load_with_odd_windows(quick, load, options):
    succeeded, other, report = load(place(quick("h2"), "h2c", "/large"), 200, connections=4, streams=20, options=options).result()
    assert (succeeded, other) == (200, 0), report


def test_h2load_uploads(quick, load, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 40_000)
    succeeded, other, report = load(place(quick("h2"), "https"), 500, connections=4, streams=20, options=["-d", tmp_path / "body"]).result()
    assert (succeeded, other) == (500, 0), report


# --- a browser -----------------------------------------------------------------------------------------------

PAGE = b"""<!doctype html><title>a page</title><link rel=icon href=data:,><script>
const image = n => new Promise(done => {
  const i = new Image(); i.onload = () => done(i.width); i.onerror = () => done(0); i.src = `/image-${n}.svg`;
});
const talk = () => new Promise(done => {
  const s = new WebSocket(`wss://${location.host}/chat`), heard = [];
  s.onopen = () => s.send("hello");
  s.onmessage = e => { heard.push(e.data); if (heard.length < 3) s.send("again"); else s.close(1000); };
  s.onclose = e => done([...heard, e.code]);
});
(async () => {
  const said = {};
  said.images = await Promise.all([...Array(60).keys()].map(image));
  const answer = await fetch("/echo", {method: "POST", body: new Uint8Array(300000).fill(120)});
  said.posted = (await answer.arrayBuffer()).byteLength;
  said.protocols = [...new Set(performance.getEntriesByType("resource").map(e => e.nextHopProtocol))];
  said.socket = await talk();
  await fetch("/report", {method: "POST", body: JSON.stringify(said)});
})();
</script>"""


def unmask(frame):
    """A short text frame of a client, as text; None if it is no text."""
    if frame[0] & 15 != 1:
        return None
    size, mask = frame[1] & 127, frame[2:6]
    return bytes(b ^ mask[i % 4] for i, b in enumerate(frame[6: 6 + size]))


def answer_frame(frame):
    """An echo of texts, and of the closing frame: its code in the clear."""
    text = unmask(frame)
    if text is not None:
        return b"\x81" + bytes([len(text)]) + text
    return b"\x88\x02" + bytes(b ^ frame[2 + i] for i, b in enumerate(frame[6:8]))


def chat_http1(v):
    proof = base64.b64encode(hashlib.sha1(v.request.get("Sec-WebSocket-Key").encode() + MAGIC).digest())
    v.send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n" % proof)
    wire, closing = v.connection.wire, False
    while not closing:
        start = wire.exactly(2, "of a frame")
        rest = wire.exactly(4 + (start[1] & 127), "of a frame")
        closing = start[0] & 15 == 8
        v.send(answer_frame(start + rest))
    v.close()


def chat_http2(v):
    v.head(200)
    at, closing = 0, False
    while not closing:
        v.body(at + 2)
        size = 6 + (v.request.body[at + 1] & 127)
        v.body(at + size)
        frame = bytes(v.request.body[at: at + size])
        at += size
        closing = frame[0] & 15 == 8
        v.data(answer_frame(frame))
    v.data(b"", end=True)


@pytest.mark.parametrize("speaks", ["http/1.1", "h2"])
def test_a_browser(start, apps, h2apps, authority, tmp_path, speaks):
    """60 images, a large POST and a WebSocket, all over one connection in HTTP/2."""
    app = h2apps(announce={"enable_connect_protocol": 1}) if speaks == "h2" else apps()

    def reply(v, kind, body):
        v.body()
        if speaks == "h2":
            v.reply(200, f"content-type: {kind}", body=body)
        else:
            v.reply(fields=[f"Content-Type: {kind}"], body=body)

    app.play("/", lambda v: reply(v, "text/html", PAGE))
    app.play("/echo", lambda v: reply(v, "text/plain", v.body()))
    app.play("/chat", chat_http2 if speaks == "h2" else chat_http1)
    for n in range(60):
        picture = b'<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="9"/>' % (100 + n)
        app.play(f"/image-{n}.svg", lambda v, picture=picture: reply(v, "image/svg+xml", picture))
    sluice = start(config(listeners=LISTENERS, tls={"certificates": [entry(authority.leaf("app.test"))]}, log={"access": str(tmp_path / "access")},
                          pools={"app": pool(app, protocol=speaks)}, routes=[{"pool": "app"}]))
    browser = Browser(f"https://app.test:{sluice['https'].rpartition(':')[2]}/")
    try:
        wait_until(lambda: any(v.request.path == "/report" and v.done for v in app.visits), "the browser's report")
    finally:
        browser.stop()
    said = json.loads(bytes(app.last("/report").request.body))
    assert said == {"images": [100 + n for n in range(60)], "posted": 300_000, "protocols": ["h2"], "socket": ["hello", "again", "again", 1000]}
    sluice.stop()  # then the log is complete
    lines = [json.loads(line) for line in (tmp_path / "access").read_text().splitlines()]
    assert {line["protocol"] for line in lines} == {"HTTP/2"}, "the WebSocket too"
    assert "/chat" in {line["path"] for line in lines}


# --- reloads -------------------------------------------------------------------------------------------------

def test_a_storm_of_reloads(start, nginx, load, authority, tmp_path):
    """2,000 streams at a time that take their time, and meanwhile the servers and the certificate change 20 times."""
    sites = [nginx("location / { return 200 '%s'; } location /slow { limit_rate 4k; }" % name, speaks="http2") for name in ("blue", "green")]
    for site in sites:
        (site.root / "slow").write_bytes(b"x" * 7000)
    shown = {"cert": str(tmp_path / "shown.pem"), "key": str(tmp_path / "shown.key")}

    def show(leaf):
        for kind in ("key", "cert"):
            shutil.copy(getattr(leaf, kind), tmp_path / "fresh")
            os.replace(tmp_path / "fresh", shown[kind])

    def using(site):
        return config(listeners=LISTENERS, tls={"certificates": [shown]}, pools={"app": pool(site, protocol="h2")}, routes=[{"pool": "app"}],
                      timeouts={"drain": "60s"})

    leaves = [authority.leaf("app.test"), authority.leaf("app.test", fresh=True)]
    show(leaves[0])
    sluice = start(using(sites[0]))
    crowds = [load(place(sluice, listener, "/slow"), 3000, connections=10, streams=100) for listener in ("h2c", "https")]
    under_way = []
    for n in range(1, 21):
        show(leaves[n % 2])
        if n % 2:
            assert sluice.hang_up(using(sites[n % 2])) == "applied"
        else:
            done = sluice.reload(using(sites[n % 2]))
            assert done.returncode == 0, done.stderr
        with Http2Client(sluice["https"], tls=trusting(authority.cert, alpn=["h2"]), server_name="app.test") as visitor:
            assert int(visitor.sock.getpeercert()["serialNumber"], 16) == leaves[n % 2].serial
            assert visitor.get("/").body == (b"blue", b"green")[n % 2]
        under_way.append(all(crowd.running for crowd in crowds))
    for crowd in crowds:
        succeeded, other, report = crowd.result()
        assert (succeeded, other) == (3000, 0), f"{report}\n{sluice.log[-3000:]}"
    assert under_way.count(True) >= 10, "the load has to be there while the reloads are"


# --- stopping ------------------------------------------------------------------------------------------------

class Regular:
    """A client that keeps asking until it is told to go; `polite` after the first GOAWAY, else after the last."""

    def __init__(self, address, polite):
        self.polite = polite
        self.client = Http2Client(address)
        self.asked = []
        self.thread = threading.Thread(target=self.run)
        self.error = None
        self.thread.start()

    def answered(self):
        return sum(a.ended for a in list(self.client.answers.values()))

    def told(self):
        goaway = self.client.last_goaway
        return goaway is not None and (self.polite or goaway.last_stream < 2**31 - 1)

    def run(self):
        try:
            while not self.told() and self.client.ended is None:
                while sum(not self.client.answers[s].over for s in self.asked) < 20 and not self.told():
                    post = len(self.asked) % 2 == 1
                    stream = self.client.open(head("POST" if post else "GET", f"/n{len(self.asked)}"), end=not post)
                    self.asked.append(stream)
                    if post:
                        self.client.try_send(data(stream, b"x" * 100, True))
                self.client.read(PATIENCE)
            self.client.rest()
        except BaseException as error:
            self.error = error
        finally:
            self.client.close()


def test_what_comes_after_the_last_goaway_is_ignored(start, h2apps, gate):
    """It crossed the GOAWAY on the way, so it is nobody's fault (RFC 9113 §6.8), and what was accepted goes on."""
    app = h2apps()
    app.play("/slow", lambda v: (v.body(), gate.wait(PATIENCE), v.reply(body=b"at last")))
    sluice = start(config(listeners=LISTENERS | {"https": "127.0.0.1:0"}, pools={"app": pool(app, protocol="h2")}, routes=[{"pool": "app"}],
                          timeouts={"drain": "60s"}))
    with Http2Client(sluice["h2c"]) as visitor:
        first = visitor.open(head("POST", "/slow"), end=False)
        app.wait_visits(1)
        sluice.terminate()
        visitor.until(lambda: visitor.last_goaway and visitor.last_goaway.last_stream == first, "the last GOAWAY")
        late = visitor.open(head("POST", "/late"), end=False)
        visitor.send(data(late, b"late"), window_update(late, 100), rst_stream(late))
        late = visitor.open(head("POST", "/late"), end=False)
        visitor.send(data(late, b"late", True))
        visitor.send(data(first, b"body", True))
        visitor.sync()
        gate.set()
        assert visitor.answer(first).body == b"at last", visitor.story()
        assert visitor.last_goaway.code == Code.NO_ERROR
        visitor.rest()
    assert sluice.wait_exit() == 0
    assert not app.to("/late")


def test_stopping_under_load(start, h2apps, apps):
    """Everybody is told GOAWAY, and whatever it does not take back is answered in full."""
    app = h2apps(default=lambda v: (v.body(), v.reply(body=v.request.path.encode() * 500)))
    sluice = start(config(listeners=LISTENERS | {"https": "127.0.0.1:0"}, pools={"app": pool(app, protocol="h2")}, routes=[{"pool": "app"}],
                          timeouts={"drain": "60s"}))
    crowd = [Regular(sluice["h2c"], polite=n % 2 == 0) for n in range(6)]
    wait_until(lambda: sum(c.answered() for c in crowd) > 500 or any(c.error for c in crowd), "the load")
    sluice.terminate()
    assert sluice.wait_exit() == 0
    for one in crowd:
        one.thread.join(PATIENCE)
        assert one.error is None, one.error
        final = one.client.last_goaway
        assert final.code == Code.NO_ERROR and final.last_stream < 2**31 - 1, "told at last what counts"
        for number, stream in enumerate(one.asked):
            answer = one.client.answers[stream]
            if stream <= final.last_stream:
                assert answer.status == 200 and answer.ended, f"accepted and not answered: {answer}"
                assert answer.body == b"/n%d" % number * 500
            else:
                assert answer.fields is None, f"answered although it was sent away: {answer}"
                assert not one.polite
