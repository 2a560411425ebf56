"""Writes the target file of a running mock and the env file with its keys. Both appear whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.tokenizerfile import tokenizer_json
from mockserver.traits import Contract

if TYPE_CHECKING:
    from mockserver.serve import Options
    from mockserver.state import State


def write_target(
    path: Path, contract: Contract, state: State, origin: str, options: Options, tls: bytes | None = None
) -> None:
    """`path` and its sibling env file, which only the owner can read; the target file comes last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name in state.secrets if name != "exhausted" or state.traits.billed]
    variables = {name: f"ASSAY_{name.upper()}_KEY" for name in names}
    secrets = {variables[name]: state.secrets[name] for name in names}
    if options.control_token:
        secrets["ASSAY_CONTROL_TOKEN"] = options.control_token
    env = path.with_suffix(".env")
    trust = _export_trust(path, state, options)
    _replace(env, "".join(f"{name}={value}\n" for name, value in secrets.items()), 0o600)
    tokenizer = path.with_suffix(".tokenizer.json")
    _replace(tokenizer, tokenizer_json(), 0o644)
    sections = _sections(contract, state, origin, options, variables, trust)
    sections["model"]["tokenizer"] = tokenizer.name
    top = {"name": "mock", "base_url": origin + state.traits.base_path, "contract": contract.name, "env_file": env.name}
    if tls is not None:
        _replace(path.with_suffix(".pem"), tls.decode(), 0o644)
        top["ca_bundle"] = path.with_suffix(".pem").name
    _replace(path, _toml(top, sections), 0o644)


def _sections(
    contract: Contract, state: State, origin: str, options: Options, variables: dict[str, str], trust: str | None
) -> dict[str, dict[str, object]]:
    sections: dict[str, dict[str, object]] = {"keys": {**variables}, "model": {"default": state.catalogue.default}}
    if contract.trait("embeddings", None) and contract.trait("embeddings.example", None) is None:
        rows = state.catalogue.rows.values()
        sections["model"]["embedding"] = next(row.id for row in rows if row.kind == "embedding")
    sections["spend"] = {"cap_usd": "100"}  # the mock's money is not real
    if options.control_token:
        sections["control"] = {"url": origin + "/control/v1", "token": "ASSAY_CONTROL_TOKEN"}
    if names := state.names():
        sections["names"] = dict(names)
    if state.traits.billed:
        url = origin + "/api/volt/balance"
        sections["balance"] = {"url": url, "pointer": "/balance", "unit": "usd", "account": "acct_main", "drain_s": 0.2}
        lookup = origin + "/api/volt/generation?id={id}"
        sections["costs"] = {"source": "lookup", "url": lookup, "pointer": "/data/total_cost"}
    if trust is not None:
        url = origin + state.traits.base_path + "/attestation/report"
        sections["evidence"] = {"url": url, "format": "dstack", "trust": trust, "gpus": 8, "test_roots": True}
    return sections


def _export_trust(path: Path, state: State, options: Options) -> str | None:
    if state.platform is None:
        return None
    folder = options.trust or path.with_suffix(".trust")
    folder.mkdir(parents=True, exist_ok=True)
    confidential = [row.id for row in state.catalogue.rows.values() if row.confidential]
    state.platform.export_trust(folder, confidential)
    return os.path.relpath(folder, path.parent)


def _toml(top: dict[str, str], sections: dict[str, dict[str, object]]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in top.items()]
    for section, members in sections.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in members.items())]
    return "\n".join(lines) + "\n"


def _replace(path: Path, text: str, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode)
    draft.chmod(mode)
    draft.write_text(text)
    draft.replace(path)
