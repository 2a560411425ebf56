"""Quotes through configfs-tsm: one write, one quote, and no quote of somebody else's write."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from harness.attest.layout import read as read_quote
from harness.collect import Absent, Guest, Refused, tsm
from harness.collect.guest import Files
from tests.collect.lab import Kernel

DATA = bytes(range(64))


def busy(number: int) -> OSError:
    return OSError(number, errno.errorcode[number])


def test_a_quote_is_over_our_report_data_and_the_folder_is_removed(guest: Guest, kernel: Kernel) -> None:
    found = tsm.fetch(guest, DATA)
    assert read_quote(found.quote).body["report_data"] == DATA
    assert (found.generation, kernel.folders, len(kernel.removed)) == (1, {}, 1)


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EINTR, errno.ETIMEDOUT])
def test_a_busy_quoting_service_is_asked_again(guest: Guest, kernel: Kernel, number: int) -> None:
    kernel.fails = [busy(number), busy(number)]
    waits: list[float] = []
    found = tsm.fetch(replace(guest, wait=waits.append), DATA)
    assert (found.generation, waits) == (3, [tsm.WAIT_S] * 2)


def test_a_service_that_stays_busy_is_absent_and_the_folder_is_removed(guest: Guest, kernel: Kernel) -> None:
    kernel.fails = [busy(errno.EBUSY)] * 3
    with pytest.raises(Absent, match="busy: EBUSY, after 3 tries"):
        tsm.fetch(guest, DATA)
    assert (len(kernel.writes), kernel.folders) == (3, {})


def test_a_quote_that_another_writer_outran_is_thrown_away(guest: Guest, kernel: Kernel) -> None:
    kernel.others_write = 1
    found = tsm.fetch(guest, DATA)
    assert read_quote(found.quote).body["report_data"] == DATA
    assert found.generation == 3


def test_a_writer_that_keeps_racing_is_refused(guest: Guest, kernel: Kernel) -> None:
    kernel.others_write = 3
    with pytest.raises(Refused, match=r"generation went from 4 to 6.*another process"):
        tsm.fetch(guest, DATA)


def test_any_other_error_ends_at_once_and_names_the_quoting_service(guest: Guest, kernel: Kernel) -> None:
    kernel.fails = [busy(errno.EIO)]
    with pytest.raises(Absent, match="quote generation service of the host"):
        tsm.fetch(guest, DATA)
    assert len(kernel.writes) == 1


def test_an_empty_outblob_is_no_quote(guest: Guest, kernel: Kernel) -> None:
    kernel.quote = lambda _: b""
    with pytest.raises(Absent, match="outblob is empty"):
        tsm.fetch(guest, DATA)


def test_another_provider_is_named(guest: Guest, kernel: Kernel) -> None:
    kernel.provider = b"sev_guest\n"
    with pytest.raises(Absent, match="'sev_guest'"):
        tsm.fetch(guest, DATA)
    assert kernel.folders == {}


def test_an_absent_configfs_says_how_to_mount_it(guest: Guest, tmp_path: Path) -> None:
    with pytest.raises(Absent, match="mount -t configfs"):
        tsm.fetch(replace(guest, files=Files(tmp_path)), DATA)


def test_a_plain_folder_is_no_configfs(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / tsm.REPORTS.lstrip("/")).mkdir(parents=True)
    with pytest.raises(Absent, match="provider"):
        tsm.fetch(replace(guest, files=Files(tmp_path)), DATA)
    assert list((tmp_path / tsm.REPORTS.lstrip("/")).iterdir()) == []


def test_files_are_written_whole_and_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "inblob").write_bytes(b"")
    files = Files(tmp_path)
    files.write_once("/inblob", DATA)
    assert (files.read("/inblob", 1000), files.read("/inblob", 10)) == (DATA, DATA[:10])


def test_a_folder_that_cannot_be_removed_takes_no_quote_with_it(guest: Guest, kernel: Kernel) -> None:
    def stays(path: str) -> None:
        raise busy(errno.EBUSY)

    kernel.remove_folder = stays  # type: ignore[method-assign]
    assert read_quote(tsm.fetch(guest, DATA).quote).body["report_data"] == DATA
    kernel.fails = [busy(errno.EIO)]
    with pytest.raises(Absent, match="quote generation service"):
        tsm.fetch(guest, DATA)
