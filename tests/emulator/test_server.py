"""The emulator through Google's own client, in this process."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import (
    CloudSchedulerGrpcAsyncIOTransport,
    CloudSchedulerGrpcTransport,
)
from google.protobuf import field_mask_pb2

from scheduled_jobs.emulator import process, server
from scheduled_jobs.emulator.process import Emulator
from scheduled_jobs.emulator.server import GrpcServer
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.exceptions import CannotStart
from tests.emulator.jobs import PARENT, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = name_of("report")
State = scheduler_v1.Job.State


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(Store(), port=0) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[scheduler_v1.CloudSchedulerClient]:
    with grpc.insecure_channel(emulator.host) as channel:
        yield scheduler_v1.CloudSchedulerClient(transport=CloudSchedulerGrpcTransport(channel=channel))


def a_job(job_id: str = "report") -> scheduler_v1.Job:
    return scheduler_v1.Job(
        name=name_of(job_id),
        schedule="0 9 * * *",
        time_zone="Europe/Berlin",
        http_target=scheduler_v1.HttpTarget(
            uri="https://shop.example/tasks/report",
            body=b"{}",
            oidc_token=scheduler_v1.OidcToken(service_account_email="a@b.example"),
        ),
    )


def test_googles_client_makes_all_eight_calls(client: scheduler_v1.CloudSchedulerClient) -> None:
    created = client.create_job(parent=PARENT, job=a_job())
    assert created.state == State.ENABLED
    assert created.http_target.oidc_token.audience == "https://shop.example/tasks/report"
    assert client.get_job(name=NAME) == created
    assert list(client.list_jobs(parent=PARENT)) == [created]
    assert client.pause_job(name=NAME).state == State.PAUSED
    assert client.resume_job(name=NAME).state == State.ENABLED
    changed = client.update_job(
        job=scheduler_v1.Job(name=NAME, description="new", schedule="* * * * *"),
        update_mask=field_mask_pb2.FieldMask(paths=["description"]),
    )
    assert (changed.description, changed.schedule) == ("new", "0 9 * * *")
    assert changed.attempt_deadline == timedelta(minutes=3)
    assert client.run_job(name=NAME).name == NAME
    assert client.delete_job(name=NAME) is None
    assert list(client.list_jobs(parent=PARENT)) == []


def test_the_async_client_works_too(emulator: Emulator) -> None:
    async def main() -> str:
        async with grpc.aio.insecure_channel(emulator.host) as channel:
            transport = CloudSchedulerGrpcAsyncIOTransport(channel=channel)
            client = scheduler_v1.CloudSchedulerAsyncClient(transport=transport)
            job = await client.create_job(parent=PARENT, job=a_job())
            return str(job.name)

    assert asyncio.run(main()) == NAME


def test_the_pager_walks_through_all_pages(
    emulator: Emulator, client: scheduler_v1.CloudSchedulerClient
) -> None:
    for number in range(1001):
        emulator.store.create_job(PARENT, scheduler_v1.Job.pb(a_job(f"job-{number}")))
    pages = [len(page.jobs) for page in client.list_jobs(parent=PARENT).pages]
    assert pages == [500, 500, 1]


def test_refusals_are_the_exceptions_of_googles_client(client: scheduler_v1.CloudSchedulerClient) -> None:
    client.create_job(parent=PARENT, job=a_job())
    with pytest.raises(exceptions.AlreadyExists, match=f"Job {NAME} already exists"):
        client.create_job(parent=PARENT, job=a_job())
    client.pause_job(name=NAME)
    with pytest.raises(exceptions.FailedPrecondition):
        client.pause_job(name=NAME)
    with pytest.raises(exceptions.InvalidArgument, match="Invalid mask for Job: timeZone"):
        client.update_job(job=a_job(), update_mask=field_mask_pb2.FieldMask(paths=["timeZone"]))


def test_a_missing_job_is_named_in_the_details(client: scheduler_v1.CloudSchedulerClient) -> None:
    with pytest.raises(exceptions.NotFound) as error:
        client.get_job(name=NAME)
    assert error.value.message == f"Resource '{NAME}' was not found"
    assert [detail.resource_name for detail in error.value.details] == [NAME]


def test_a_refusal_made_to_order_reaches_the_client(
    emulator: Emulator, client: scheduler_v1.CloudSchedulerClient
) -> None:
    emulator.store.faults.lose_answer("CreateJob")
    with pytest.raises(exceptions.DeadlineExceeded):
        client.create_job(parent=PARENT, job=a_job())
    assert client.get_job(name=NAME).name == NAME


def test_a_job_that_is_far_too_large_gets_googles_answer(client: scheduler_v1.CloudSchedulerClient) -> None:
    job = a_job()
    job.http_target.body = b"x" * 6_000_000
    with pytest.raises(exceptions.InvalidArgument, match="larger than 1 MB"):
        client.create_job(parent=PARENT, job=job)


def test_a_faulty_call_is_logged_and_the_next_one_works(
    emulator: Emulator,
    client: scheduler_v1.CloudSchedulerClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    client.create_job(parent=PARENT, job=a_job())
    with monkeypatch.context() as patch:
        patch.setattr(emulator.store, "get_job", lambda name: 1 / 0)
        with pytest.raises(exceptions.InternalServerError, match="its log has the traceback"):
            client.get_job(name=NAME, retry=None)
    assert client.get_job(name=NAME).name == NAME
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert caplog.records[-1].levelno == logging.ERROR


def test_locations_are_listed(client: scheduler_v1.CloudSchedulerClient) -> None:
    client.create_job(parent=PARENT, job=a_job())
    found = client.list_locations({"name": "projects/shop"}).locations
    assert [(location.name, location.location_id) for location in found] == [(PARENT, "europe-west1")]
    assert client.get_location({"name": PARENT}).location_id == "europe-west1"
    assert list(client.list_locations({"name": "projects/other"}).locations) == []


def test_the_certificates_are_on_the_next_port(emulator: Emulator) -> None:
    port = int(emulator.host.rpartition(":")[2])
    assert emulator.certs_url == f"http://127.0.0.1:{port + 1}/certs"


def test_a_certificates_port_of_ones_own_is_taken(emulator: Emulator) -> None:
    with Emulator(Store(), port=0, certs_port=0) as other:
        assert not other.certs_url.startswith(emulator.certs_url)


def test_a_taken_port_is_named(emulator: Emulator) -> None:
    port = int(emulator.host.rpartition(":")[2])
    with pytest.raises(CannotStart) as error:
        GrpcServer(Store(), "127.0.0.1", port)
    assert str(error.value) == (
        f"port {port} on 127.0.0.1 cannot be used (another program listens there); pick another port"
    )


def test_a_host_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotStart, match=r"^port 0 on nowhere.invalid cannot be used"):
        GrpcServer(Store(), "nowhere.invalid", 0)


def test_a_port_that_is_taken_at_the_last_moment_is_named_too(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(emulator.host.rpartition(":")[2])
    monkeypatch.setattr(server, "_check_port", lambda *_: None)
    with pytest.raises(CannotStart, match=f"^port {port} on 127.0.0.1 cannot be used; pick another"):
        GrpcServer(Store(), "127.0.0.1", port)


def test_a_number_that_is_no_port_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"^70000 is not a port: ports go from 0 to 65535"):
        GrpcServer(Store(), "127.0.0.1", 70_000)


def test_a_taken_port_for_the_certificates_is_named(emulator: Emulator) -> None:
    taken = int(emulator.certs_url.split(":")[2].split("/")[0])
    with pytest.raises(CannotStart, match=f"port {taken} on 127.0.0.1, for the certificates"):
        Emulator(Store(), port=0, certs_port=taken)


def test_where_the_system_knows_no_limit_of_files_none_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    process._allow_open_files()


def test_as_many_files_as_attempts_need_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_NOFILE: (256, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    process._allow_open_files()
    assert limits == {resource.RLIMIT_NOFILE: (process.OPEN_FILES, resource.RLIM_INFINITY)}
    limits[resource.RLIMIT_NOFILE] = (1024, 2048)
    process._allow_open_files()
    assert limits == {resource.RLIMIT_NOFILE: (2048, 2048)}
