from __future__ import annotations

import pytest

from scheduled_jobs.backends import Backend, forget_backends, get_backend, use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from tests.backends.cases import BackendCases


class TestMemoryBackend(BackendCases):
    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()


def test_the_backend_of_the_settings_is_made_once() -> None:
    assert get_backend() is get_backend()
    assert isinstance(get_backend(), MemoryBackend)
    first = get_backend()
    forget_backends()
    assert get_backend() is not first


def test_a_backend_can_be_put_in_its_place() -> None:
    mine = MemoryBackend()
    with use_backend(mine):
        assert get_backend() is mine
    assert get_backend() is not mine


def test_a_backend_that_cannot_be_imported_is_named(settings: object) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.test import override_settings

    with (
        override_settings(DJANGO_CLOUD_TASKS_BACKEND="nowhere.Backend"),
        pytest.raises(ImproperlyConfigured, match="DJANGO_CLOUD_TASKS_BACKEND is 'nowhere.Backend'"),
    ):
        get_backend()
