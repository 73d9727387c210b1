"""The repository's pages taken apart, so that tests can hold them to what Sluice does."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from sluice import ROOT

FENCE = re.compile(r"^( *)```(\S*)\s*$")
LINK = re.compile(r"(?<!!)\[(?:[^\]`]|`[^`]*`)*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: "Page"
    line: int
    kind: str  # what is written behind the first fence
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def transcript(self):
        """A session at a prompt: pairs of a command and what it says. Empty for other blocks."""
        steps = []
        if self.kind or not self.text.startswith("$ "):
            return steps
        for line in self.text.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], []))
            else:
                steps[-1][1].append(line)
        return steps

    @property
    def commands(self):
        """The commands of a block without a prompt, and those of a transcript."""
        if self.transcript:
            return [command for command, _ in self.transcript]
        return self.text.splitlines() if not self.kind else []

    @property
    def configuration(self):
        """The configuration that stands above it on its page, or none."""
        above = [block for block in self.page.blocks if block.kind == "yaml" and block.line < self.line]
        return above[-1].text if above else None


class Page:
    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")

    def __str__(self):
        return str(self.path.relative_to(ROOT))

    @cached_property
    def blocks(self):
        found, opened = [], None
        for number, line in enumerate(self.text.splitlines(), 1):
            fence = FENCE.match(line)
            if fence and opened is None:
                opened = (number, fence[2], len(fence[1]), [])
            elif fence:
                begin, kind, indent, lines = opened
                found.append(Block(self, begin, kind, "".join(f"{one[indent:]}\n" for one in lines)))
                opened = None
            elif opened:
                opened[3].append(line)
        assert opened is None, f"{self}: the block that begins in line {opened[0]} does not end"
        return found

    @cached_property
    def prose(self):
        """The text without the blocks, line by line as in the file."""
        inside, lines = False, []
        for line in self.text.splitlines():
            fence = FENCE.match(line)
            lines.append("" if inside or fence else line)
            inside ^= bool(fence)
        return "\n".join(lines)

    @cached_property
    def anchors(self):
        """What a link can name behind #: headings as GitHub names them, and ids set by hand."""
        names = set(re.findall(r'<a (?:id|name)="([^"]+)">', self.prose))
        for heading in re.findall(r"^#{1,6} (.+?)\s*$", self.prose, re.M):
            plain = re.sub(r"<[^>]+>|[`*]|\[([^\]]*)\]\([^)]*\)", lambda found: found[1] or "", heading).strip()
            slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            name, again = slug, 0
            while name in names:
                again += 1
                name = f"{slug}-{again}"
            names.add(name)
        return names

    @cached_property
    def links(self):
        """Targets of links, but for those that lead out of the repository."""
        return [target for target in LINK.findall(self.prose) if not re.match(r"[a-z]+:", target)]


def pages():
    """Every page in the repository."""
    found = {*ROOT.glob("*.md")}
    for folder in ("docs", "bench", "certs", "conf"):
        found |= {path for path in (ROOT / folder).rglob("*.md") if "results" not in path.parts}
    return [Page(path) for path in sorted(found)]


def pages_for_users():
    """README.md and what is in docs/: what is held to what Sluice does."""
    return [page for page in pages() if page.path.name == "README.md" and page.path.parent == ROOT
            or page.path.parent == ROOT / "docs"]


# --- configurations that pages show ---------------------------------------------------------------------------

def completed(text):
    """A part of a configuration with what it leaves out: version, a listener, a certificate, pools it names, a route."""
    shown = yaml.safe_load(text)
    added = {"version": 1, "listeners": {"http": ":8080"}}
    named = list(dict.fromkeys(find_all(shown, "pool")))
    added["pools"] = {name: {"servers": ["127.0.0.1:3000"]} for name in named or ["app"]}
    if "'tls': True" in repr(shown.get("listeners")):
        added["tls"] = {"certificates": [{"cert": "certs/example.test.pem", "key": "certs/example.test.key"}]}
    if "tenants" not in shown:
        added["routes"] = [{"pool": next(iter(shown.get("pools", added["pools"])))}]
    lines = [f"{key}: {json.dumps(value)}" for key, value in added.items() if key not in shown]
    return "\n".join([text.rstrip("\n"), *lines]) + "\n"


def find_all(value, key):
    """Every text under `key`, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            yield from find_all(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from find_all(inner, key)


def furnished(text, folder, authority):
    """The configuration with the places of a machine moved below `folder`, and the files there that it reads.

    A certificate is for the host that its file is named after, and for those of routes below it; `wildcard.` stands for
    `*.`.
    """
    text = re.sub(r"(?<![\w/.])/(etc|var|run)/", rf"{folder}/\1/", text)
    shown = yaml.safe_load(text)
    hosts = [host for route in shown.get("routes", ()) for host in route.get("hosts", ())]
    for cert, key in zip(find_all(shown, "cert"), find_all(shown, "key")):
        name = re.sub(r"^wildcard\.", "*.", re.sub(r"\.(rsa|ecdsa)$", "", Path(cert).stem))
        leaf = authority.leaf(*dict.fromkeys([name, *(host for host in hosts if host.endswith(f".{name}"))]), days=60)
        copy(leaf.cert, folder / cert)
        copy(leaf.key, folder / key)
    for ca in find_all(shown, "ca"):
        copy(authority.cert, folder / ca)
    for place in (*find_all(shown, "access"), *find_all(shown, "address"), shown.get("admin")):
        if isinstance(place, str) and "/" in place:
            (folder / place.removeprefix("unix:")).parent.mkdir(parents=True, exist_ok=True)
    return text


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(Path(source).read_bytes())


# --- comparing what pages show with what came -----------------------------------------------------------------

PLACEHOLDERS = [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "TIME"),
    (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
    (r"\b[0-9a-f]{32}\b", "ID"),
    (r"\bpid=\d+", "pid=N"),
    (r"\b\d+ active", "N active"),
    (r"\b\d+(\.\d+)? (ms|s|min|h) ago", "N s ago"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"[ \t]+", " "),
]


def shape(text):
    """Text without what differs from run to run: times, ids, ports, widths of columns."""
    for pattern, word in PLACEHOLDERS:
        text = re.sub(pattern, word, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())
