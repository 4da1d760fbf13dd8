"""What the annotations of ``run()`` mean: resolved, described for a form, made fit for pydantic, and applied.

pydantic's strict JSON mode is what is wanted, save in five places that are mended here: it takes ``true``
for a choice of 1, digits in a string for seconds since 1970, no seconds for a duration, a
``typing.TypedDict`` not at all before Python 3.12 and later without the other four, and leaves the elements
of an ``Iterable`` unchecked until they are read.
"""

from __future__ import annotations

import collections.abc
import enum
import inspect
import json
import re
import sys
import types
import typing
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from uuid import UUID

import typing_extensions

from scheduled_jobs.domain.payloads.storage import clean_text
from scheduled_jobs.domain.payloads.wording import explain

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal[
    "integer",
    "number",
    "decimal",
    "boolean",
    "string",
    "date",
    "datetime",
    "time",
    "duration",
    "choice",
    "json",
]

_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (Decimal, "decimal"),
    (str, "string"),
    (bytes, "string"),
    (UUID, "string"),
    (timedelta, "duration"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
)
_WRITTEN = {
    date: re.compile(r"\d{4}-\d\d-\d\d$"),
    datetime: re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d"),
    time: re.compile(r"\d\d:\d\d"),
}
"""How times are written in JSON: ISO 8601 with its hyphens and colons."""
_ITERABLES = (collections.abc.Iterable, collections.abc.Iterator, collections.abc.Generator)
_GENERICS: tuple[Any, ...] = (
    list,
    tuple,
    set,
    frozenset,
    dict,
    collections.abc.Sequence,
    collections.abc.Mapping,
    collections.abc.Collection,
    collections.abc.Set,
)


class Choice(NamedTuple):
    """One of the values that a parameter may have: as JSON, and as a person reads it."""

    value: Any
    label: str


class Meaning(NamedTuple):
    """What a form needs to know of an annotation."""

    kind: Kind
    optional: bool
    choices: tuple[Choice, ...] = ()
    help: str = ""


# --- Resolving ---------------------------------------------------------------------------------------


def resolve(run: Callable[..., Any], annotation: Any) -> Any:
    """An annotation of ``run`` with the names in it looked up; raises whatever the look-up raises.

    Names are looked for in the module of the function below all decorators, and in the bodies of the
    classes around it. Names that exist only within a function, or only for a type checker, cannot be found.
    """
    function = inspect.unwrap(run)
    function = getattr(function, "__func__", function)
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    names = dict(vars(sys.modules.get(getattr(function, "__module__", ""), types.SimpleNamespace())))
    names.update(getattr(function, "__globals__", {}))
    around: Any = types.SimpleNamespace(**names)
    for part in getattr(function, "__qualname__", "").split(".")[:-1]:
        around = getattr(around, part, None)
        if not isinstance(around, type):
            break
        names.update(vars(around))
    return typing.get_type_hints(holder, globalns=names, include_extras=True)["it"]


# --- Describing --------------------------------------------------------------------------------------


def describe(annotation: Any) -> Meaning:
    """The kind of form field that an annotation asks for."""
    annotation, text = _bare(annotation)
    if _is_union(annotation):
        members = [m for m in typing.get_args(annotation) if m is not type(None)]
        has_null = len(members) < len(typing.get_args(annotation))
        if len(members) != 1:
            return Meaning("json", optional=has_null, help=text)
        inner = describe(members[0])
        return inner._replace(optional=has_null or inner.optional, help=text or inner.help)
    if annotation in (None, type(None)):
        return Meaning("json", optional=True, help=text)
    options = choices_of(annotation)
    if options is not None:
        values = [_json(member) for member in options]
        shown = tuple(
            Choice(value, _label(member))
            for value, member in zip(values, options, strict=True)
            if value is not None
        )
        return Meaning("choice", optional=None in values, choices=shown, help=text)
    for type_, kind in _KINDS:
        if isinstance(annotation, type) and issubclass(annotation, type_):
            return Meaning(kind, optional=False, help=text)
    return Meaning("json", optional=annotation in (Any, object), help=text)


def choices_of(annotation: Any) -> list[Any] | None:
    """The values of a Literal or the members of an Enum; None for all else."""
    if typing.get_origin(annotation) in (Literal, typing_extensions.Literal):
        return list(typing.get_args(annotation))
    if (
        isinstance(annotation, type)
        and issubclass(annotation, enum.Enum)
        and not issubclass(annotation, enum.Flag)
    ):
        return list(annotation)
    return None


