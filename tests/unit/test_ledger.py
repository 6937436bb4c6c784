"""The ledger: what is written is read, up to the last whole block, and no secret is in it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from pilotplant.ledger.header import Header
from pilotplant.ledger.reader import Ledger, describe
from pilotplant.ledger.records import KINDS, NAMES, AnyRecord, Commit, Ending, Heal, Request, ResponseEnd
from pilotplant.ledger.writer import BLOCK, LedgerWriter
from pilotplant.model.errors import LedgerError
from pilotplant.systems.catalog import ledger_table

SECRET = "0123456789abcdef0123456789abcdef"
HEADER = Header("test", 1, 0.0, 1.0, "live", ("erp",), ledger_table())
POST = HEADER.operation_numbers()["erp.stock.post"]


def request(writer: LedgerWriter, body: bytes, key: str = "", keys: tuple[str, ...] = ()) -> int:
    return writer.write(Request, 0.5, 0, POST, keys, key, 7, 1, "", 0, writer.body(body))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path, HEADER)
    first = request(writer, b'{"a": 1}', "key", ("DE01", "ü|\0"))
    second = writer.write(Commit, 0.5, 0, first, POST, "erp.stock.post|DE01", 0)
    writer.write(ResponseEnd, 0.6, 0, first, Ending.SENT, writer.body(b""))
    writer.close()
    writer.close()
    ledger = Ledger(tmp_path)
    records = list(ledger)
    assert [record.seq for record in records] == [1, 2, 3] and second == 2
    got = records[0]
    assert isinstance(got, Request)
    assert (got.idempotency_key, got.keys) == ("key", ("DE01", "ü|\0"))
    assert ledger.body(got.body) == b'{"a": 1}'
    assert ledger.body(0) == b""
    assert ledger.header == HEADER
    assert ledger.torn_bytes == 0
    assert describe(ledger.header, records[1])["operation"] == "erp.stock.post"
    assert NAMES[type(records[2])] == "rsp-end"


def test_what_comes_after_the_end_harms_nobody(tmp_path: Path) -> None:
    """An exchange that is cut short by an interruption ends when the ledger is closed already."""
    writer = LedgerWriter(tmp_path, HEADER)
    writer.write(Heal, 0.1)
    writer.close()
    for _ in range(BLOCK + 1):
        request(writer, b"late")
    writer.flush()
    writer.close()
    assert len(list(Ledger(tmp_path))) == 1


def test_many_blocks_are_read_block_by_block(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path, HEADER)
    for _ in range(2 * BLOCK + 10):
        writer.write(Heal, 1.0)
    writer.close()
    assert [len(block) for block in Ledger(tmp_path).blocks()] == [BLOCK, BLOCK, 10]


def test_progress_is_the_last_record_that_shows_something_moving(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path, HEADER)
    commit = writer.write(Commit, 0.5, 0, 0, POST, "x", 0)
    writer.write(Heal, 1.0)
    assert writer.progress == commit
    writer.close()


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 60])
def test_a_torn_end_is_left_out(tmp_path: Path, cut: int) -> None:
    writer = LedgerWriter(tmp_path, HEADER)
    request(writer, b"first")
    writer.flush()
    request(writer, b"second" * 20, "k" * 60)
    writer.close()
    path = tmp_path / "ledger.msgpack"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    ledger = Ledger(tmp_path)
    assert [record.seq for record in ledger] == [1]
    assert ledger.torn_bytes > 0


@pytest.mark.parametrize(
    "content", [b"", b"PP", b"something else", b"PPLEDGER1\n\xff\xff\xff\x7f", b"PPLEDGER1\n\x01\0\0\0x"]
)
def test_what_is_no_ledger(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.msgpack").write_bytes(content)
    with pytest.raises(LedgerError):
        Ledger(tmp_path)


def test_there_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file"):
        Ledger(tmp_path / "nowhere")


def test_a_damaged_block_is_said_to_be_damaged(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path, HEADER)
    writer.write(Heal, 1.0)
    writer.close()
    path = tmp_path / "ledger.msgpack"
    content = bytearray(path.read_bytes())
    content[-12] = 0xC1  # the head of the record becomes the one byte that msgpack never uses
    path.write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged"):
        list(Ledger(tmp_path))


def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    writer = LedgerWriter(tmp_path, HEADER, secrets=(SECRET, ""))
    body = f'{{"text": "key={SECRET}"}}'.encode()
    request(writer, body, key=SECRET, keys=("DE01", f"<{SECRET}>"))
    request(writer, b"another body")
    writer.close()
    for name in ("ledger.msgpack", "bodies.pack"):
        assert SECRET.encode() not in (tmp_path / name).read_bytes()
    ledger = Ledger(tmp_path)
    first, second = ledger
    assert isinstance(first, Request) and isinstance(second, Request)
    assert first.keys == ("DE01", f"<{'*' * 32}>")
    assert ledger.body(first.body) == body.replace(SECRET.encode(), b"*" * 32)
    assert ledger.body(second.body) == b"another body"


WRITER = """
import sys
from pathlib import Path
from typing import get_args
from pilotplant.ledger.header import Header
from pilotplant.ledger.records import Request
from pilotplant.ledger.writer import LedgerWriter
from pilotplant.systems.catalog import ledger_table

writer = LedgerWriter(Path(sys.argv[1]), Header("test", 1, 0.0, 1.0, "live", ("erp",), ledger_table()))
number = 0
while True:
    number += 1
    body = b"body of request %d" % number
    writer.write(Request, 0.0, 0, 2, (str(number),), "", 0, 0, "", 0, writer.body(body * (number % 50)))
    if number == 20_000:
        print("going", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_kill_9_it_is_readable_and_no_body_is_missing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    ledger = Ledger(tmp_path)
    count = 0
    for record in ledger:
        assert isinstance(record, Request)
        count += 1
        assert record.keys == (str(count),)
        if count % 97 == 0 or record.seq > 19_900:
            expected = b"body of request %d" % count * (count % 50)
            assert ledger.body(record.body) == expected
    assert count >= 20_000 - BLOCK


def test_what_is_written_can_be_read_again() -> None:
    """A kind of record that the union does not name is written, and then nobody can read it."""
    assert set(get_args(AnyRecord)) == set(KINDS.values())
    tags = [kind.__struct_config__.tag for kind in KINDS.values()]
    assert len(set(tags)) == len(tags)
