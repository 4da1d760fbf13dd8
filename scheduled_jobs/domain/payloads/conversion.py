"""From JSON to the annotated types: one pydantic adapter for all parameters of a ``run()``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typing_extensions

from scheduled_jobs.domain.payloads.annotations import for_pydantic
from scheduled_jobs.domain.payloads.storage import clean_text
from scheduled_jobs.domain.payloads.wording import explain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import TypeAdapter

    Adapter = TypeAdapter[dict[str, Any]]


def convert(
    adapter: Adapter | None,
    values: dict[str, Any],
    errors: dict[str, str],
    secret_keys: Iterable[str],
) -> dict[str, Any]:
    """The values as the annotated types; what is wrong with them goes into ``errors``."""
    if adapter is None or not values:
        return values
    from pydantic import ValidationError  # 0.06 s to import

    try:
        return adapter.validate_json(json.dumps(values))
    except ValidationError as error:
        errors.update(explain(error.errors(include_url=False), values, secret_keys))
    except Exception as error:  # noqa: BLE001 – a type may bring validators of its own
        errors[""] = clean_text(f"it could not be converted: {type(error).__name__}: {error}")
    return {}


def adapter_of(annotations: dict[str, Any], unchecked: dict[str, str]) -> Adapter | None:
    """What converts the annotated parameters; one that pydantic cannot use does not spoil the others."""
    if all(annotation is Any for annotation in annotations.values()):
        return None
    try:
        return _build(annotations)
    except Exception:  # noqa: BLE001 – pydantic has many, and types may bring their own
        usable = dict(annotations)
        for name, annotation in annotations.items():
            try:
                _build({name: annotation})
            except Exception as error:  # noqa: BLE001
                usable[name] = Any
                unchecked[name] = _cannot_convert(annotation, error)
    return _build(usable)


def adapter_of_rest(name: str, annotation: Any, unchecked: dict[str, str]) -> Adapter | None:
    """What converts the values of ``**kwargs``, which is called ``name``."""
    from pydantic import ConfigDict, TypeAdapter  # 0.06 s to import

    if annotation in (Any, object):
        return None
    try:
        type_: Any = dict[str, for_pydantic(annotation)]  # type: ignore[misc] # known at run time only
        return _complete(TypeAdapter(type_, config=ConfigDict(strict=True, extra="forbid")))
    except Exception as error:  # noqa: BLE001
        unchecked[name] = _cannot_convert(annotation, error)
        return None


def _build(annotations: Mapping[str, Any]) -> Adapter:
    from pydantic import ConfigDict, TypeAdapter  # 0.06 s to import

    types = {name: for_pydantic(annotation) for name, annotation in annotations.items()}
    make: Any = typing_extensions.TypedDict
    arguments = make("Arguments", types, total=False)
    arguments.__pydantic_config__ = ConfigDict(strict=True, extra="forbid")
    return _complete(TypeAdapter(arguments))


def _complete(adapter: Adapter) -> Adapter:
    adapter.rebuild(raise_errors=True)
    return adapter


def _cannot_convert(annotation: Any, error: Exception) -> str:
    name = getattr(annotation, "__name__", annotation)
    reason = f"{type(error).__name__}: {error}".partition("\n")[0].partition(". ")[0]
    return (
        f"its annotation {name} cannot be read from JSON ({reason}), "
        "so any JSON is accepted; annotate it with a type that has a form in JSON"
    )
