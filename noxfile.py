"""What a person or a CI job runs. Every session installs what it needs; what it does can be typed by hand too."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
BENCHES = ("attest_quote", "attest_gpu", "attest_batch", "reconcile")


@nox.session
def certify(session: nox.Session) -> None:
    """Judge the embedded mock by every contract, and write the reports to out/."""
    session.install(".")
    session.run("assay", "run", "all", "--target", "mock", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Unit tests, then the proof that every check can fail."""
    session.install("--editable", ".[dev]")  # the tests look at the checkout; `certify` tries the package
    session.run("pytest", "-n", "2", *(session.posargs or ["tests", "suites/selftest"]))


@nox.session
def lint(session: nox.Session) -> None:
    """What pre-commit runs: ruff, its formatter, mypy --strict."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def prove(session: nox.Session) -> None:
    """The proof of every contract, with its table."""
    session.install(".")
    session.run("assay", "prove", *session.posargs)


@nox.session
def mock(session: nox.Session) -> None:
    """Serve a contract: `nox -s mock -- voltagegpu-confidential --port 8080 --write-target target.toml`."""
    session.install(".")
    session.run("assay", "mock", *(session.posargs or ["voltagegpu-confidential", "--port", "8080"]))


@nox.session
def bench(session: nox.Session) -> None:
    """Figures, as ratios against a peer measured in the same run: all, or `nox -s bench -- attest_gpu --rounds 3`."""
    session.install(".", "psutil", "pandas>=2.2", "pyarrow>=18")
    name, *options = session.posargs or ["all"]
    for each in BENCHES if name == "all" else [name]:
        session.run("python", f"bench/{each}.py", *options)


@nox.session(name="bench-fuzz")
def bench_fuzz(session: nox.Session) -> None:
    """What raw schemathesis and the fuzz suite find of the catalogue: `nox -s bench-fuzz -- --sample 24`."""
    session.install("--editable", ".[dev]")
    session.run("python", "-m", "bench.fuzz", *session.posargs)


@nox.session(name="bench-load")
def bench_load(session: nox.Session) -> None:
    """How true load generators' times are: `nox -s bench-load -- --users 1000 --rounds 1 --only assay locust`."""
    session.install(".", "psutil")
    session.run("python", "bench/load_accuracy.py", *session.posargs)


@nox.session(name="bench-mock")
def bench_mock(session: nox.Session) -> None:
    """The mock under load against other mocks, then paced."""
    session.install(".", "psutil")
    session.run("python", "bench/mock_load.py", *session.posargs)
    if not session.posargs:
        session.run("python", "bench/mock_load.py", "--paced", "1000", "--rounds", "3")


@nox.session
def foreign(session: nox.Session) -> None:
    """Judge servers nobody here wrote; their findings are in docs/foreign.md."""
    session.install(".")
    session.run("python", "-m", "foreign", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "foreign.spend")


@nox.session
def clients(session: nox.Session) -> None:
    """Official clients of other languages against the mock of every contract."""
    session.install("--editable", ".[dev]")
    session.run("npm", "install", "--prefix", "tests/clients", "--no-audit", "--no-fund", external=True)
    session.run("pytest", "tests/clients", "tests/sdk", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages of docs/ again, and build the site into out/docs."""
    session.install(".[docs]")
    session.run("python", "-m", "suites.selftest.pages", "docs")
    session.run("mkdocs", "build", "--strict", "--site-dir", "out/docs")
