"""The parameters of a task's ``run()``: what a form asks for, and what a payload must be.

The rules, for what a signature may hold beside plain parameters:

- A first parameter named ``self`` is the task itself; static methods have none, of bound methods Python
  takes it away. ``async`` makes no difference.
- Decorators are looked through by ``functools.wraps``. One that does not use it shows its own signature,
  which is mostly ``*args, **kwargs``: anything is accepted.
- ``**kwargs`` takes all other keys; its annotation, if any, holds for each of them.
- ``*args`` is never filled. A positional-only parameter cannot be either: with a default it keeps it,
  without one no payload would ever fit.
- A default of None allows null. Defaults are left to Python: what the payload lacks is not passed.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from scheduled_jobs.domain.payloads.annotations import (
    Choice,
    Kind,
    Meaning,
    adapter_of,
    adapter_of_rest,
    convert,
    describe,
    resolve,
)
from scheduled_jobs.domain.payloads.storage import clean_text, is_json, storable
from scheduled_jobs.domain.payloads.wording import shown
from scheduled_jobs.exceptions import InvalidPayload

if sys.version_info >= (3, 14):  # pragma: no cover
    from annotationlib import Format

if TYPE_CHECKING:
    from scheduled_jobs.domain.payloads.annotations import Adapter

ANYTHING = Meaning("json", optional=True)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of ``run()``. ``default`` is the Python value, None where the field is required.

    ``optional`` tells that null is accepted; ``choices`` are JSON values with their labels.
    """

    name: str
    required: bool
    default: Any
    annotation: Any
    kind: Kind
    choices: tuple[Choice, ...] = ()
    help: str = ""
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Signature:
    """What ``run()`` takes. Made by ``Signature.of``.

    ``unchecked`` maps parameters whose annotation cannot be used, and which therefore accept any JSON, to
    the reason.
    """

    fields: tuple[Field, ...]
    accepts_anything: bool
    unchecked: Mapping[str, str]
    _names: Mapping[str, Field] = dataclass_field(repr=False)
    _reserved: frozenset[str] = dataclass_field(repr=False)
    _adapter: Adapter | None = dataclass_field(repr=False)
    _extra_adapter: Adapter | None = dataclass_field(repr=False)

    @classmethod
    def of(cls, run: Callable[..., Any]) -> Signature:
        """The signature of a task's ``run``, taken from the class or from an instance.

        Raises InvalidPayload for a ``run`` that no payload could fit: it has a positional-only parameter
        without a default, or is no function at all.
        """
        function = getattr(run, "__func__", run)
        if not callable(function):
            raise InvalidPayload(
                {"": f"the parameters of run() cannot be read: it is {type(function).__name__}"}
            )
        return _read(function, bound=function is not run)

    def validate(self, payload: Any, *, secret_keys: Iterable[str]) -> dict[str, Any]:
        """The keyword arguments for ``run()``: the payload's values as the annotated types.

        Numbers are JSON numbers, dates and times ISO 8601 strings (aware only where they have an offset),
        durations seconds or ISO 8601, enums their values. Raises InvalidPayload naming every parameter at
        fault; values under ``secret_keys`` are not shown in it.
        """
        if not isinstance(payload, Mapping):
            names = ", ".join(self._names)
            advice = f"write {{}} or an object with {names}" if names else "write {}"
            raise InvalidPayload(
                {"": f"{shown(storable(payload), secret_keys)} is not a JSON object; {advice}"}
            )
        stored = storable(payload)
        errors = self._strangers_in(stored)
        known: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, value in stored.items():
            if name not in errors:
                (known if name in self._names else extra)[name] = value
        for field in self.fields:
            if field.required and field.name not in stored:
                errors[field.name] = "this parameter of run() is required"
        arguments = convert(self._adapter, known, errors, secret_keys)
        arguments.update(convert(self._extra_adapter, extra, errors, secret_keys))
        if errors:
            place = {name: number for number, name in enumerate(self._names)}
            in_order = sorted(errors, key=lambda name: place.get(name, len(place)))
            raise InvalidPayload({name: errors[name] for name in in_order})
        return arguments

    def stored(self, payload: Mapping[str, Any], *, secret_keys: Iterable[str]) -> dict[str, Any]:
        """The payload as it is stored: a date, a decimal, an enum … in its parameter's form in JSON.

        Only what ``run()`` would be given back is converted. Raises InvalidPayload naming what is not.
        """
        errors: dict[str, str] = {}
        forms: dict[str, Any] = {}
        for name, value in payload.items():
            try:
                forms[name] = storable(value) if is_json(value) else self._form(name, value, secret_keys)
            except InvalidPayload as error:
                errors[name] = "; ".join(error.errors.values())
        if errors:
            raise InvalidPayload(errors)
        return storable(forms)  # type: ignore[no-any-return] # what comes of a dict is one

    def _form(self, name: str, value: Any, secret_keys: Iterable[str]) -> Any:
        from pydantic_core import PydanticSerializationError, to_jsonable_python  # 0.06 s to import

        field, kind = self._names.get(name), type(value).__name__
        try:
            form = to_jsonable_python(value)
        except (PydanticSerializationError, ValueError, RecursionError):
            raise InvalidPayload({name: f"{kind} has no form in JSON"}) from None
        if isinstance(value, (set, frozenset)):
            form = sorted(form, key=json.dumps)  # or else each process would have another order
        is_number = isinstance(value, Decimal) and field is not None and field.kind in ("integer", "number")
        if is_number:
            form = int(value) if value == value.to_integral_value() else float(value)
        errors: dict[str, str] = {}
        adapter = self._extra_adapter if field is None else self._adapter
        read = convert(adapter, {name: storable(form)}, errors, secret_keys).get(name)
        if errors:
            raise InvalidPayload(errors)
        if not is_number and not _is_equal(read, value):
            given = type(read).__name__
            text = f"run() would be given {given} and not {kind}; annotate the parameter with {kind}"
            if given == kind:
                text = (
                    f"run() would be given another {kind}; annotate it with what is in it, or give it as JSON"
                )
            raise InvalidPayload({name: text})
        return form

    def dump(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Python values as a payload would write them: enums as values, dates as ISO 8601.

        What has no such form comes as its ``repr``, to be shown; what has none either, as its type's name.
        """
        return {name: _as_json(value) for name, value in kwargs.items()}

    def defaults(self) -> dict[str, Any]:
        """What ``run()`` takes where the payload says nothing, as a payload would write it."""
        return dict(self._defaults)

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return self.dump({field.name: field.default for field in self.fields if not field.required})

    def _strangers_in(self, payload: Mapping[str, Any]) -> dict[str, str]:
        takes = f"it takes {', '.join(self._names)}" if self._names else "it takes none"
        return {
            clean_text(name): f"run() takes no such parameter; {takes}"
            for name in payload
            if name in self._reserved or not (self.accepts_anything or name in self._names)
        }


def _is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime) and one.tzinfo and other.tzinfo:
        # Of two zones, a time that comes twice is never equal to itself.
        one, other = one.astimezone(UTC), other.astimezone(UTC)
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 – a foreign object may raise anything
        return False


def _as_json(value: Any) -> Any:
    from pydantic_core import to_json  # 0.06 s to import

    try:
        return json.loads(to_json(value, inf_nan_mode="strings", fallback=_repr))
    except (ValueError, RecursionError):  # bytes that are no UTF-8, what contains itself, what lies too deep
        return _repr(value)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 – of a whole number of 5,000 digits; and a method may raise anything
        return type(value).__name__


# --- Reading a function ------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _read(run: Callable[..., Any], *, bound: bool) -> Signature:
    try:
        parameters = _parameters(run)
    except (TypeError, ValueError) as error:
        raise InvalidPayload({"": f"the parameters of run() cannot be read: {error}"}) from None
    reserved = set()
    if parameters and parameters[0].kind not in _VARIADIC:
        if bound:
            del parameters[0]
        elif parameters[0].name == "self":
            reserved.add(parameters.pop(0).name)
    unchecked: dict[str, str] = {}
    annotations: dict[str, Any] = {}
    fields, extra = [], None
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY:
            _refuse_positional(parameter)
        elif parameter.kind is parameter.VAR_KEYWORD:
            extra = parameter
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            field = _field(run, parameter, unchecked)
            fields.append(field)
            annotations[field.name] = field.annotation
    adapter, extra_adapter = adapter_of(annotations, unchecked), None
    if extra is not None:
        annotation, _ = _meaning(run, extra, unchecked)
        extra_adapter = adapter_of_rest(extra.name, annotation, unchecked)
    return Signature(
        fields=tuple(fields),
        accepts_anything=extra is not None,
        unchecked=unchecked,
        _names={field.name: field for field in fields},
        _reserved=frozenset(reserved),
        _adapter=adapter,
        _extra_adapter=extra_adapter,
    )


def _parameters(run: Callable[..., Any]) -> list[inspect.Parameter]:
    if sys.version_info >= (3, 14):  # pragma: no cover
        # Annotations are evaluated late there, and names that exist for type checkers only would raise.
        signature = inspect.signature(run, annotation_format=Format.FORWARDREF)
    else:
        signature = inspect.signature(run)
    return list(signature.parameters.values())


def _refuse_positional(parameter: inspect.Parameter) -> None:
    if parameter.default is parameter.empty:
        raise InvalidPayload(
            {
                parameter.name: "this parameter of run() is positional-only, and a payload has only names; "
                "remove the / from its signature"
            }
        )


def _field(run: Callable[..., Any], parameter: inspect.Parameter, unchecked: dict[str, str]) -> Field:
    required = parameter.default is parameter.empty
    annotation, meaning = _meaning(run, parameter, unchecked)
    return Field(
        name=parameter.name,
        required=required,
        default=None if required else parameter.default,
        annotation=annotation,
        kind=meaning.kind,
        choices=meaning.choices,
        help=meaning.help,
        optional=meaning.optional,
    )


def _meaning(
    run: Callable[..., Any], parameter: inspect.Parameter, unchecked: dict[str, str]
) -> tuple[Any, Meaning]:
    if parameter.annotation is parameter.empty:
        return Any, ANYTHING
    try:
        annotation = resolve(run, parameter.annotation)
        meaning = describe(annotation)
        if parameter.default is None and not meaning.optional:
            annotation, meaning = annotation | None, meaning._replace(optional=True)
    except Exception as error:  # noqa: BLE001 – an annotation may be any expression
        unchecked[parameter.name] = (
            f"its annotation {parameter.annotation!r} cannot be resolved ({error}), so any JSON is accepted; "
            "import the names in it at the top of the module, not under TYPE_CHECKING"
        )
        return Any, ANYTHING
    return annotation, meaning
