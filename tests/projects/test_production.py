"""What docs/production.md says is so: its settings and environment, its commands, its order of steps."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from django.test import RequestFactory, override_settings

from scheduled_jobs import authentication, conf
from tests.support.declaring import declare, schedule_tasks
from tests.support.documents import code_blocks, read

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.support.project import Project

PAGE = "docs/production.md"

FLAGS = {
    "config set": "",
    "services enable": "",
    "auth application-default set-quota-project": "",
    "iam service-accounts create": "",
    "iam service-accounts add-iam-policy-binding": "--member --role",
    "projects add-iam-policy-binding": "--member --role",
    "secrets create": "--data-file",
    "secrets add-iam-policy-binding": "--member --role",
    "run deploy": "--image --service-account --env-vars-file --set-secrets --timeout --concurrency "
    "--allow-unauthenticated",
    "run services update": "--add-custom-audiences",
    "run services add-iam-policy-binding": "--member --role",
    "run services update-traffic": "--to-revisions --to-latest",
    "run jobs deploy": "--image --service-account --env-vars-file --set-secrets --command --args "
    "--max-retries --task-timeout",
    "run jobs update": "--image",
    "run jobs execute": "--args --wait",
    "scheduler jobs delete": "--location",
    "scheduler jobs list": "--location",
    "scheduler jobs pause": "--location",
    "scheduler jobs resume": "--location",
}
"""The commands that the pages may use with their flags: each was looked up in the Google Cloud CLI 528."""


def blocks(kind: str, page: str = PAGE) -> str:
    return "".join(re.findall(rf"^ *```{kind}\n(.*?)^ *```$", read(page), re.MULTILINE | re.DOTALL))


def environment() -> dict[str, str]:
    lines = blocks('yaml title="env.yaml"').splitlines()
    return dict(line.split(": ") for line in lines)


def gcloud_commands(page: str) -> list[list[str]]:
    """The words of each command, without ``gcloud``."""
    lines = blocks("bash", page).replace("\\\n", " ").splitlines()
    commands = [part.strip() for line in lines for part in line.split("|")]
    return [shlex.split(command)[1:] for command in commands if command.startswith("gcloud ")]


def test_the_settings_of_the_page_are_ready_for_production(project: Project) -> None:
    (settings,) = code_blocks(PAGE, "settings.py")
    project.add_settings(settings)
    env = {**environment(), "SECRET_KEY": "x" * 60}
    done = project.manage("check", "--deploy", "--tag", "scheduled_jobs", **env)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), (
        done.stderr
    )
    # Django's own advice is on HSTS, on a key that this test has made up, and on a middleware left out here.
    everything = project.manage("check", "--deploy", **env)
    assert set(re.findall(r"\((\w+\.\w+)\)", everything.stderr)) == {
        "security.W002", "security.W004", "security.W009",
    }  # fmt: skip


@pytest.mark.parametrize("page", [PAGE, "docs/moving.md"])
def test_every_setting_that_the_page_names_exists(page: str) -> None:
    named = set(re.findall(rf"\b{conf.PREFIX}([A-Z_]+)\b(?! of theirs)", read(page)))
    assert named <= set(conf.names())


@pytest.mark.parametrize("page", [PAGE, "docs/moving.md"])
def test_every_command_is_one_with_the_flags_that_it_has(page: str) -> None:
    commands = gcloud_commands(page)
    assert commands
    for words in commands:
        name = next(
            name
            for name in sorted(FLAGS, key=len, reverse=True)
            if words[: len(name.split())] == name.split()
        )
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= set(FLAGS[name].split()), words


def test_names_are_the_same_in_all_commands() -> None:
    words = [word for command in gcloud_commands(PAGE) for word in command]
    env, text = environment(), " ".join(words)
    accounts = set(re.findall(r"[\w-]+@[\w.-]+", text))
    created = [
        command[3]
        for command in gcloud_commands(PAGE)
        if command[:3] == ["iam", "service-accounts", "create"]
    ]
    assert accounts == {f"{name}@my-project.iam.gserviceaccount.com" for name in created}
    assert env["DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT"] in accounts
    assert set(re.findall(r"europe-west\d+", text)) == {env["DJANGO_CLOUD_TASKS_LOCATION"]}
    assert "https://shop.example.com" in text
    assert env["DJANGO_CLOUD_TASKS_ENDPOINT"] == "https://shop.example.com"
    threads = re.search(r"--threads=(\d+)", blocks("bash"))
    assert threads is not None
    assert f"--concurrency={threads[1]}" in words


def test_terraform_says_the_same_as_the_commands() -> None:
    code = blocks("terraform")
    made = re.findall(r'^resource "(\w+)" "(\w+)" \{$', code, re.MULTILINE)
    assert len(made) == len(set(made)) == 9
    assert set(re.findall(r"\b(google_\w+)\.(\w+)\b", code)) <= set(made)
    env = re.search(r"^  env = \{$(.*?)^  \}$", code, re.MULTILINE | re.DOTALL)
    assert env is not None
    values = dict(re.findall(r"^ +(\w+) += (.+)$", env[1], re.MULTILINE))
    assert values.keys() == environment().keys()
    assert {key: value.strip('"') for key, value in values.items() if value.startswith('"')}.items() <= (
        environment().items()
    )
    assert set(re.findall(r"roles/[\w.]+", code)) == set(re.findall(r"--role=(\S+)", blocks("bash")))
    apis = set(re.findall(r"\w+\.googleapis\.com", code))
    assert apis == set(re.findall(r"\w+\.googleapis\.com", blocks("bash")))


@pytest.mark.usefixtures("no_tasks")
@pytest.mark.django_db(transaction=True)
def test_a_new_key_goes_in_without_a_gap_in_the_order_of_the_page(google: MemoryBackend) -> None:
    def is_let_in() -> bool:
        (job,) = google.store.list_jobs(google.parent)[0]
        request = RequestFactory().post("/", headers={
            **dict(job.http_target.headers), "X-CloudScheduler-JobName": job.name.rpartition("/")[2],
        })  # fmt: skip
        return (
            authentication.verify_caller(request.headers, use_oidc=False, task="shop.tasks.Quiet", now=None)
            == ""
        )  # type: ignore[arg-type]

    declare("Quiet", schedule_use_oidc=False)
    with override_settings(SECRET_KEY="old", SECRET_KEY_FALLBACKS=["new"]):
        schedule_tasks()
        assert is_let_in()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert is_let_in()
        assert schedule_tasks(check=True).code == 2
        schedule_tasks()
        assert schedule_tasks(check=True).code == 0
    with override_settings(SECRET_KEY="old", SECRET_KEY_FALLBACKS=["new"]):
        assert is_let_in()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]):
        assert is_let_in()
