"""Keys that an answer gives away: the check reads them, and nothing that is kept holds them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.asking.ask import Ask
from harness.redact import Redactor
from harness.target import load
from harness.wire.budget import Budget
from harness.wire.client import Client
from harness.wire.journal import Journal
from mockserver.serve import Options, Server
from specs import load as contract_of
from suites.forge.leasing import Held, Leasing
from suites.vault.racking import Racking


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    with Server("volt-control-plane", options=Options(control_token="the-token-of-a-test")) as server:
        target, contract = load(str(server.target_path)), contract_of("volt-control-plane")
        redactor = Redactor(target.secrets())
        journal = Journal(tmp_path / "exchanges.jsonl", redactor)
        client = Client(target, redactor, Budget.for_target(target.spend.cap_usd, target, contract), journal)
        yield Ask(contract, target, client)
        client.close()
        journal.close()


def test_a_kubeconfig_is_read_and_its_key_is_not_kept(ask: Ask, tmp_path: Path) -> None:
    leasing, held = Leasing(ask), Held()
    answer = leasing.mint(leasing.lease(), held)
    (key,) = held.taken
    assert b"PRIVATE KEY" in base64.b64decode(key)
    assert held.open().namespace is not None
    coded = [base64.b64encode(b" " * shift + key.encode()).decode()[8:-8] for shift in range(3)]
    kept = answer.text + (tmp_path / "exchanges.jsonl").read_text()
    assert not [form for form in (key, *coded) if form in kept]
    assert "ISSUED_SECRET" in answer.text


def test_a_talos_configuration_is_read_and_its_secrets_are_not_kept(ask: Ask, tmp_path: Path) -> None:
    racking = Racking(ask)
    held = racking.download(racking.ready())
    assert len(held.taken) >= 9  # four authorities, a key for accounts, two tokens, two secrets
    assert held.answer is not None
    kept = held.answer.text + (tmp_path / "exchanges.jsonl").read_text()
    assert not [secret for secret in held.taken if secret in kept]
