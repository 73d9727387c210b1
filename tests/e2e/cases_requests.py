"""How the tables of malformed requests are written down, and the parts they are made of."""

from dataclasses import dataclass, replace
from typing import Optional

# What the application may have seen of a refused request.
NOTHING = "nothing"  # not one byte
BROKEN = "broken"    # at most a message that visibly breaks off (its head was fine, its body was not)


@dataclass(frozen=True)
class Case:
    name: str
    request: bytes
    status: int = 400
    upstream: str = NOTHING
    closes: bool = True  # whether the connection has to end with the answer
    rule: str = ""       # that is broken, as Sluice calls it

    def __str__(self):
        return self.name


def case(name, request, status=400, upstream=NOTHING, closes=True, rule=""):
    if isinstance(request, str):
        request = request.encode("latin-1")
    return Case(name, request, status, upstream, closes, rule)


def told(rule, cases, **others):
    """The cases with the rule that each breaks: `rule`, or the one under which `others` lists its name."""
    named = {name: other.replace("_", "-") for other, names in others.items() for name in names.split()}
    strangers = set(named) - {case.name for case in cases}
    assert not strangers, strangers
    return [replace(case, rule=named.get(case.name, rule)) for case in cases]


def get(*lines, target="/x", host: Optional[str] = "app.test", version="HTTP/1.1", method="GET"):
    """A GET with extra field lines, as bytes. Lines may be str (Latin-1) or bytes."""
    parts = [f"{method} {target} {version}"] + ([f"Host: {host}"] if host is not None else []) + list(lines)
    return b"\r\n".join(p if isinstance(p, bytes) else p.encode("latin-1") for p in parts) + b"\r\n\r\n"


def post(*lines, body=b"hello", **how):
    """A POST with extra field lines and a body; the framing is up to the lines."""
    return get(*lines, method="POST", **how) + body


def shown(text):
    """A readable test id for odd bytes."""
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    short = "".join(c if 0x21 <= ord(c) < 0x7f and c not in "[]:\\" else "_" if c == " " else f"x{ord(c):02x}" for c in text)
    return short if len(short) <= 48 else f"{short[:40]}..{len(short)}"


# Control bytes that are not HTAB, CR, LF: the named troublemakers of each range.
CONTROLS = [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x0E, 0x1B, 0x1F, 0x7F]
