"""The command `assay`. Reads the command line and prints; the work is done elsewhere."""

from __future__ import annotations

import traceback
from typing import Any

import click

import specs
from harness import __version__, results
from harness.attest_cli import attest
from harness.certificate.cli import certify_command, verify_command
from harness.certificate.problem import BadRequest, Refused
from harness.commands.export import export_command
from harness.commands.handover import ledger_command, mock_command, prove_command, upstream_command
from harness.commands.lookup import contracts_command, diff_contracts_command, explain_command, probe_command
from harness.commands.run import plan_command, run_command
from harness.load.command import load_command
from harness.model import Exit
from harness.reconcile.cli import reconcile_command
from harness.running import mock
from harness.running import run as running
from harness.show.cli import diff_command, overview_command, report_command
from harness.show.ui import UiFault, ui_command
from harness.target import TargetError
from harness.terminal import told
from harness.watch.command import watch_command

EXPECTED = (
    specs.SpecError,
    TargetError,
    mock.MockFault,
    UiFault,
    running.BadRequest,
    running.OverCap,
    results.BadResults,
    BadRequest,
    Refused,
)


class _Assay(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Every failure ends in one clear line and its exit code; a traceback is for us, not for who runs this."""
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            raise SystemExit(told("error", str(error), Exit.BAD_INVOCATION)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise SystemExit(told("error", f"{error.filename}: {error.strerror}", Exit.BAD_INVOCATION)) from error
        except (click.Abort, KeyboardInterrupt) as error:
            raise SystemExit(told("interrupted", "nothing was judged", Exit.INCOMPLETE)) from error
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            said = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            raise SystemExit(told("fault of the harness", said, Exit.HARNESS_FAULT)) from error


@click.group(cls=_Assay, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="assay")
def main() -> None:
    """Say with evidence whether a confidential-inference API does what it promises.

    Exit codes: 0 conforms, 1 does not, 2 bad invocation or bad file, 3 fault of the harness,
    4 incomplete (a MUST was not observed, or the run was interrupted before anything failed).
    """


COMMANDS = (
    contracts_command,
    probe_command,
    diff_contracts_command,
    explain_command,
    plan_command,
    run_command,
    prove_command,
    mock_command,
    upstream_command,
    ledger_command,
    attest,
    reconcile_command,
    load_command,
    report_command,
    diff_command,
    overview_command,
    ui_command,
    export_command,
    watch_command,
    certify_command,
    verify_command,
)
for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
