"""A redis-server of a test's own: on a free port, in memory, ended with the test."""

import signal
import subprocess
import tempfile

from ports import free_port
from waiting import wait_until


class Redis:
    """`options` are words of redis.conf: {"requirepass": "secret"}. With `leaf` it speaks TLS alone."""

    def __init__(self, leaf=None, ca=None, **options):
        self.port = free_port()
        self.leaf, self.ca = leaf, ca
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="sluice-redis-")
        self.process = None
        self.start()

    def url(self, user="", host="127.0.0.1", database=""):
        return f"redis{'s' if self.leaf else ''}://{user}{host}:{self.port}{database}"

    def start(self):
        words = {"bind": "127.0.0.1", "port": self.port, "save": "", "appendonly": "no", "dir": self.folder}
        if self.leaf:
            words |= {"port": 0, "tls-port": self.port, "tls-cert-file": self.leaf.cert, "tls-key-file": self.leaf.key,
                      "tls-ca-cert-file": self.ca, "tls-auth-clients": "no"}
        arguments = [part for word, value in (words | self.options).items() for part in (f"--{word}", str(value))]
        self.process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_until(lambda: "PONG" in self.ask("PING"), "redis-server to answer")

    def ask(self, *words):
        how = ["--tls", "--cacert", self.ca] if self.leaf else []
        if "requirepass" in self.options:
            how += ["--no-auth-warning", "-a", self.options["requirepass"]]
        done = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *how, *words], capture_output=True,
                              text=True, check=False)
        return done.stdout

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        subprocess.run(["rm", "-rf", self.folder], check=True)
