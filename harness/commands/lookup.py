"""What can be looked up without a run: contracts, what changes between two, requirements, what a target speaks."""

from __future__ import annotations

import json

import click

import specs
from harness.commands import explain, recognition
from harness.commands.contracts import difference, difference_page
from harness.model import Exit
from harness.target import load as load_target
from harness.terminal import OUT, as_json, told
from harness.wire.exchange import TargetFault


@click.command(name="contracts")
@as_json
def contracts_command(as_json: bool) -> None:
    """List the contracts a deployment can be judged by."""
    loaded = [specs.load(name) for name in specs.names()]
    rows = [explain.contract_row(contract) for contract in loaded]
    if as_json:
        return click.echo(json.dumps(rows, indent=1))
    OUT.print(explain.contract_list(rows))
    return None


@click.command(name="probe")
@click.argument("target", metavar="T")
@as_json
def probe_command(target: str, as_json: bool) -> None:
    """Tell which contract a deployment most likely speaks, with reasons.

    T is a URL or a target file, as for a run; without a key only what can be seen without one is compared. Exit codes:
    0 one contract is the likeliest, 1 none is, 4 the deployment gave no answer.
    """
    try:
        found = recognition.recognise(load_target(target))
    except TargetFault as fault:
        raise SystemExit(told("no answer", str(fault), Exit.INCOMPLETE)) from fault
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        OUT.print(recognition.page(found))
    raise SystemExit(Exit.CONFORMS if found["likely"] else Exit.DOES_NOT_CONFORM)


@click.command(name="diff-contracts")
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@as_json
def diff_contracts_command(old: str, new: str, as_json: bool) -> None:
    """Show what changes between two contracts: traits, operations, requirements."""
    found = difference(specs.load(old), specs.load(new))
    if as_json:
        return click.echo(json.dumps(found, indent=1, default=str))
    OUT.print(difference_page(found))
    return None


@click.command(name="explain")
@click.argument("requirement", metavar="ID")
@click.option("--contract", help="Explain it as this contract states it.")
@as_json
def explain_command(requirement: str, contract: str | None, as_json: bool) -> None:
    """Show what a requirement means, what checks it, and which defects prove the check."""
    row = explain.requirement_row(requirement, contract)
    if as_json:
        return click.echo(json.dumps(row, indent=1))
    OUT.print(explain.requirement_panel(row))
    return None
