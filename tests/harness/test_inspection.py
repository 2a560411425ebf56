"""`assay attest inspect`: everything is shown, nothing is verified, and nothing that is shown can move a terminal."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.appraisal import inspection, verdict_text
from harness.attest import Rejected
from harness.attest.ccel import read_ccel
from harness.cli import main
from harness.collect import Guest, collect
from harness.collect.ccel import LOG
from mockserver.tee import Decisions, Platform
from tests.attest import gpu_lab
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, SEED, flipped, quote_of
from tests.attest.test_ccel import event, spec_id
from tests.collect.lab import Kernel, device

FIRMWARE_LOG = spec_id() + event(1, 4, bytes(4))


def inspected(path: Path, data: bytes, *options: str) -> Result:
    path.write_bytes(data)
    return CliRunner().invoke(main, ["attest", "inspect", str(path), *options])


def report(**change: Any) -> bytes:
    return json.dumps({**HONEST.report(MODEL, NONCE), **change}).encode()


def test_a_quote_shows_its_body_its_attributes_and_its_chain() -> None:
    found = inspection.inspect(quote_of(HONEST))
    assert (found["format"], found["note"]) == ("quote", inspection.UNVERIFIED)
    quote = found["quote"]
    assert (quote["version"], quote["TEE"], quote["attributes set"]) == (4, "TDX", ["SEPT_VE_DISABLE"])
    assert bytes.fromhex(quote["body"]["report_data"]).endswith(NONCE)
    assert quote["certification"]["platform"]["fmspc"] == "a55a7e570000"
    assert "ASSAY TEST ROOT" in quote["certification"]["chain"][2]["subject"]


@pytest.mark.parametrize("form", ["v5", "v5-td15", "v5-td15ex"])
def test_newer_quotes_show_what_they_add(form: str) -> None:
    quote = quote_of(Platform(SEED, lambda: NOW, Decisions(quote_form=form)))
    body = inspection.inspect(quote)["quote"]["body"]
    assert ("mr_service_td" in body, "td_id" in body) == (form != "v5", form == "v5-td15ex")


def test_a_report_shows_its_log_its_compose_text_and_its_claims() -> None:
    found = inspection.inspect(report())
    machine = found["quote"]
    assert found["event log"]["replays to"]["RTMR3"] == machine["body"]["rt_mr3"]
    assert "compose-hash" in {event.get("event") for event in found["event log"]["events"]}
    assert MODEL in found["compose"]
    assert found["measurements claimed"]["mr_td"] == machine["body"]["mr_td"]


def test_every_machine_is_shown() -> None:
    document = HONEST.report(MODEL, NONCE)
    document["all_attestations"].append({**document["all_attestations"][0], "intel_quote": "00"})
    first, second = inspection.inspect(json.dumps(document).encode())["machines"]
    assert first["quote"]["version"] == 4
    assert second["quote"].startswith("cannot be read: quote.malformed")


def test_a_gpu_payload_shows_each_device() -> None:
    scene = gpu_lab.scene(gpus=2)
    (first, second) = inspection.inspect(json.dumps({**scene.payload, "evidence_list": scene.gpus}).encode())["devices"]
    assert (first["report"]["nonce"], first["report"]["driver"]) == (gpu_lab.NONCE.hex(), "570.172.08")
    assert first["chain"][0]["serial"] != second["chain"][0]["serial"]


def test_a_broken_device_does_not_hide_the_others() -> None:
    scene = gpu_lab.scene(gpus=2)
    scene.gpus[0]["evidence"] = base64.b64encode(b"\x11\xe0").decode()
    first, second = inspection.inspect(json.dumps({**scene.payload, "evidence_list": scene.gpus}).encode())["devices"]
    assert first["report"].startswith("cannot be read: report.truncated")
    assert second["report"]["mode"]


def test_a_bundle_shows_the_firmwares_log(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    kernel.at(LOG).parent.mkdir(parents=True)
    kernel.at(LOG).write_bytes(FIRMWARE_LOG)
    found = inspection.inspect(json.dumps(collect(Guest(kernel, ioctl=device()), NONCE).document).encode())
    assert (found["format"], found["binding"]["scheme"]) == ("assay-bundle", "nonce")
    assert len(found["firmware log"]["events"]) == len(read_ccel(FIRMWARE_LOG)) == 1


@pytest.mark.parametrize("at", range(0, 5000, 41))
def test_no_damage_to_a_quote_stops_the_view(at: int) -> None:
    raw = quote_of(HONEST)
    damaged = flipped(raw, at % len(raw), 0x81)
    try:
        assert inspection.inspect(damaged)["format"] == "quote"
    except Rejected:
        assert at < 8  # no longer a quote at all


def test_the_tree_cuts_no_hash_and_spells_out_control_characters(tmp_path: Path) -> None:
    document = HONEST.report(MODEL, NONCE)
    document["info"]["app_name"] = "[red]\x1b[2Jname"
    result = inspected(tmp_path / "report", json.dumps(document).encode())
    assert result.exit_code == 0
    assert inspection.inspect(report())["quote"]["body"]["mr_td"] in result.output
    assert "[red]\\x1b[2Jname" in result.output
    assert "\x1b" not in result.output


def test_json_is_the_same_document(tmp_path: Path) -> None:
    result = inspected(tmp_path / "report", report(), "--json")
    assert json.loads(result.output) == json.loads(json.dumps(inspection.inspect(report())))


def test_what_is_no_evidence_is_malformed(tmp_path: Path) -> None:
    result = inspected(tmp_path / "report", b"{}")
    assert (result.exit_code, result.stderr.startswith("malformed: evidence.unrecognised")) == (2, True)


def test_an_empty_member_says_none() -> None:
    assert list(verdict_text.tree({"a": [], "b": {"c": 0}})) == ["├── a: none", "└── b", "    └── c: 0"]
