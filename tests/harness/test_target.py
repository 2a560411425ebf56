"""A target file is read whole or refused with file, line, key and fix; a secret never shows."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from harness.target import Target, TargetError, load

WHOLE = """\
name = "lab"
base_url = "http://127.0.0.1:8000/v1/"
contract = "voltagegpu-confidential"
env_file = "target.env"

[keys]
main = "LAB_MAIN"
second_tenant = "LAB_SECOND"

[model]
pick = "catalogue"

[timeouts]
idle_s = 1.5

[spend]
cap_usd = "0.10"

[control]
url = "http://127.0.0.1:8000/control/v1"
token = "LAB_TOKEN"

[balance]
url = "http://127.0.0.1:8000/api/volt/balance"
pointer = "/balance"
account = "acct_main"

[evidence]
url = "http://127.0.0.1:8000/v1/attestation/report"
format = "dstack"
trust = "trust"
test_roots = true
"""
SECRETS = "LAB_MAIN=main-key-0123\n# a comment\n\nexport LAB_SECOND='second-key-0123'\nLAB_TOKEN=control-token\n"


def written(folder: Path, text: str = WHOLE, secrets: str = SECRETS) -> Path:
    (folder / "target.toml").write_text(text)
    (folder / "target.env").write_text(secrets)
    (folder / "trust").mkdir(exist_ok=True)
    return folder / "target.toml"


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    target = load(written(tmp_path), environ={"LAB_MAIN": "from the environment"})
    assert (target.base_url, target.host_url) == ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000")
    assert target.capabilities() == {"control", "balance", "evidence", "second_tenant"}
    assert target.keys["main"].reveal() == "main-key-0123"  # the file beside the target wins
    assert target.keys["second_tenant"].reveal() == "second-key-0123"
    assert (target.timeouts.idle_s, target.timeouts.connect_s) == (1.5, 5)
    assert target.spend.cap_usd == Decimal("0.10")
    assert target.test_roots
    assert target.evidence is not None
    assert target.evidence.trust == tmp_path / "trust"
    assert [secret.name for secret in target.secrets()] == ["LAB_MAIN", "LAB_SECOND", "LAB_TOKEN"]


def test_base_url_can_be_replaced(tmp_path: Path) -> None:
    assert load(written(tmp_path), base_url="https://other.example/v1", environ={}).host_url == "https://other.example"


def test_a_bare_url_takes_its_key_from_the_environment() -> None:
    target = load("https://api.example.com/v1", environ={"ASSAY_API_KEY": "sk-0123456789"})
    assert (target.name, target.capabilities()) == ("api.example.com", frozenset())
    assert target.keys["main"].reveal() == "sk-0123456789"
    assert load("https://api.example.com/v1", environ={}).keys == {}


def test_a_secret_does_not_show_itself(tmp_path: Path) -> None:
    target = load(written(tmp_path), environ={})
    assert "main-key" not in f"{target!r} {target.keys} {target.control!r}"
    assert str(target.keys["main"]) == "<secret LAB_MAIN>"
    with pytest.raises(TypeError, match="LAB_MAIN"):
        pickle.dumps(target.keys["main"])


BROKEN = {
    "unknown key": ("[limits]\nconcurency = 3\n", r"target\.toml:4: limits\.concurency: no such key; there are: conc"),
    "unknown table": ("[limit]\nconcurrency = 3\n", r"target\.toml:3: limit: no such key; there are: balance"),
    "wrong type": ('[timeouts]\nidle_s = "1"\n', r"target\.toml:4: timeouts\.idle_s: '1' is not of type 'number'"),
    "not positive": ("[timeouts]\nidle_s = 0\n", r"target\.toml:4: timeouts\.idle_s"),
    "float money": ("[spend]\ncap_usd = 0.5\n", r"target\.toml:4: spend\.cap_usd: 0\.5 is not of type 'string'"),
    "missing member": ('[balance]\nurl = "http://h/b"\n', r"target\.toml:3: balance: 'pointer' is a required"),
    "missing variable": ('[keys]\nmain = "NOT_SET"\n', r"target\.toml:4: keys\.main: .* no NOT_SET; export NOT_SET="),
    "short secret": ('[keys]\nmain = "SHORT"\n', r"target\.toml:4: keys\.main: SHORT has fewer than 8"),
    "line end": ('[keys]\nmain = "LINE_END"\n', r"LINE_END holds characters that no header can carry"),
    "a key itself": ('[keys]\nmain = "sk-0123-4567"\n', r"target\.toml:4: keys\.main: expected the name of an env"),
    "a key that could be a name": ('[keys]\nmain = "vgpu_sk_0123"\n', r":4: keys\.main: .* never the key itself"),
    "credentials": ('[control]\nurl = "http://u:p@h/"\ntoken = "LONG_ENOUGH"\n', r":4: control\.url: a URL must not"),
    "no folder": (
        '[evidence]\nurl = "http://h/e"\nformat = "dstack"\ntrust = "none"\n',
        r":6: evidence\.trust: .*exist",
    ),
    "no such policy": (
        '[evidence]\nurl = "http://h/e"\nformat = "dstack"\npolicy = "lenient"\n',
        r":6: evidence\.policy: .*exist",
    ),
    "a policy that is none": (
        '[evidence]\nurl = "http://h/e"\nformat = "dstack"\npolicy = "target.toml"\n',
        r":6: evidence\.policy: .*target\.toml",
    ),
    "not TOML": ("[keys\n", r"target\.toml: not TOML"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_the_place(name: str, tmp_path: Path) -> None:
    text, message = BROKEN[name]
    path = written(tmp_path, f'name = "t"\nbase_url = "http://h/v1"\n{text}')
    environ = {"SHORT": "1234567", "LINE_END": "0123456789\n", "LONG_ENOUGH": "0123456789"}
    with pytest.raises(TargetError, match=message):
        load(path, environ=environ)


@pytest.mark.parametrize("key", ["sk-0123-4567", "vgpu_sk_0123"])
@pytest.mark.parametrize("place", ["[keys]\nmain", '[control]\nurl = "http://h/c"\ntoken'])
def test_a_key_where_its_name_belongs_is_not_repeated(key: str, place: str, tmp_path: Path) -> None:
    path = written(tmp_path, f'name = "t"\nbase_url = "http://h/v1"\n{place} = "{key}"\n')
    with pytest.raises(TargetError) as caught:
        load(path, environ={})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://user:secret@h/v1", "https://h/v1?key=1", "https://h/v1#x", "https://", "http://:80/v1"]
)
def test_urls_that_are_not_plain_are_refused(url: str) -> None:
    with pytest.raises(TargetError) as caught:
        load(url, environ={})
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(TargetError, match="nowhere\\.toml: no such file"):
        load("nowhere.toml", environ={})


def test_a_line_of_the_env_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"target\.env:2: expected KEY=value"):
        load(written(tmp_path, secrets="LAB_MAIN=0123456789\nnonsense-secret\n"), environ={})


def test_a_target_needs_only_name_and_url() -> None:
    assert Target(name="t", base_url="http://h/v1").capabilities() == frozenset()


def test_a_header_that_looks_like_a_credential_is_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text(
        'base_url = "https://api.example.com/v1"\n[headers]\nX-Api-Key = "0123456789"\nX-Token = "short"\n'
        'Proxy-Authorization = "Basic dXNlcjpwYXNz"\nX-Tenant = "a-name-of-one"\n'
    )
    found = {secret.name: secret.reveal() for secret in load(path, environ={}).secrets()}
    assert found == {"HEADER_X_API_KEY": "0123456789", "HEADER_PROXY_AUTHORIZATION": "dXNlcjpwYXNz"}


def test_a_clock_is_set_and_runs_on(tmp_path: Path) -> None:
    target = load(written(tmp_path, 'clock = "2026-01-02T03:04:05Z"\n' + WHOLE), environ={})
    ahead = target.now() - datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert timedelta() <= ahead < timedelta(minutes=1)


@pytest.mark.parametrize("clock", ["yesterday", "2026-01-02T03:04:05"])
def test_a_clock_without_a_zone_is_none(clock: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"target\.toml:1.*clock"):
        load(written(tmp_path, f'clock = "{clock}"\n' + WHOLE), environ={})
