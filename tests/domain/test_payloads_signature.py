"""What ``run()`` takes, and how a payload becomes its arguments."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, NotRequired, Optional, TypedDict, Union
from uuid import UUID

import pydantic
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.domain.payloads import Field, Signature, parse_body
from scheduled_jobs.domain.payloads.redaction import SECRET_WORDS
from scheduled_jobs.exceptions import InvalidPayload
from scheduled_jobs.tasks import PeriodicTask

if TYPE_CHECKING:
    from http.client import HTTPConnection


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Labelled(enum.Enum):
    PDF = "pdf"

    @property
    def label(self) -> str:
        return "Portable document"


class Ratio(enum.Enum):
    HALF = 0.5
    WHOLE = 1.0


@dataclass
class Address:
    street: str
    since: date | None = None


class Line(TypedDict):
    product: str
    count: NotRequired[int]
    colour: NotRequired[Colour]


class Leaf(typing_extensions.TypedDict, total=False):
    colour: Colour
    below: list[Leaf]


class Loose(typing_extensions.TypedDict):
    __pydantic_config__ = pydantic.ConfigDict(extra="allow")  # type: ignore[misc]
    colour: Colour


class Unconvertible:
    pass


class Broken:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        raise RuntimeError("no")


@dataclass
class Dangling:
    other: NotThere  # type: ignore[name-defined]  # noqa: F821 – what is tested


ProductId = NewType("ProductId", int)
Fond = NewType("Fond", Colour)
Tree = typing_extensions.TypeAliasType("Tree", "dict[str, Tree]")
Number = typing_extensions.TypeAliasType("Number", int)


def signature(run: Callable[..., Any]) -> Signature:
    return Signature.of(run)


def validated(
    signature: Signature, payload: Any, secret_keys: Iterable[str] = SECRET_WORDS
) -> dict[str, Any]:
    return signature.validate(payload, secret_keys=secret_keys)


def errors_of(run: Callable[..., Any], payload: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidPayload) as caught:
        validated(Signature.of(run), payload, **options)
    return caught.value.errors


def annotated(annotation: Any) -> Callable[..., Any]:
    """A run() with one parameter ``value`` of this annotation."""

    def run(self: Any, value: Any) -> None: ...

    run.__annotations__ = {"value": annotation}
    return run


def convert(annotation: Any, value: Any) -> Any:
    return validated(Signature.of(annotated(annotation)), {"value": value})["value"]


def error(annotation: Any, value: Any) -> str:
    (text,) = errors_of(annotated(annotation), {"value": value}).values()
    return text


# --- Fields ------------------------------------------------------------------------------------------


class Report(PeriodicTask):
    run_every = "0 9 * * *"

    class Layout(enum.Enum):
        WIDE = "wide"

    def run(
        self,
        limit: int,
        region: Literal["emea", "apac"] = "emea",
        *,
        day: date | None = None,
        layout: Layout = Layout.WIDE,
        **kwargs: Any,
    ) -> None: ...


def test_the_parameters_of_run_are_fields_in_their_order() -> None:
    found = Signature.of(Report.run)
    assert [(f.name, f.required, f.default, f.kind, f.optional) for f in found.fields] == [
        ("limit", True, None, "integer", False),
        ("region", False, "emea", "choice", False),
        ("day", False, None, "date", True),
        ("layout", False, Report.Layout.WIDE, "choice", False),
    ]
    assert found.accepts_anything
    assert found.unchecked == {}


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (int, "integer"),
        (float, "number"),
        (Decimal, "decimal"),
        (bool, "boolean"),
        (str, "string"),
        (UUID, "string"),
        (timedelta, "duration"),
        (date, "date"),
        (datetime, "datetime"),
        (time, "time"),
        (Colour, "choice"),
        (Literal[1, 2], "choice"),
        (list[int], "json"),
        (Address, "json"),
        (int | str, "json"),
        (Any, "json"),
        (ProductId, "integer"),
        (Number, "integer"),
        (Fond, "choice"),
        (Annotated[int, pydantic.Field(ge=1)], "integer"),
    ],
)
def test_each_annotation_asks_for_its_kind_of_field(annotation: Any, kind: str) -> None:
    (field,) = signature(annotated(annotation)).fields
    assert field.kind == kind
    assert field.annotation == annotation


def test_choices_are_json_values_with_labels() -> None:
    def choices(annotation: Any) -> Any:
        return signature(annotated(annotation)).fields[0].choices

    assert choices(Colour) == (("red", "Red"), ("blue", "Dark blue"))
    assert choices(Literal["emea", 5]) == (("emea", "emea"), (5, "5"))
    assert choices(Labelled) == (("pdf", "Portable document"),)
    assert choices(Size | None) == ((1, "Small"), (2, "Large"))


@pytest.mark.parametrize(
    "annotation",
    [
        int | None,
        Optional[int],  # noqa: UP045 – as teams write it
        Union[None, int],  # noqa: UP007
        Annotated[int | None, "how many"],
    ],
)
def test_a_union_with_none_is_optional_and_else_what_it_was(annotation: Any) -> None:
    (field,) = signature(annotated(annotation)).fields
    assert (field.kind, field.optional) == ("integer", True)
    assert convert(annotation, None) is None


def test_none_among_the_literals_makes_the_field_optional() -> None:
    (field,) = signature(annotated(Literal["a", None])).fields
    assert (field.choices, field.optional) == ((("a", "a"),), True)
    assert convert(Literal["a", None], None) is None


def test_nothing_but_null_is_json_that_is_optional() -> None:
    (field,) = signature(annotated(None)).fields
    assert (field.kind, field.optional) == ("json", True)


def test_a_default_of_none_accepts_null() -> None:
    def run(self: Any, limit: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert signature(run).fields[0].optional
    assert validated(signature(run), {"limit": None}) == {"limit": None}
    assert errors_of(run, {"limit": "x"}) == {"limit": "'x' is not a whole number"}


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, "how many"],
        Annotated[int, pydantic.Field(description="how many")],
        Annotated[int, 7, "how many", "not this"],
        Annotated[int, "how many"] | None,
    ],
)
def test_the_help_of_a_field_comes_from_annotated(annotation: Any) -> None:
    assert signature(annotated(annotation)).fields[0].help == "how many"


# --- Signatures of every shape -----------------------------------------------------------------------


def test_an_async_run_is_like_any_other() -> None:
    async def run(self: Any, limit: int) -> None: ...

    assert validated(signature(run), {"limit": 5}) == {"limit": 5}


def test_of_static_class_and_bound_methods_nothing_is_taken_away() -> None:
    class Task:
        @staticmethod
        def static(limit: int) -> None: ...

        @classmethod
        def of_class(cls, limit: int) -> None: ...

        def bound(self, limit: int) -> None: ...

    for run in (Task.static, Task.of_class, Task().bound, Task.bound):
        assert [field.name for field in signature(run).fields] == ["limit"]


def test_one_function_bound_and_unbound_has_two_signatures() -> None:
    def run(self: Any, limit: int) -> None: ...

    method = run.__get__(object())
    assert [f.name for f in signature(method).fields] == ["limit"]
    assert [f.name for f in signature(run).fields] == ["limit"]
    assert errors_of(run, {"limit": 1, "self": 2}) == {
        "self": "run() takes no such parameter; it takes limit"
    }


def test_self_is_never_a_parameter_even_beside_kwargs() -> None:
    def run(self: Any, **kwargs: Any) -> None: ...

    assert errors_of(run, {"self": 1}) == {"self": "run() takes no such parameter; it takes none"}
    assert validated(signature(run), {"other": 1}) == {"other": 1}


def test_wraps_is_looked_through() -> None:
    def logged(run: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(run)
        def wrapper(*args: Any, **kwargs: Any) -> Any: ...

        return wrapper

    class Task:
        class Mode(enum.Enum):
            FAST = "fast"

        @logged
        def run(self, mode: Colour) -> None: ...

    assert validated(signature(Task.run), {"mode": "red"}) == {"mode": Colour.RED}


def test_a_decorator_without_wraps_accepts_anything() -> None:
    def wrapper(*args: Any, **kwargs: Any) -> Any: ...

    assert (signature(wrapper).fields, signature(wrapper).accepts_anything) == ((), True)
    assert validated(signature(wrapper), {"a": 1}) == {"a": 1}


def test_star_args_are_never_filled() -> None:
    def run(self: Any, *args: int, limit: int = 1) -> None: ...

    assert [field.name for field in signature(run).fields] == ["limit"]
    assert errors_of(run, {"args": [1]}) == {"args": "run() takes no such parameter; it takes limit"}


def test_a_positional_only_parameter_fits_no_payload() -> None:
    def run(self: Any, limit: int, /) -> None: ...

    with pytest.raises(InvalidPayload) as caught:
        Signature.of(run)
    assert str(caught.value) == (
        "limit: this parameter of run() is positional-only, and a payload has only names; "
        "remove the / from its signature"
    )


def test_a_positional_only_parameter_with_a_default_keeps_it() -> None:
    def run(self: Any, limit: int = 5, /, **kwargs: Any) -> None: ...

    assert signature(run).fields == ()
    assert validated(signature(run), {"limit": 1}) == {"limit": 1}  # it goes into kwargs, as in Python


@pytest.mark.parametrize("run", [5, "run", type])
def test_what_has_no_parameters_is_refused_with_a_reason(run: Any) -> None:
    with pytest.raises(InvalidPayload, match=r"^the parameters of run\(\) cannot be read: "):
        Signature.of(run)


def test_the_annotation_of_kwargs_holds_for_each_of_them() -> None:
    def run(self: Any, limit: int, **days: date) -> None: ...

    arguments = validated(signature(run), {"limit": 1, "start": "2026-11-23"})
    assert arguments == {"limit": 1, "start": date(2026, 11, 23)}
    assert errors_of(run, {"limit": "1", "start": 5}) == {
        "limit": "'1' is not a whole number; write 1",
        "start": "5 is not a date; write it as 2026-12-31",
    }


def test_kwargs_of_an_unusable_type_accept_anything() -> None:
    def run(self: Any, **rest: Unconvertible) -> None: ...

    assert validated(signature(run), {"a": [1]}) == {"a": [1]}
    assert list(signature(run).unchecked) == ["rest"]


def test_no_annotation_accepts_any_json() -> None:
    def run(self, value, other=5): ...  # type: ignore[no-untyped-def]

    for value in (None, 1, "a", [1], {"a": {}}):
        assert validated(signature(run), {"value": value}) == {"value": value}


# --- Annotations that cannot be used -----------------------------------------------------------------


def test_a_name_for_type_checkers_alone_accepts_anything() -> None:
    def run(self: Any, connection: HTTPConnection, limit: int) -> None: ...

    found = signature(run)
    assert validated(found, {"connection": [1], "limit": 5}) == {"connection": [1], "limit": 5}
    assert found.fields[0] == Field("connection", True, None, Any, "json", optional=True)
    assert found.unchecked == {
        "connection": "its annotation 'HTTPConnection' cannot be resolved (name 'HTTPConnection' is not defined), "
        "so any JSON is accepted; import the names in it at the top of the module, not under TYPE_CHECKING"
    }


def test_a_type_without_a_form_in_json_accepts_anything() -> None:
    def run(self: Any, thing: Unconvertible, limit: int) -> None: ...

    assert validated(signature(run), {"thing": 1, "limit": 5}) == {"thing": 1, "limit": 5}
    assert errors_of(run, {"thing": 1, "limit": "x"}) == {"limit": "'x' is not a whole number"}
    text = signature(run).unchecked["thing"]
    assert text.startswith(
        "its annotation Unconvertible cannot be read from JSON (PydanticSchemaGenerationError: "
    )
    assert text.endswith("so any JSON is accepted; annotate it with a type that has a form in JSON")


def test_an_annotation_that_is_no_type_is_explained() -> None:
    def run(self: Any, value: 5 = None) -> None: ...  # type: ignore[valid-type]

    assert validated(signature(run), {"value": "anything"}) == {"value": "anything"}
    assert signature(run).unchecked["value"].startswith("its annotation '5' cannot be resolved (")


@pytest.mark.parametrize("annotation", [Broken, Dangling, 5, list[Unconvertible]])
def test_no_annotation_spoils_the_whole_signature(annotation: Any) -> None:
    assert convert(annotation, {"any": "thing"}) == {"any": "thing"}
    assert list(signature(annotated(annotation)).unchecked) == ["value"]


# --- Values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "argument"),
    [
        (int, 5, 5),
        (int, 10**30, 10**30),
        (float, 5, 5.0),
        (Decimal, "1.50", Decimal("1.50")),
        (Decimal, 0.1, Decimal("0.1")),
        (bool, False, False),
        (str, "5", "5"),
        (date, "2026-11-23", date(2026, 11, 23)),
        (datetime, "2026-11-23T02:30:00Z", datetime(2026, 11, 23, 2, 30, tzinfo=UTC)),
        (
            datetime,
            "2026-11-23 02:30+01:00",
            datetime(2026, 11, 23, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        ),
        (datetime, "2026-11-23T02:30:00.5", datetime(2026, 11, 23, 2, 30, 0, 500_000)),  # noqa: DTZ001
        (time, "02:30", time(2, 30)),
        (timedelta, 90, timedelta(seconds=90)),
        (timedelta, 1.5, timedelta(seconds=1.5)),
        (timedelta, "PT1H30M", timedelta(minutes=90)),
        (UUID, "01234567-89ab-cdef-0123-456789abcdef", UUID("0123456789abcdef0123456789abcdef")),
        (Colour, "red", Colour.RED),
        (Size, 2, Size.LARGE),
        (Ratio, 1, Ratio.WHOLE),
        (Literal["a", 2], 2, 2),
        (Literal[Colour.RED], "red", Colour.RED),
        (list[date], ["2026-11-23"], [date(2026, 11, 23)]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (set[Colour], ["red"], {Colour.RED}),
        (dict[str, Size], {"a": 1}, {"a": Size.SMALL}),
        (Mapping[str, list[Colour]], {"a": ["blue"]}, {"a": [Colour.DARK_BLUE]}),
        (Sequence[time], ["02:30"], [time(2, 30)]),
        (Iterable[int], [1, 2], [1, 2]),
        (Iterable, [1, "a"], [1, "a"]),
        (int | date, "2026-11-23", date(2026, 11, 23)),
        (int | str, "5", "5"),
        (Address, {"street": "A", "since": "2026-11-23"}, Address("A", date(2026, 11, 23))),
        (
            Line,
            {"product": "a", "count": 2, "colour": "red"},
            {"product": "a", "count": 2, "colour": Colour.RED},
        ),
        (list[Line], [{"product": "a"}], [{"product": "a"}]),
        (Leaf, {"colour": "red", "below": [{}]}, {"colour": Colour.RED, "below": [{}]}),
        (Loose, {"colour": "red", "more": 1}, {"colour": Colour.RED, "more": 1}),
        (Annotated[int, pydantic.Field(ge=1)], 1, 1),
        (ProductId, 7, 7),
        (Fond, "red", Colour.RED),
        (Tree, {"a": {"b": {}}}, {"a": {"b": {}}}),
        (object, {"a": 1}, {"a": 1}),
    ],
)
def test_json_becomes_the_annotated_type(annotation: Any, value: Any, argument: Any) -> None:
    converted = convert(annotation, value)
    assert converted == argument
    assert type(converted) is type(argument)


DATE = "; write it as 2026-12-31"
DATETIME = "; write it as 2026-12-31T23:59:00+00:00"
TIME = "; write it as 23:59:00"
DURATION = "; write a number of seconds, or PT1H30M for an hour and a half"


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (int, "5", "'5' is not a whole number; write 5"),
        (int, "five", "'five' is not a whole number"),
        (int, True, "true is not a whole number"),
        (int, None, "null is not a whole number"),
        (int, 1.0, "1.0 has a decimal point; write 1"),
        (int, 1.5, "1.5 is not a whole number"),
        (float, "1.5", "'1.5' is not a number; write 1.5"),
        (float, "inf", "'inf' is not a number"),
        (float, True, "true is not a number"),
        (Decimal, "x", "'x' is not a number"),
        (Decimal, "NaN", "'NaN' is not a finite number"),
        (bool, "Yes", "'Yes' is neither true nor false; write true"),
        (bool, 0, "0 is neither true nor false; write false"),
        (bool, "maybe", "'maybe' is neither true nor false"),
        (bool, [], "[] is neither true nor false"),
        (str, 5, '5 is not a string; write "5"'),
        (str, True, 'true is not a string; write "true"'),
        (str, None, "null is not a string"),
        (date, "23.11.2026", "'23.11.2026' is not a date" + DATE),
        (date, "2026-02-30", "'2026-02-30' is not a date" + DATE),
        (date, "20261123", "'20261123' is not a date" + DATE),
        (date, "2026-11-23T00:00:00", "'2026-11-23T00:00:00' is not a date" + DATE),
        (datetime, "1700000000", "'1700000000' is not a date and time" + DATETIME),
        (datetime, 1700000000, "1700000000 is not a date and time" + DATETIME),
        (datetime, "2026-11-23", "'2026-11-23' is not a date and time" + DATETIME),
        (time, "2:30", "'2:30' is not a time of day" + TIME),
        (time, 5, "5 is not a time of day" + TIME),
        (timedelta, "soon", "'soon' is not a duration" + DURATION),
        (timedelta, True, "true is not a duration" + DURATION),
        (timedelta, 1e300, "1e+300 is not a duration" + DURATION),
        (UUID, "x", "'x' is not a UUID; write it as 01234567-89ab-cdef-0123-456789abcdef"),
        (Literal["emea", "apac"], "mars", "'mars' is not one of 'emea', 'apac'"),
        (Literal[1], True, "true is not one of 1"),
        (Literal[1], 1.0, "1.0 is not one of 1"),
        (Size, True, "true is not one of 1, 2"),
        (Colour, "RED", "'RED' is not one of 'red', 'blue'"),
        (Colour, None, "null is not one of 'red', 'blue'"),
        (list[int], 5, "5 is not a list; write it in [brackets]"),
        (list[int], [1, "2"], "at [1]: '2' is not a whole number; write 2"),
        (Iterable[int], ["a"], "at [0]: 'a' is not a whole number"),
        (dict[str, int], [1], '[1] is not an object; write it as {"name": value}'),
        (dict[str, int], {"a": "b"}, "at a: 'b' is not a whole number"),
        (Address, {}, "'street' is required"),
        (Address, {"street": "A", "sinse": 1}, "at sinse: there is no such key"),
        (Line, {"product": "a", "cuont": 1}, "at cuont: there is no such key"),
        (Line, {"product": "a", "count": "1"}, "at count: '1' is not a whole number; write 1"),
        (list[Line], [{"product": "a", "colour": 1}], "at [0].colour: 1 is not one of 'red', 'blue'"),
        (Leaf, {"colour": 1}, "at colour: 1 is not one of 'red', 'blue'"),
        (int | date, "x", "'x' is neither a whole number nor a date"),
        (int | Colour | None, "x", "'x' is neither a whole number nor one of 'red', 'blue'"),
        (list[int] | set[str], 5, "5 is not a list; write it in [brackets]"),
        (bool | list[int], "x", "'x' is neither true or false nor a list"),
        (Annotated[int, pydantic.Field(ge=1)], 0, "0 is less than 1; write at least 1"),
        (Annotated[int, pydantic.Field(gt=1)], 1, "1 is not more than 1; write more than 1"),
        (Annotated[int, pydantic.Field(le=1)], 2, "2 is more than 1; write at most 1"),
        (Annotated[int, pydantic.Field(lt=1)], 1, "1 is not less than 1; write less than 1"),
        (
            Annotated[str, pydantic.Field(max_length=2)],
            "abc",
            "'abc': String should have at most 2 characters",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_to_write(annotation: Any, value: Any, text: str) -> None:
    assert error(annotation, value) == text


def test_parameters_at_fault_are_named_in_their_order() -> None:
    def run(self: Any, report_type: str, region: Literal["emea", "apac"], limit: int) -> None: ...

    with pytest.raises(InvalidPayload) as caught:
        validated(Signature.of(run), {"colour": 1, "limit": "5", "region": "mars"})
    assert list(caught.value.errors.items()) == [
        ("report_type", "this parameter of run() is required"),
        ("region", "'mars' is not one of 'emea', 'apac'"),
        ("limit", "'5' is not a whole number; write 5"),
        ("colour", "run() takes no such parameter; it takes report_type, region, limit"),
    ]
    assert str(caught.value).startswith(
        "report_type: this parameter of run() is required; region: 'mars' is not"
    )


def test_two_faults_within_one_parameter_are_both_named() -> None:
    assert (
        error(list[int], ["a", 1, "b"])
        == "at [0]: 'a' is not a whole number; at [2]: 'b' is not a whole number"
    )


def test_what_the_payload_lacks_is_left_to_the_defaults() -> None:
    def run(self: Any, limit: int = 5) -> None: ...

    assert validated(signature(run), {}) == {}


@pytest.mark.parametrize("payload", [[1], "x", None, 5])
def test_a_payload_that_is_no_object_is_refused_as_a_whole(payload: Any) -> None:
    def run(self: Any, limit: int = 5) -> None: ...

    (text,) = errors_of(run, payload).values()
    assert text.endswith(" is not a JSON object; write {} or an object with limit")


def test_a_payload_that_no_database_holds_is_refused() -> None:
    def run(self: Any, **kwargs: Any) -> None: ...

    assert errors_of(run, {"a": float("nan")}) == {"": "it holds NaN or Infinity, which is not JSON"}
    assert errors_of(run, {"a": ["\x00"]}) == {
        "a": "at [0]: the text holds the character U+0000, which PostgreSQL cannot store"
    }


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert error(int, "a" * 1000) == "'" + "a" * 78 + "… is not a whole number"


def test_a_secret_is_not_repeated_in_the_message() -> None:
    def run(self: Any, api_token: int, login: dict[str, int], pin: int = 0) -> None: ...

    errors = errors_of(run, {"api_token": "s3cret", "login": {"password": "s3cret"}})
    assert errors == {
        "api_token": "the value is not a whole number",
        "login": "at password: the value is not a whole number",
    }
    assert errors_of(run, {"api_token": 1, "login": {}, "pin": "s3cret"}, secret_keys=["PIN"]) == {
        "pin": "the value is not a whole number"
    }
    assert errors_of(run, {"api_token": 1, "login": [{"key": "s3cret"}]}) == {
        "login": '[{"key": "••••••••"}] is not an object; write it as {"name": value}'
    }


def test_an_own_validator_that_breaks_is_a_message() -> None:
    def explode(value: Any) -> Any:
        raise KeyError("missing")

    text = error(Annotated[int, pydantic.AfterValidator(explode)], 5)
    assert text == "it could not be converted: KeyError: 'missing'"


def test_a_validator_of_the_teams_own_speaks_in_its_own_words() -> None:
    def refuse(value: Any) -> Any:
        raise ValueError("only on weekdays")

    assert error(Annotated[int, pydantic.AfterValidator(refuse)], 5) == "5: Value error, only on weekdays"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def everything(
    self: Any,
    a: int = 1,
    b: bool = True,
    c: Colour = Colour.RED,
    d: date | None = None,
    e: datetime | Size = Size.SMALL,
    f: timedelta | None = None,
    g: list[Line] | None = None,
    h: Address | None = None,
    i: Decimal | UUID = Decimal(1),
) -> None: ...


@given(st.dictionaries(st.sampled_from("abcdefghij") | st.text(), json_values))
def test_any_json_object_is_converted_or_refused_by_name(payload: dict[str, Any]) -> None:
    refused: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    try:
        arguments = validated(Signature.of(everything), payload)
    except InvalidPayload as refusal:
        refused = refusal.errors
    assert all(refused.values())
    assert bool(refused) != (arguments.keys() == payload.keys() and bool(payload)) or not payload


@given(
    a=st.integers(-(10**300), 10**300),
    b=st.booleans(),
    c=st.sampled_from(Colour),
    d=st.dates() | st.none(),
    e=st.datetimes(timezones=st.none() | st.just(UTC)) | st.sampled_from(Size),
    f=st.timedeltas() | st.none(),
    i=st.decimals(allow_nan=False, allow_infinity=False) | st.uuids(),
)
def test_what_dump_writes_validate_reads_back(**arguments: Any) -> None:
    found = Signature.of(everything)
    assert validated(found, found.dump(arguments)) == arguments


def test_dump_shows_defaults_as_a_payload_would_write_them() -> None:
    found = Signature.of(everything)
    assert found.dump({"c": Colour.RED, "d": date(2026, 11, 23), "f": timedelta(hours=1)}) == {
        "c": "red",
        "d": "2026-11-23",
        "f": "PT1H",
    }
    assert found.dump({"a": (1, Size.LARGE), "b": float("inf"), "h": Address("A")}) == {
        "a": [1, 2],
        "b": "Infinity",
        "h": {"street": "A", "since": None},
    }
    assert found.dump({"x": int, "y": b"\xff"}) == {"x": "<class 'int'>", "y": "b'\\xff'"}


class Mute:
    """Breaks when it is shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_dump_names_the_type_of_what_cannot_even_be_shown() -> None:
    def run(n: int = 10**5000, m: Any = None, o: Any = None, p: Any = None) -> None: ...

    found = Signature.of(run)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert found.dump({"n": 10**5000, "m": Mute(), "o": {"inner": Mute()}, "p": deep}) == {
        "n": "int", "m": "Mute", "o": {"inner": "Mute"}, "p": "list",
    }  # fmt: skip


# --- The cache ---------------------------------------------------------------------------------------


def test_a_signature_is_read_once() -> None:
    def run(self: Any, limit: int) -> None: ...

    assert Signature.of(run) is Signature.of(run)


def test_an_object_that_can_be_called_has_a_signature() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, limit: int) -> None: ...

    assert [field.name for field in Signature.of(Slotted()).fields] == ["limit"]


def test_a_payload_from_the_wire_is_validated() -> None:
    payload = parse_body(b'{"limit": 5, "day": "2026-11-23", "layout": "wide", "more": [1]}')
    assert validated(Signature.of(Report.run), payload) == {
        "limit": 5,
        "day": date(2026, 11, 23),
        "layout": Report.Layout.WIDE,
        "more": [1],
    }
