"""What `sluice check` says about certificates, before anybody is served one."""

import re
from pathlib import Path

import pytest

from certs import entry, expiry
from sluice import command, config, write_config


@pytest.fixture
def check(tmp_path):
    """check(certificates=[…], tenants={…}) writes a file and runs `sluice check` on it."""
    def run(certificates, **keys):
        whole = config("127.0.0.1:3001", listeners={"https": {"address": "127.0.0.1:8443", "tls": True}},
                       tls={"certificates": certificates}, **keys)
        return command("check", "--config", write_config(tmp_path / "sluice.yaml", whole))

    return run


def test_names_and_expiry_are_listed(check, authority):
    one, two = authority.leaf("*.example.com"), authority.leaf("www.acme.test", "acme.test")
    done = check([entry(one), entry(two)])
    assert done.returncode == 0, done.stderr
    for word in ("*.example.com", "www.acme.test", "acme.test", expiry(one), expiry(two)):
        assert word in done.stdout


def test_a_key_that_does_not_match(check, authority):
    one, two = authority.leaf("*.example.com"), authority.leaf("www.acme.test")
    done = check([entry(one), {"cert": two.cert, "key": one.key}])
    assert done.returncode == 1
    assert re.search(r"sluice\.yaml:\d+:\d+: tls\.certificates\[1\].*(match|belong)", done.stderr), done.stderr


def test_an_rsa_certificate_with_an_ecdsa_key(check, authority):
    done = check([{"cert": authority.leaf("a.test", kind="rsa").cert, "key": authority.leaf("a.test").key}])
    assert done.returncode == 1 and re.search("match|belong", done.stderr)


def test_missing_files(check, authority):
    leaf = authority.leaf("a.test")
    done = check([{"cert": "/nowhere/a.pem", "key": leaf.key}, {"cert": leaf.cert, "key": "nowhere.key"}])
    assert done.returncode == 1
    assert "/nowhere/a.pem" in done.stderr and "nowhere.key" in done.stderr, "all errors at once"


@pytest.mark.parametrize("junk", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_files_that_are_no_certificates(check, authority, tmp_path, junk):
    leaf = authority.leaf("a.test")
    (tmp_path / "junk.pem").write_text(junk)
    for pair in ({"cert": "junk.pem", "key": leaf.key}, {"cert": leaf.cert, "key": "junk.pem"}):
        done = check([pair])
        assert done.returncode == 1 and "junk.pem" in done.stderr


def test_key_and_certificate_swapped(check, authority):
    leaf = authority.leaf("a.test")
    assert check([{"cert": leaf.key, "key": leaf.cert}]).returncode == 1


def test_an_expired_certificate_is_pointed_out(check, authority):
    """It is still loaded: an edge with an expired certificate is better than none, but nobody may miss it."""
    done = check([entry(authority.leaf("old.test", days=-3)), entry(authority.leaf("new.test"))])
    assert re.search(r"expired", done.stdout + done.stderr, re.I)
    assert done.returncode == 0, done.stderr


def test_hosts_without_certificate_are_pointed_out(check, authority):
    done = check([entry(authority.leaf("*.example.com"))], tenants={
        "from_host": "{tenant}.example.com", "defaults": {"pool": "app"},
        "items": {"acme": {"hosts": ["www.acme.test", "shop.example.com"]}, "globex": {"hosts": ["globex.test"]}}},
        routes=[{"hosts": ["plain.test"], "pool": "app"}])
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    uncovered = [line for line in said.splitlines() if re.search(r"no certificate|not covered|uncovered", line, re.I)]
    for host in ("www.acme.test", "globex.test", "plain.test"):
        assert any(host in line for line in uncovered), f"{host} not reported in:\n{said}"
    assert not any("shop.example.com" in line for line in uncovered)


def test_a_wildcard_covers_one_label(check, authority):
    done = check([entry(authority.leaf("*.example.com"))], tenants={
        "from_host": "{tenant}.eu.example.com", "defaults": {"pool": "app"}, "items": {}})
    assert re.search(r"(no certificate|not covered|uncovered)", done.stdout + done.stderr, re.I)


def test_tls_listener_without_certificates(check):
    done = check([])
    assert done.returncode == 1 and "certificate" in done.stderr


def test_check_touches_nothing(check, authority, tmp_path):
    before = sorted(Path(tmp_path).rglob("*"))
    check([entry(authority.leaf("*.example.com"))])
    assert [p for p in sorted(Path(tmp_path).rglob("*")) if p not in before] == [tmp_path / "sluice.yaml"]
