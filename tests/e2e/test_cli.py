"""The command line: verbs, exit codes, and errors that say where and what."""

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from client import RawClient
from peers import need
from ports import free_port
from sluice import Sluice, binary, command, config, environment, write_config
from waiting import PATIENCE

EXAMPLES = Path(__file__).with_name("examples")
ERROR = re.compile(r"[^:\s]+:(\d+:\d+:)? (\S+: )?.+")  # no place only for what concerns the file as a whole


@pytest.fixture
def examples(tmp_path, authority):
    """The examples of the contract, with certificates where they name them."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "certs").mkdir()
    for name, leaf in {"wildcard.example.com": authority.leaf("*.example.com"),
                       "www.acme.test": authority.leaf("www.acme.test")}.items():
        shutil.copy(leaf.cert, tmp_path / "certs" / f"{name}.pem")
        shutil.copy(leaf.key, tmp_path / "certs" / f"{name}.key")
    return tmp_path / "examples"


# --- check ------------------------------------------------------------------------------------------------------

def test_check_hello(examples):
    done = command("check", "--config", examples / "hello.yaml")
    assert done.returncode == 0, done.stderr
    for word in ("http", "127.0.0.1:8080", "app", "2 servers"):
        assert word in done.stdout


@pytest.mark.parametrize("words", [["{}"], ["-c", "{}"], ["--config={}"]], ids=" ".join)
def test_check_takes_its_file_in_any_way(examples, words):
    assert command("check", *(word.format(examples / "hello.yaml") for word in words)).returncode == 0
    assert command("check", *(word.format(examples / "nowhere.yaml") for word in words)).returncode == 1


def test_check_tenants(examples):
    done = command("check", "--config", examples / "tenants.yaml")
    assert done.returncode == 0, done.stderr
    for word in ("8080", "8443", "app-eu", "assets", "3", "{tenant}.example.com", "*.example.com", "www.acme.test"):
        assert word in done.stdout


def test_check_limits(examples):
    done = command("check", "--config", examples / "limits.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    for line in ("limit    login        5/m, burst 5, by tenant and client_ip/64, POST /api/auth/",
                 "policies tenant acme: gold, login, flight", "policies any other tenant: standard, login, flight"):
        assert line in done.stdout.splitlines()
    told = json.loads(command("check", "--json", examples / "limits.yaml").stdout)
    assert [limit["name"] for limit in told["limits"]] == ["standard", "gold", "login", "flight"]
    assert {"of": "tenant acme", "policies": ["gold", "login", "flight"]} in told["policies"]


def test_check_says_where_limits_are_counted(tmp_path):
    """Without the password, which is nobody's business who reads the output."""
    file = tmp_path / "c.yaml"
    file.write_text('version: 1\nlisteners: { http: "127.0.0.1:0" }\npools: { app: { servers: ["127.0.0.1:1"] } }\n'
                    'limits: { a: { rate: 5/s, key: client_ip }, store: "redis://u:secret@10.0.0.1/2", on_outage: open }\n'
                    'routes: [{ pool: app, limits: [a] }]\n')
    done = command("check", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert "limits are counted in redis://10.0.0.1:6379/2, on outage open" in done.stdout.splitlines()
    told = json.loads(command("check", "--json", file).stdout)
    assert told["limit_store"] == "counted in redis://10.0.0.1:6379/2, on outage open"
    file.write_text(file.read_text().replace("redis://", "rediss://").replace("on_outage: open", "store_ca: none.pem"))
    done = command("check", file)
    assert done.returncode == 1
    assert "limits.store_ca: cannot read" in done.stderr and "secret" not in done.stderr + done.stdout


def test_check_from_another_folder(examples, tmp_path):
    """Relative paths belong to the file, not to the shell."""
    done = command("check", "--config", "examples/tenants.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["blue-green", "canary", "headers"])
def test_check_examples_of_later_features(examples, name):
    """In order, or refused in the proper form; never half understood."""
    done = command("check", "--config", examples / f"{name}.yaml")
    assert done.returncode in (0, 1)
    if done.returncode == 1:
        lines = done.stderr.strip().splitlines()
        assert lines and all(ERROR.fullmatch(line) and f"{name}.yaml:" in line for line in lines), done.stderr


def test_check_binds_nothing(examples):
    """The ports of a running process are no error to check."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        file = write_config(examples / "taken.yaml", config("127.0.0.1:3001", listeners={"http": address}))
        done = command("check", "--config", file)
        assert done.returncode == 0, done.stderr


def test_check_as_json(examples):
    done = command("check", "--config", examples / "tenants.yaml", "--json")
    assert done.returncode == 0
    json.loads(done.stdout)


HEAD = 'version: 1\nlisteners: { http: "127.0.0.1:0" }\npools:\n  app: { servers: ["127.0.0.1:3001"] }\n'
ROUTE = "routes:\n  - { pool: app }\n"

# name: (file, where the first error is, what it must say)
MISTAKES = {
    "misspelt-key": ("version: 1\nlsiteners: {}\n" + HEAD[11:] + ROUTE, "2:1", r'lsiteners.*did you mean "listeners"\?'),
    "misspelt-inner-key": (HEAD.replace("servers", "server") + ROUTE, "4:10", r'pools\.app\.server: .*did you mean "servers"\?'),
    "misspelt-pool": (HEAD + "routes:\n  - { pool: ap }\n", "6:13", r'routes\[0\]\.pool: .*"ap"'),
    "unknown-key": (HEAD + ROUTE + "frobnicate: 1\n", "7:1", r"frobnicate"),
    "duplicate-key": (HEAD + ROUTE + "routes: []\n", "7:1", r"routes.*(twice|duplicate|already)"),
    "duplicate-inner-key": (HEAD + "routes:\n  - { pool: app, pool: app }\n", "6:18", r"pool.*(twice|duplicate|already)"),
    "merge-key": (HEAD + "base: &b { pool: app }\nroutes:\n  - { <<: *b }\n", None, r"(<<|merge)"),
    "wrong-type": (HEAD + "routes: 7\n", "5:9", r"routes: .*list"),
    "wrong-type-inner": (HEAD.replace('["127.0.0.1:3001"]', "7") + ROUTE, "4:19", r"pools\.app\.servers"),
    "duration-without-unit": (HEAD + ROUTE + "timeouts: { idle: 5 }\n", "7:19", r"timeouts\.idle: "),
    "duration-unknown-unit": (HEAD + ROUTE + "timeouts: { idle: 5 parsecs }\n", "7:19", r"timeouts\.idle: .*5 parsecs"),
    "size-unknown-unit": (HEAD + ROUTE + "max: { body: 5XB }\n", "7:14", r"max\.body: "),
    "negative": (HEAD + ROUTE + "max: { fields: -5 }\n", "7:16", r"max\.fields: "),
    "bad-address": (HEAD.replace("127.0.0.1:0", "127.0.0.1") + ROUTE, "2:20", r"listeners\.http: "),
    "bad-port": (HEAD.replace("127.0.0.1:0", "127.0.0.1:65536") + ROUTE, "2:20", r"listeners\.http: "),
    "bad-server": (HEAD.replace("127.0.0.1:3001", "nowhere") + ROUTE, "4:20", r"pools\.app\.servers\[0\]: "),
    "bad-weight": (HEAD.replace('"127.0.0.1:3001"', '{ address: "127.0.0.1:3001", weight: 0 }') + ROUTE, None, r"weight"),
    "no-servers": (HEAD.replace('["127.0.0.1:3001"]', "[]") + ROUTE, None, r"pools\.app"),
    "bad-trusted": (HEAD + ROUTE + 'trusted_proxies: ["10.0.0.0/33"]\n', "7:19", r"trusted_proxies\[0\]: "),
    "bad-host": (HEAD + "routes:\n  - { hosts: [\"a b\"], pool: app }\n", None, r"routes\[0\]\.hosts"),
    "bad-path": (HEAD + "routes:\n  - { path: x, pool: app }\n", None, r"routes\[0\]\.path: "),
    "bad-tenant": (HEAD + "tenants:\n  from_host: \"{tenant}.example.com\"\n  defaults: { pool: app }\n  items:\n    A_b: {}\n",
                   "9:5", r"A_b"),
    "bad-from-host": (HEAD + "tenants: { from_host: \"example.com\", defaults: { pool: app } }\n", None, r"tenants\.from_host: "),
    "unknown-status": (HEAD + "tenants: { from_host: \"{tenant}.test\", unknown: 99, defaults: { pool: app } }\n", None,
                       r"tenants\.unknown: "),
    "missing-variable": (HEAD.replace("127.0.0.1:3001", "${SLUICE_TEST_NOWHERE}") + ROUTE, "4:20", r"SLUICE_TEST_NOWHERE"),
    "missing-version": (HEAD[11:] + ROUTE, None, r"version"),
    "other-version": ("version: 2\n" + HEAD[11:] + ROUTE, "1:10", r"version: "),
    "no-listeners": ('version: 1\npools: { app: { servers: ["127.0.0.1:1"] } }\n' + ROUTE, None, r"listeners"),
    "syntax": (HEAD + "routes: [\n", None, r"."),
    "tab": (HEAD + "routes:\n\t- { pool: app }\n", None, r"."),
    "two-documents": (HEAD + ROUTE + "---\n" + HEAD + ROUTE, None, r"."),
    "not-a-map": ("- 1\n- 2\n", None, r"."),
    "text": ("hello\n", None, r"."),
    "empty": ("", None, r"."),
    "bad-utf-8": (b"version: 1\nlisteners: { http: \"\xff\xfe\" }\n", None, r"."),
    "nul": (b"version: 1\0\n", None, r"."),
    "deep": ("a: " + "[" * 5000 + "]" * 5000 + "\n", None, r"."),
    "deep-maps": ("a: " + "{ a: " * 5000 + "1" + " }" * 5000 + "\n", None, r"."),
    "alias-bomb": ("a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)) + HEAD + ROUTE, None, r"."),
    "alias-of-nothing": (HEAD + "routes:\n  - *nobody\n", None, r"nobody|alias"),
    "recursive-alias": (HEAD + "routes: &r\n  - *r\n", None, r"."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found(tmp_path, name):
    text, where, says = MISTAKES[name]
    file = tmp_path / "bad.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = command("check", "--config", file)
    assert done.returncode == 1, (done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert lines and all(ERROR.fullmatch(line) for line in lines), done.stderr
    assert any(re.search(says, line) and (not where or f"bad.yaml:{where}: " in line) for line in lines), done.stderr


def test_all_mistakes_at_once(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text('version: 1\nlisteners: { http: "nonsense", htps: { adress: "127.0.0.1:0" } }\n'
                    'pools:\n  app: { servers: ["127.0.0.1:99999"] }\nroutes:\n  - { pool: nowhere }\n  - { pol: app }\n'
                    "timeouts: { idle: 5 }\n")
    done = command("check", "--config", file)
    assert done.returncode == 1
    lines = [int((re.search(r"bad\.yaml:(\d+):", line) or ["", 0])[1]) for line in done.stderr.strip().splitlines()]
    assert {2, 4, 6, 7, 8} <= set(lines), done.stderr
    assert lines == sorted(lines)


def test_environment_variables(tmp_path):
    file = tmp_path / "env.yaml"
    file.write_text((HEAD + ROUTE).replace("127.0.0.1:3001", "${SLUICE_TEST_SERVER}"))
    assert command("check", "--config", file, env={"SLUICE_TEST_SERVER": "127.0.0.1:4001"}).returncode == 0
    done = command("check", "--config", file, env={"SLUICE_TEST_SERVER": "nonsense"})
    assert done.returncode == 1 and "pools.app.servers[0]" in done.stderr


@pytest.mark.parametrize("path", ["/nowhere/sluice.yaml", "/"])
@pytest.mark.parametrize("verb", ["check", "run"])
def test_files_that_cannot_be_read(verb, path):
    done = command(verb, "--config", path)
    assert done.returncode == 1 and path in done.stderr


def test_a_file_that_cannot_be_read_says_only_that(tmp_path):
    missing = tmp_path / "missing.yaml"
    assert command("check", missing).stderr == f"{missing}: cannot be read: No such file or directory\n"
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1\n")
    assert command("check", broken).stderr == f'{broken}:1:4: the list that begins at 1:4 does not end; close it with "]"\n'
    assert len(command("run", "-c", broken).stderr.splitlines()) == 1


def test_warnings_fail_nothing_unless_they_shall(tmp_path):
    file = tmp_path / "warned.yaml"
    file.write_text(HEAD + ROUTE + 'trusted_proxies: ["0.0.0.0/0"]\nlog: { access: none.d/access.log }\n')
    done = command("check", file)
    assert done.returncode == 0 and done.stdout.endswith("ok\n")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{file}:7:19: warning: trusted_proxies[0]: 0.0.0.0/0 is everybody")
    assert second.startswith(f"{file}:8:16: warning: log.access: ")
    strict = command("check", "--strict", file)
    assert strict.returncode == 1 and not strict.stdout
    assert strict.stderr == done.stderr.replace("warning: ", "")


def test_warnings_as_json(tmp_path):
    file = tmp_path / "warned.yaml"
    file.write_text(HEAD + ROUTE + 'trusted_proxies: ["0.0.0.0/0"]\n')
    found = {"file": str(file), "line": 7, "column": 19, "path": "trusted_proxies[0]",
             "message": "0.0.0.0/0 is everybody: any client may claim any address and host",
             "hint": "name the proxies in front"}
    done = command("check", "--json", file)
    assert done.returncode == 0 and json.loads(done.stdout) == {
        "ok": True, "errors": [], "warnings": [found], "exit_code": 0}
    strict = command("check", "--json", "--strict", file)
    assert strict.returncode == 1 and json.loads(strict.stdout) == {
        "ok": False, "errors": [found], "warnings": [], "exit_code": 1}


def test_names_that_nobody_knows_are_warned_of(tmp_path):
    """Only where the network answers: a resolver that is not there says nothing of the name."""
    file = tmp_path / "named.yaml"
    file.write_text((HEAD + ROUTE).replace("127.0.0.1:3001", "localhost:3001"))
    assert command("check", file).stderr == ""
    file.write_text((HEAD + ROUTE).replace("127.0.0.1:3001", "no-such-name.invalid:3001"))
    done = command("check", file)
    assert done.returncode == 0
    assert done.stderr in ("", f"{file}:4:20: warning: pools.app.servers[0]: nobody knows the name no-such-name.invalid\n")


def test_run_logs_warnings_and_serves(start, app):
    sluice = start(config(app, trusted_proxies=["0.0.0.0/0"]))
    sluice.wait_log(r"warn .*trusted_proxies\[0\]: 0\.0\.0\.0/0 is everybody.*")


def test_run_refuses_a_bad_file(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(HEAD + "routes:\n  - { pool: nowhere }\n")
    done = command("run", "--config", file)
    assert done.returncode == 1 and "bad.yaml:6:13: " in done.stderr


def test_run_refuses_a_taken_port(app):
    with pytest.raises(AssertionError):
        one = Sluice(config(app, listeners={"http": app.address}))
        try:
            one.wait_ready()
        finally:
            assert one.wait_exit() == 1 and app.address in one.log
            one.abandon()


# --- proxy ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("source", ["127.0.0.1:{port}", ":{port}"])
def test_proxy_without_a_file(apps, source):
    one, two = apps(name="one"), apps(name="two")
    port = free_port()
    sluice = Sluice(arguments=["proxy", "--from", source.format(port=port), "--to", one.address, "--to", two.address])
    try:
        sluice.wait_ready()
        seen = set()
        for _ in range(20):
            with RawClient(f"127.0.0.1:{port}") as visitor:
                seen.add(visitor.get().get("X-Origin"))
        assert seen == {"one", "two"}
        sluice.stop()
    finally:
        sluice.abandon()


@pytest.mark.parametrize("arguments", [
    ["proxy"], ["proxy", "--from", ":0"], ["proxy", "--from"], ["proxy", "--to", "127.0.0.1:1"],
    ["proxy", "--from", "nonsense", "--to", "127.0.0.1:1"], ["proxy", "--from", "127.0.0.1:0", "--to", "nonsense"],
])
def test_proxy_says_how_to_use_it(arguments):
    done = command(*arguments)
    assert done.returncode == 2 and done.stderr


def test_proxy_names_the_option_that_is_wrong():
    done = command("proxy", "--from", "8080", "--to", "localhost", "--to", "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        'sluice proxy: --from: "8080" is a port alone; write ":8080"',
        'sluice proxy: --to: "localhost" has no port; write it behind a colon, as in "localhost:8080"',
        "see: sluice help proxy"]


# --- the rest ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("word", ["version", "--version", "-v", "-V"])
def test_version(word):
    done = command(word)
    assert done.returncode == 0 and re.match(r"sluice \d+\.\d+\.\d+", done.stdout)


@pytest.mark.parametrize("arguments", [["help"], ["--help"], ["-h"]])
def test_help(arguments):
    done = command(*arguments)
    assert done.returncode == 0
    for verb in ("run", "proxy", "check", "reload", "version", "completion"):
        assert verb in done.stdout


@pytest.mark.parametrize("arguments", [["help", "proxy"], ["proxy", "--help"], ["proxy", "-h"]], ids=" ".join)
def test_help_of_one_verb(arguments):
    done = command(*arguments)
    assert done.returncode == 0 and not done.stderr
    assert "usage: sluice proxy --from ADDR --to ADDR" in done.stdout and "reload" not in done.stdout


def test_a_misspelt_option_is_guessed():
    done = command("check", "--confg", "x.yaml")
    assert done.returncode == 2 and 'unknown argument "--confg"; did you mean "--config"?' in done.stderr


@pytest.mark.parametrize(("arguments", "says"), [
    (["--json", "check"], '--json stands before the verb; write "sluice check --json"'),
    (["--config=x.yaml", "check"], 'write "sluice check --config=x.yaml"'),
    (["--json"], '--json stands before the verb; write "sluice VERB --json"'),
    (["check", "--config="], "--config needs a value"),
    (["check", "--config", ""], "--config needs a value"),
    (["check", ""], "FILE needs a value"),
    (["check", "--json=1"], "--json takes no value"),
    (["check", "--strct"], 'did you mean "--strict"?'),
], ids=str)
def test_options_that_stand_wrong(arguments, says):
    done = command(*arguments)
    assert done.returncode == 2
    if "--json" in arguments:
        (said,) = json.loads(done.stdout)["errors"]
        assert says in said["message"] and not done.stderr
    else:
        assert says in done.stderr and not done.stdout


@pytest.mark.parametrize("arguments", [
    ["frobnicate"], ["rnu"], ["run", "--frobnicate"], ["run", "--config"], ["check", "extra", "words"], ["--config", "x.yaml"],
    ["completion", "klingon"], ["reload", "--nope"],
], ids=" ".join)
def test_wrong_usage(arguments):
    done = command(*arguments)
    assert done.returncode == 2 and done.stderr and not done.stdout


def test_no_verb_is_answered_with_the_usage():
    done = command()
    assert done.returncode == 2 and "proxy" in done.stdout + done.stderr


def test_a_misspelt_verb_is_guessed():
    assert "reload" in command("relaod").stderr


def test_completion_is_bash():
    done = command("completion", "bash")
    assert done.returncode == 0 and "complete" in done.stdout
    assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False).returncode == 0
    script = done.stdout + '\nCOMP_WORDS=(sluice rel) COMP_CWORD=1 COMP_LINE="sluice rel" COMP_POINT=10\n' \
        '"$(complete -p sluice | sed -E "s/.*-F ([^ ]+).*/\\1/")" sluice rel sluice; echo "${COMPREPLY[@]}"'
    assert shell("bash", script).split() == ["reload"]


def shell(name, script):
    done = subprocess.run([need(name), *(["-f"] if name == "zsh" else []), "-c", script], capture_output=True, text=True,
                          env=environment({"PATH": f"{Path(binary()).parent}:/usr/bin:/bin", "HOME": "/nonexistent"}),
                          timeout=PATIENCE, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


# what is typed: what must be offered, what must not be
COMPLETIONS = {
    "rel": ({"reload"}, {"run"}),
    "": ({"run", "proxy", "check", "reload", "pool", "ban", "tenant", "version", "help", "completion"}, set()),
    "ban ": ({"list", "add", "lift"}, {"hold"}),
    "tenant ": ({"list", "hold", "release"}, {"lift"}),
    "tenant --": ({"--until", "--for", "--reason", "--all", "--admin"}, {"--tenant"}),
    "pool ": ({"drain", "ready", "maintenance"}, {"reload"}),
    "pool --": ({"--admin", "--config", "--json"}, {"--from"}),
    "proxy --": ({"--from", "--to"}, {"--json"}),
    "completion ": ({"bash", "zsh", "fish"}, set()),
    "help re": ({"reload"}, set()),
    "check sl": ({"sluice.yaml"}, set()),
}


@pytest.mark.parametrize("typed", COMPLETIONS)
def test_completion_in_fish(tmp_path, typed):
    (tmp_path / "sluice.yaml").touch()
    need("fish")
    script = command("completion", "fish").stdout
    out = shell("fish", f"cd {tmp_path}; {script}\ncomplete -C 'sluice {typed}'")
    offered = {line.partition("\t")[0] for line in out.splitlines()}
    wanted, unwanted = COMPLETIONS[typed]
    assert wanted <= offered and not unwanted & offered, offered


# zsh's own functions want a terminal: these stand in for them, and print what they are told.
ZSH = """
_describe() { print -l -- ${(@P)2%%:*} }
_arguments() { print -l -- "$@" }
compdef() {}
%s
words=(sluice %s) CURRENT=%d
_sluice
"""


@pytest.mark.parametrize("typed", [typed for typed in COMPLETIONS if not typed.startswith(("rel", "help", "check"))])
def test_completion_in_zsh(typed):
    need("zsh")
    script = command("completion", "zsh").stdout
    assert script.startswith("#compdef sluice\n")
    out = shell("zsh", ZSH % (script, typed, 2 if not typed else 3))
    wanted, unwanted = COMPLETIONS[typed]
    assert wanted <= set(re.findall(r"[\w-]+", out)) and not unwanted & set(re.findall(r"[\w-]+", out)), out


def test_completion_in_zsh_begins():
    """The real functions take what they are given, as far as they can without a terminal."""
    need("zsh")
    script = command("completion", "zsh").stdout
    assert shell("zsh", f"autoload -U compinit; compinit -u -D\n{script}\nprint $_comps[sluice]") == "_sluice\n"


def test_reload_of_a_process_with_another_file(start, app, tmp_path):
    """Nobody listens where this file says: not reachable, exit 4, whatever else runs."""
    start(config(app))
    done = command("reload", "--config", write_config(tmp_path / "other.yaml", config(app)))
    assert done.returncode == 4 and done.stderr


def test_output_may_be_cut_off():
    """`sluice help | head -1` is no crash."""
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {binary()} help | head -1"], capture_output=True, text=True,
                          env=environment(), check=False)
    assert done.stdout and "anitizer" not in done.stderr
