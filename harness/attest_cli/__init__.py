"""The command group `assay attest`: reads files and the command line, prints verdicts; harness.attest judges."""

from __future__ import annotations

from harness.attest_cli import collect, fetch, inspect, verify
from harness.attest_cli.group import attest

for command in (verify.verify_command, inspect.inspect_command, fetch.fetch_command, collect.collect_command):
    attest.add_command(command)

__all__ = ["attest"]
