"""Jobs and key that outlive the process."""

from __future__ import annotations

import re
import shutil
import sqlite3
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.emulator.dispatcher import Dispatcher
from scheduled_jobs.emulator.messages import PAUSED
from scheduled_jobs.emulator.state_file import StateFile, StoredJob
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.emulator.tokens import Issuer
from scheduled_jobs.exceptions import CannotStart
from tests.emulator.jobs import PARENT, Clock, http_job, name_of, utc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "emulator.db"


def reopened(store: Store, clock: Clock, path: Path) -> Store:
    store.close()
    return Store(clock, path)


def test_jobs_are_there_again_as_they_were(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job("kept", description="é"))
    store.create_job(PARENT, http_job("gone"))
    store.create_job(PARENT, http_job("paused"))
    store.pause_job(name_of("paused"))
    store.delete_job(name_of("gone"))
    before = store.list_jobs(PARENT)
    again = reopened(store, clock, path)
    assert again.list_jobs(PARENT) == before
    assert again.get_job(name_of("paused")).state == PAUSED
    assert again.next_time() == utc(2026, 10, 6, 9)
    again.close()


def test_a_call_is_kept_before_it_is_answered(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job())
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM jobs").fetchall() == [(name_of("report"),)]
    other.close()
    store.close()


def test_new_jobs_come_after_the_old_ones(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job("first"))
    store = reopened(store, clock, path)
    store.create_job(PARENT, http_job("second"))
    _, token = store.list_jobs(PARENT, 1)
    assert [job.name for job in store.list_jobs(PARENT, 1, token)[0]] == [name_of("second")]
    store.close()


def test_slots_missed_while_nothing_ran_are_not_made_up_for(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job(schedule="*/5 * * * *"))
    clock.now += timedelta(minutes=33)
    store = reopened(store, clock, path)
    assert store.next_time() == utc(2026, 10, 5, 12, 35)
    assert Dispatcher(store).step(clock.now) == []
    store.close()


def test_an_interval_keeps_its_phase_over_a_waiting_retry(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job(schedule="every 10 minutes", retry_config={"retry_count": 5}))
    dispatcher = Dispatcher(store)
    clock.now = utc(2026, 10, 5, 12, 10, 1).replace(microsecond=416_739)
    (delivery,) = dispatcher.step(clock.now)
    dispatcher.finish(delivery, 500, clock.now)
    assert store.get_job(name_of("report")).schedule_time.ToDatetime() < utc(2026, 10, 5, 12, 11).replace(
        tzinfo=None
    )
    store = reopened(store, clock, path)
    assert store.next_time() == clock.now + timedelta(minutes=10)
    assert store.get_job(name_of("report")).status.code == 13
    store.close()


