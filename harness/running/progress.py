"""Shows a run as it goes: one moving line on a terminal, one plain line a suite where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from harness.model import CheckReport, Outcome
from harness.plugin import PROPERTY

STYLES = {Outcome.FAIL: "bold red", Outcome.ERROR: "magenta", Outcome.WARN: "yellow", Outcome.PASS: "green"}


class Silence:
    """A pytest plugin that takes the place of pytest's own terminal reporter, and says nothing."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        theirs = config.pluginmanager.getplugin("terminalreporter")
        if theirs is not None:
            config.pluginmanager.unregister(theirs)


class Reporter(Silence):
    """Says what a person who waits wants to know."""

    def __init__(self, console: Console, title: str) -> None:
        self.console, self.title = console, title
        self.said: set[str] = set()
        self.suite = ""
        self.bar: Progress | None = None
        self.task: Any = None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.console.is_terminal:
            self.bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=len(session.items) or None)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        made = dict(report.user_properties).get(PROPERTY)
        if not isinstance(made, dict) or (report.when == "setup" and report.passed):
            return
        check = CheckReport.from_json(made)
        suite = report.nodeid.split("::")[0].split("/")[-2]
        if self.bar is not None:
            self.bar.update(self.task, advance=1, description=f"{self.title} · {suite}")
        elif suite != self.suite:
            self.console.print(f"{self.title}: {suite} ...", highlight=False)
        self.suite = suite
        if check.outcome in {Outcome.FAIL, Outcome.ERROR}:
            self._tell(check)

    def _tell(self, check: CheckReport) -> None:
        """One line for each breach, told once; so is a reason that stops many checks."""
        words = (check.reason or (check.findings[0].message if check.findings else "")).splitlines() or [""]
        told = f" {', '.join(check.requirements)}: {words[0]}"
        said = words[0] if check.outcome is Outcome.ERROR else told
        if said in self.said:
            return
        self.said.add(said)
        self.console.print(Text.assemble((str(check.outcome), STYLES[check.outcome]), told), soft_wrap=True)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """One line in place of pytest's own traceback; true means that it has been told."""
        crash = excinfo.traceback[-1]
        said = f"{excinfo.exconly(tryshort=True).splitlines()[0]} ({crash.path}:{crash.lineno + 1})"
        self.console.print(Text.assemble(("fault of the harness: ", "bold red"), said), soft_wrap=True)
        return True

    def pytest_sessionfinish(self) -> None:
        if self.bar is not None:
            self.bar.stop()

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        self.console.print(f"warning: {warning_message.message}", markup=False, highlight=False, style="dim")
