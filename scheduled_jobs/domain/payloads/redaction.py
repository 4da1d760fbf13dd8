"""Secrets in payloads: masked where they are shown, put back where the mask comes home untouched."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from scheduled_jobs.domain.payloads.storage import clean_text, path_of
from scheduled_jobs.exceptions import InvalidPayload

MASK = "•" * 8
SECRET_WORDS = ("password", "token", "secret", "key", "authorization", "credential")
"""A key that contains one of these words holds a secret, unless the settings say otherwise."""

_MISSING: Any = object()


def is_secret(key: object, keys: Iterable[str]) -> bool:
    """Whether a key contains one of these words, in whatever case."""
    name = str(key).casefold()
    for word in keys:  # noqa: SIM110 – asked for each key of each payload, it takes half the time
        if word and word.casefold() in name:
            return True
    return False


def redact(value: Any, keys: Iterable[str]) -> Any:
    """A deep copy of a JSON value in which all that stands under a secret key is eight dots."""
    words = tuple(keys)
    if isinstance(value, Mapping):
        return {key: MASK if is_secret(key, words) else redact(inner, words) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(inner, words) for inner in value]
    return copy.deepcopy(value)


def restore(masked: Any, original: Any, keys: Iterable[str]) -> Any:
    """``masked`` with the values of ``original`` in place of the masks, path by path.

    Elements of a list that were moved are known by what is shown of them; one that was edited is the same by
    its index, while the list is as long as it was. Raises InvalidPayload, under the name of the parameter,
    for a mask that stands where ``original`` has nothing to put, or where two secrets could be meant: a mask
    is never kept in place of a secret, and no secret goes where another one was.
    """
    return _restore(masked, original, tuple(keys), (), secret=False)


def _restore(
    masked: Any, original: Any, keys: tuple[str, ...], path: tuple[Any, ...], *, secret: bool
) -> Any:
    if secret and masked == MASK and original is not _MISSING:
        return copy.deepcopy(original)
    if isinstance(masked, Mapping):
        before = original if isinstance(original, Mapping) else {}
        return {
            key: _restore(
                inner, before.get(key, _MISSING), keys, (*path, key), secret=secret or is_secret(key, keys)
            )
            for key, inner in masked.items()
        }
    if isinstance(masked, (list, tuple)):
        earlier = _before(list(masked), original, keys, secret=secret)
        return [
            _restore(inner, earlier[index], keys, (*path, index), secret=secret)
            for index, inner in enumerate(masked)
        ]
    if isinstance(masked, str) and MASK in masked and masked != original:
        raise _mask_left(path)
    return copy.deepcopy(masked)


def _before(masked: list[Any], original: Any, keys: tuple[str, ...], *, secret: bool) -> list[Any]:
    """For each element of a list the one of ``original`` that it was, as far as that can be told."""
    if not isinstance(original, (list, tuple)):
        return [_MISSING] * len(masked)
    same = len(original) == len(masked)
    if secret:
        return list(original) if same else [_MISSING] * len(masked)
    shown = [redact(element, keys) for element in original]
    found = []
    for index, element in enumerate(masked):
        there = shown[index] if same else _MISSING
        if element == there or not isinstance(element, (Mapping, list, tuple)):
            found.append(original[index] if same else _MISSING)
            continue
        moved = [original[place] for place, text in enumerate(shown) if text == element]
        if moved:
            found.append(moved[0] if all(one == moved[0] for one in moved) else _MISSING)
        else:
            # Edited where it stands, unless what stood there has gone elsewhere.
            found.append(original[index] if same and there not in masked else _MISSING)
    return found


def _mask_left(path: tuple[Any, ...]) -> InvalidPayload:
    parts = [part if isinstance(part, int) else clean_text(str(part)) for part in path]
    name = str(parts[0]) if parts else ""
    where = f"{path_of(parts)}: " if len(parts) > 1 else ""
    return InvalidPayload(
        {name: f"{where}there is no earlier value here that {MASK} could stand for; write the value itself"}
    )
