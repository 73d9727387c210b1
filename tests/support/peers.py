"""Real counterparts: nginx and nghttpx as applications, curl, nghttp, openssl and a browser as clients, wrk and h2load as crowds."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from client import connect
from ports import free_port
from waiting import PATIENCE, wait_until


def need(program):
    """Path of a counterpart; skips the test where it is not installed."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        pytest.skip(f"{program} is not installed")
    return path


class Nginx:
    """nginx as an upstream, in the foreground, with its own prefix. `server` is the body of its server block.

    speaks: what follows the address in `listen`, such as "http2" or "ssl http2".
    """

    def __init__(self, server="location / { return 200 'nginx'; }", http="", speaks=""):
        program = need("nginx")
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-nginx-"))
        self.root = self.folder / "root"
        self.root.mkdir()
        self.address = f"127.0.0.1:{free_port()}"
        # Temporary folders and workers of our own: nothing may depend on who runs this.
        (self.folder / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; root {self.root}; client_max_body_size 0; keepalive_requests 1000000;
              client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p;
              fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
              {http}
              server {{ listen {self.address} {speaks}; {server} }}
            }}""")
        self.process = subprocess.Popen([program, "-p", str(self.folder), "-c", "nginx.conf", "-e",
                                         str(self.folder / "error.log")], stdin=subprocess.DEVNULL)
        wait_until(self.answers, "nginx to listen")

    def answers(self):
        assert self.process.poll() is None, f"nginx ended: {(self.folder / 'error.log').read_text()}"
        try:
            connect(self.address).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


class Nghttpx:
    """nghttpx in front of `backend` ("host:port", HTTP/1.1): an upstream that speaks HTTP/2 in the clear, or under TLS."""

    def __init__(self, backend, *options, leaf=None):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-nghttpx-"))
        self.address = f"127.0.0.1:{free_port()}"
        host, _, port = backend.rpartition(":")
        own_port = self.address.rpartition(":")[2]
        self.process = subprocess.Popen(
            [need("nghttpx"), "--conf=/dev/null", f"--frontend=127.0.0.1,{own_port}{'' if leaf else ';no-tls'}",
             f"--backend={host},{port}", "--workers=1", "--log-level=WARN", f"--errorlog-file={self.folder}/error.log", *options,
             *([leaf.key, leaf.cert] if leaf else [])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder)
        wait_until(self.answers, "nghttpx to listen")

    def answers(self):
        assert self.process.poll() is None, f"nghttpx ended: {(self.folder / 'error.log').read_text()}"
        try:
            connect(self.address).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.kill()  # it would wait for Sluice's connections
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


def curl(*arguments, patience=PATIENCE, binary=False):
    """Runs curl; returns the CompletedProcess."""
    return subprocess.run([need("curl"), "--silent", "--show-error", "--noproxy", "*", "--max-time", str(patience),
                           *map(str, arguments)], capture_output=True, text=not binary, check=False)


def s_client(address, *arguments, say=""):
    """Runs `openssl s_client` against `address`, feeds it `say`; returns the CompletedProcess."""
    return subprocess.run([need("openssl"), "s_client", "-connect", address, *arguments], capture_output=True,
                          text=True, input=say, timeout=PATIENCE, check=False, errors="replace")


class Crowd:
    """Load in the background: wrk over keep-alive connections, for `seconds`."""

    def __init__(self, url, seconds, connections=16, host="app.test"):
        self.seconds = seconds
        self.process = subprocess.Popen(
            [need("wrk"), "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", f"{PATIENCE:.0f}s",
             "-H", f"Host: {host}", url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def running(self):
        return self.process.poll() is None

    def result(self):
        """Waits; returns (requests answered, what went wrong, report)."""
        report, _ = self.process.communicate(timeout=self.seconds + PATIENCE)
        done = re.search(r"(\d+) requests in ", report)
        assert done, f"wrk said:\n{report}"
        wrong = re.findall(r"Socket errors:.*|Non-2xx or 3xx responses:.*", report)
        return int(done[1]), wrong, report

    def stop(self):
        if self.running:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def h2load(url, requests, connections=16):
    """Speaks HTTP/1.1 with h2load; returns (succeeded, report)."""
    done = subprocess.run([need("h2load"), "--h1", "-t", "1", "-c", str(connections), "-n", str(requests), url],
                          capture_output=True, text=True, timeout=PATIENCE * 2, check=False)
    succeeded = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    assert succeeded, f"h2load said:\n{done.stdout}{done.stderr}"
    return int(succeeded[1]), done.stdout


class Load:
    """h2load in the background, over HTTP/2: `requests` in all, `streams` at a time on each of the connections.

    url: "http://127.0.0.1:port/…" or "https://…"; `authority` is what is asked for.
    """

    def __init__(self, url, requests, connections=4, streams=50, authority="app.test", options=()):
        scheme, _, rest = url.partition("://")
        address, _, path = rest.partition("/")
        port = address.rpartition(":")[2]
        self.process = subprocess.Popen(
            [need("h2load"), "-t", "1", "-c", str(connections), "-m", str(streams), "-n", str(requests), f"--connect-to={address}",
             *options, f"{scheme}://{authority}:{port}/{path}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)

    @property
    def running(self):
        return self.process.poll() is None

    def result(self):
        """Waits; returns (succeeded, everything else that became of requests, report)."""
        report, _ = self.process.communicate(timeout=PATIENCE * 2)
        numbers = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", report)
        statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", report)
        assert numbers and statuses, f"h2load said:\n{report}"
        assert numbers[2] == statuses[1], report
        return int(numbers[2]), sum(map(int, numbers.groups()[2:])), report

    def stop(self):
        if self.running:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def nghttp(*arguments):
    """Runs nghttp; returns the CompletedProcess."""
    return subprocess.run([need("nghttp"), "--no-verify-peer", *map(str, arguments)], capture_output=True, timeout=PATIENCE, check=False)


class Browser:
    """Headless Chromium that visits `url`; it takes any certificate, and finds every host on 127.0.0.1."""

    def __init__(self, url):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-chromium-"))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [need("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
                 "--ignore-certificate-errors", "--host-resolver-rules=MAP * 127.0.0.1", f"--user-data-dir={self.folder}/profile", url],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": str(self.folder)}, start_new_session=True)

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own session, so its helpers and nobody else
        except ProcessLookupError:
            pass
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)
