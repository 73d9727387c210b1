"""Certificates for tests, made with the openssl command line: one authority, leaves as needed."""

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Leaf:
    cert: str  # PEM, leaf first
    key: str
    serial: int


def openssl(*arguments, text=None):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, input=text, check=False)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr}"
    return done.stdout


class Authority:
    """A CA in `folder`. Leaves are kept, so that a whole session makes each only once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cert = str(self.folder / "ca.pem")
        self.key = str(self.folder / "ca.key")
        self.serial = 1000
        self.made = {}
        self.make_key(self.key, "ecdsa")
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/CN=Sluice test authority", "-days", "30",
                "-out", self.cert, "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def make_key(self, path, kind):
        if kind == "rsa":
            openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path)
        else:
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)

    def leaf(self, *names, kind="ecdsa", days=30, fresh=False):
        """A certificate for `names` (wildcards too). `fresh` makes a new one even if there is one already.

        Negative `days` make one that expired that many days ago.
        """
        wanted = (names, kind, days)
        if not fresh and wanted in self.made:
            return self.made[wanted]
        self.serial += 1
        stem = self.folder / f"{self.serial}-{names[0].replace('*', 'wildcard')}-{kind}"
        cert, key, request, extensions = (f"{stem}{end}" for end in (".pem", ".key", ".csr", ".ext"))
        self.make_key(key, kind)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={names[0]}", "-out", request)
        Path(extensions).write_text("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName="
                                    + ",".join(f"DNS:{n}" for n in names) + "\n")
        if days > 0:
            openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-set_serial", self.serial,
                    "-days", days, "-extfile", extensions, "-out", cert)
        else:
            self.sign_expired(request, extensions, cert, -days)
        Path(cert).write_text(Path(cert).read_text() + Path(self.cert).read_text())
        made = Leaf(cert, key, self.serial)
        self.made[wanted] = made
        return made

    def sign_expired(self, request, extensions, cert, days):
        """`openssl x509` cannot date back; `openssl ca` can, and wants a small database for it."""
        room = self.folder / f"ca-{self.serial}"
        room.mkdir()
        (room / "index.txt").touch()
        (room / "serial").write_text(f"{self.serial:04X}\n")
        (room / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\n" f"database={room}/index.txt\nserial={room}/serial\nnew_certs_dir={room}\n"
            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        end = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
        begin = end - datetime.timedelta(days=30)
        stamp = "%Y%m%d%H%M%SZ"
        openssl("ca", "-batch", "-notext", "-config", room / "ca.cnf", "-cert", self.cert, "-keyfile", self.key,
                "-in", request, "-out", cert, "-extfile", extensions, "-startdate", begin.strftime(stamp),
                "-enddate", end.strftime(stamp))


def entry(leaf):
    """A leaf as `tls.certificates` names it."""
    return {"cert": leaf.cert, "key": leaf.key}


def expiry(leaf):
    """The day a leaf expires, as YYYY-MM-DD."""
    text = openssl("x509", "-in", leaf.cert, "-noout", "-enddate").strip().partition("=")[2]
    return datetime.datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").strftime("%Y-%m-%d")