def test_facts_of_runs_are_written_when_flushed(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    store.create_job(PARENT, http_job(schedule="* * * * *"))
    dispatcher = Dispatcher(store)
    clock.now = utc(2026, 10, 5, 12, 1)
    (delivery,) = dispatcher.step(clock.now)
    dispatcher.finish(delivery, 200, clock.now)
    store.flush()
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    other = Store(clock, copy)
    assert other.get_job(name_of("report")).status.code == 0
    other.close()
    store.close()
    store.close()


def test_what_could_not_be_written_is_written_next_time(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(clock, path)
    with monkeypatch.context() as patch:
        patch.setattr(StateFile, "write", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("full")))
        with pytest.raises(sqlite3.OperationalError, match="full"):
            store.create_job(PARENT, http_job())
    store = reopened(store, clock, path)
    assert store.get_job(name_of("report")).schedule == "0 9 * * *"
    store.close()


def test_a_file_that_is_no_state_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be looked at\n" * 10)
    with pytest.raises(CannotStart) as error:
        StateFile(path)
    assert str(error.value) == (
        f"the state file {path} cannot be used (file is not a database); "
        "name another file, or remove this one"
    )


DAMAGES = {
    "UPDATE jobs SET job = x'ff'": "Error parsing message with type 'google.cloud.scheduler.v1.Job'",
    "UPDATE jobs SET job = CAST(replace(job, '0 9 * * *', '0 9 * * x') AS BLOB)": (
        "INVALID_ARGUMENT: The provided schedule or timezone are invalid."
    ),
    "UPDATE jobs SET name = 'other'": f"it has {name_of('report')} under another name",
    "UPDATE jobs SET number = 'first'": "invalid literal for int() with base 10: 'first'",
    "UPDATE jobs SET slot = 'soon'": "Invalid isoformat string: 'soon'",
    "UPDATE jobs SET slot = '2026-10-06'": "can't compare offset-naive and offset-aware datetimes",
    "UPDATE secrets SET value = x'78' WHERE name = 'signing key'": "Unable to load PEM file",
    "UPDATE secrets SET value = x'78' WHERE name = 'certificate'": "Unable to load PEM file",
}


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a file with a job and a key."""
    path = tmp_path_factory.mktemp("state") / "emulator.db"
    store = Store(Clock(), path)
    store.create_job(PARENT, http_job())
    Issuer(store.state_file)
    store.close()
    return path.read_bytes()


@pytest.fixture
def kept(tmp_path: Path, contents: bytes) -> Path:
    path = tmp_path / "kept.db"
    path.write_bytes(contents)
    return path


def start(path: Path, clock: Clock) -> None:
    """What a start reads of the file."""
    store = Store(clock, path)
    try:
        Issuer(store.state_file)
    finally:
        store.close()


@pytest.mark.parametrize(("damage", "why"), DAMAGES.items(), ids=map(str, range(len(DAMAGES))))
def test_a_row_that_nothing_here_has_written_is_refused(
    kept: Path, clock: Clock, damage: str, why: str
) -> None:
    connection = sqlite3.connect(kept)
    try:
        connection.execute(damage)
        connection.commit()
    finally:
        connection.close()
    with pytest.raises(CannotStart) as error:
        start(kept, clock)
    assert str(error.value).startswith(f"the state file {kept} cannot be used ({why}")


def test_a_certificate_of_another_key_is_refused(kept: Path, clock: Clock, tmp_path: Path) -> None:
    other = StateFile(tmp_path / "other.db")
    Issuer(other)
    key = other.secret("signing key")
    assert key is not None
    other.close()
    file = StateFile(kept)
    file.keep_secret("signing key", key)
    file.close()
    with pytest.raises(CannotStart, match=r"cannot be used \(its certificate is not that of its key\)"):
        start(kept, clock)


def damaged(contents: bytes, seed: int) -> bytes:
    random = Random(seed)
    damaged = bytearray(contents)
    for _ in range(random.choice([1, 50])):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    return bytes(damaged[: random.randrange(len(damaged))] if seed % 4 == 0 else damaged)


def test_a_file_with_any_damage_is_read_or_refused_in_one_line(
    path: Path, clock: Clock, contents: bytes
) -> None:
    path.parent.mkdir()
    refusals = []
    for seed in range(60):
        path.write_bytes(damaged(contents, seed))
        try:
            Store(clock, path).close()
        except CannotStart as error:
            refusals.append(str(error))
    assert 20 < len(refusals) < 60
    for refusal in refusals:
        assert re.fullmatch(
            rf"the state file {path} cannot be used \(.+\); name another file, or .+", refusal
        )


def test_a_damaged_lock_is_the_one_that_is_named(kept: Path, clock: Clock) -> None:
    beside = kept.with_name("kept.db-lock")
    beside.write_bytes(b"no lock" * 1000)
    with pytest.raises(CannotStart) as error:
        Store(clock, kept)
    assert str(error.value) == f"the file {beside} cannot be locked (file is not a database); remove it"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot be used"):
        StateFile(tmp_path / "file" / "state.db")


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    StateFile(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_fails_changes_nothing(path: Path) -> None:
    file = StateFile(path)
    file.write([StoredJob("a", 1, None, b"x")], [])
    bad = StoredJob("b", None, None, b"x")  # type: ignore[arg-type] # the database refuses it
    with pytest.raises(sqlite3.IntegrityError):
        file.write([bad], ["a"])
    assert [row.name for row in file.load()] == ["a"]
    file.write([], ["a"])
    assert file.load() == []
    file.close()


def test_two_emulators_do_not_share_a_state_file(path: Path, clock: Clock) -> None:
    store = Store(clock, path)
    with pytest.raises(CannotStart) as caught:
        Store(clock, path)
    assert str(caught.value) == (
        f"another emulator uses the state file {path}; stop that one, or name another file"
    )
    reopened(store, clock, path).close()