def _bare(annotation: Any) -> tuple[Any, str]:
    """The annotation below Annotated, NewType and type aliases, and the help text that was with it."""
    text = ""
    while True:
        if typing.get_origin(annotation) == Annotated:
            for extra in annotation.__metadata__:
                said = extra if isinstance(extra, str) else None
                said = said or getattr(extra, "description", None) or getattr(extra, "documentation", None)
                text = text or (said if isinstance(said, str) else "")
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif isinstance(annotation, typing_extensions.TypeAliasType):
            annotation = annotation.__value__
        else:
            return annotation, text


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _label(member: Any) -> str:
    if isinstance(member, enum.Enum):
        label = getattr(member, "label", None)
        return member.name.replace("_", " ").capitalize() if label is None else str(label)
    return str(member)


def _json(member: Any) -> Any:
    from pydantic_core import to_jsonable_python  # 0.06 s to import

    return to_jsonable_python(member, fallback=repr)


# --- Fit for pydantic --------------------------------------------------------------------------------


def for_pydantic(annotation: Any, within: tuple[Any, ...] = ()) -> Any:
    """The annotation with what pydantic takes too lightly, or not at all, replaced. Goes into generics.

    ``within`` are the typed dicts around it: one that holds itself is left to pydantic the second time.
    """
    from pydantic import BeforeValidator, PlainValidator, Strict  # 0.06 s to import

    if hasattr(annotation, "__supertype__"):
        return for_pydantic(annotation.__supertype__, within)
    options = choices_of(annotation)
    if options is not None:
        return Annotated[Any, PlainValidator(_chooser(options))]
    if annotation in _WRITTEN:
        return Annotated[Any, PlainValidator(_reader(annotation, _WRITTEN[annotation]))]
    if annotation is timedelta:
        return Annotated[annotation, Strict(strict=False), BeforeValidator(_not_a_truth)]
    if annotation in (*_ITERABLES, typing.Iterable, typing.Iterator):
        return list[Any]
    if typing_extensions.is_typeddict(annotation):
        return annotation if annotation in within else _mended_typed_dict(annotation, within)
    origin: Any = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin == Annotated:
        return Annotated[(for_pydantic(annotation.__origin__, within), *annotation.__metadata__)]
    if _is_union(annotation):
        return typing.Union[tuple(for_pydantic(a, within) for a in arguments)]  # noqa: UP007 – built from a tuple
    if origin in _ITERABLES:
        return list[for_pydantic(arguments[0], within)]  # type: ignore[misc] # built at run time
    if arguments and origin in _GENERICS:
        return origin[tuple(a if a is ... else for_pydantic(a, within) for a in arguments)]
    return annotation


def _chooser(options: list[Any]) -> Callable[[Any], Any]:
    from pydantic_core import PydanticCustomError  # 0.06 s to import

    known = [(_json(member), member) for member in options]

    def choose(value: Any) -> Any:
        for json_value, member in known:
            if _same(json_value, value):
                return member
        raise PydanticCustomError("choice", "not one of the choices", {"choices": [v for v, _ in known]})

    return choose


def _same(wanted: Any, value: Any) -> bool:
    """Equality as in JSON: true is not 1, and 1.0 is not 1."""
    if isinstance(wanted, float) and isinstance(value, int) and not isinstance(value, bool):
        return wanted == value
    return type(wanted) is type(value) and bool(wanted == value)


def _reader(type_: Any, pattern: re.Pattern[str]) -> Callable[[Any], Any]:
    from pydantic_core import PydanticCustomError  # 0.06 s to import

    def read(value: Any) -> Any:
        if isinstance(value, str) and pattern.match(value):
            try:
                return type_.fromisoformat(value)
            except ValueError:
                pass
        raise PydanticCustomError(f"{type_.__name__}_parsing", "not ISO 8601")

    return read


def _not_a_truth(value: Any) -> Any:
    from pydantic_core import PydanticCustomError  # 0.06 s to import

    if isinstance(value, bool):
        raise PydanticCustomError("time_delta_type", "not a duration")
    return value


def _mended_typed_dict(old: Any, within: tuple[Any, ...]) -> Any:
    hints: Mapping[str, Any] = typing.get_type_hints(old, include_extras=True)
    fields = {}
    for name, hint in hints.items():
        wrapper: Any = typing.get_origin(hint)
        if wrapper in (typing.Required, typing.NotRequired):
            # __required_keys__ knows nothing of these where annotations are strings.
            (bare,) = typing.get_args(hint)
        else:
            wrapper = typing.Required if name in old.__required_keys__ else typing.NotRequired
            bare = hint
        fields[name] = wrapper[for_pydantic(bare, (*within, old))]
    make: Any = typing_extensions.TypedDict
    mended = make(old.__name__, fields)
    if hasattr(old, "__pydantic_config__"):
        mended.__pydantic_config__ = old.__pydantic_config__
    return mended


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
