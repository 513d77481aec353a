"""Settings of a stage: frozen dataclasses, built from YAML or JSON, described by a JSON schema."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from polyadic.core.errors import InputError, nearest

C = TypeVar("C")

LIMIT = 65536
"""Largest canonical JSON of one stage's settings, in bytes: a command line must hold it."""

_JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def setting(default: Any, help: str) -> Any:
    """Declare one documented setting of a config dataclass; ``help`` names the unit."""
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={"help": help})
    return dataclasses.field(default=default, metadata={"help": help})


def build(config_type: type[C], values: Mapping[str, Any] | None, where: str = "") -> C:
    """Return ``config_type(**values)`` with every value coerced to the type of its field.

    Parameters
    ----------
    config_type
        A frozen dataclass whose fields were declared by `setting`.
    values
        Plain data as YAML or JSON gives it; ``None`` means all defaults.
    where
        Prefix of error messages, for instance ``"funbat.fit"``.

    Raises
    ------
    InputError
        For an unknown key (the nearest known one is named), a value of a wrong type, a value that
        ``__post_init__`` refuses, or settings above 64 KiB.
    """
    prefix = f"{where}: " if where else ""
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"{prefix}settings must be a mapping of names to values, found {values!r}")
    hints = typing.get_type_hints(config_type)
    known = [field.name for field in dataclasses.fields(config_type)]  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for key, value in (values or {}).items():
        if key not in known:
            raise InputError(f"{prefix}there is no setting {key!r}; {nearest(key, known)}")
        try:
            given[key] = coerce(value, hints[key])
        except ValueError as error:
            raise InputError(f"{prefix}setting {key!r} must be {error}, found {value!r}") from None
    try:
        config = config_type(**given)
    except ValueError as error:
        raise InputError(f"{prefix}{error}") from error
    size = len(canonical(config).encode())
    if size > LIMIT:
        raise InputError(f"{prefix}the settings take {size} bytes, accepted are {LIMIT}; put tables into a file")
    return config


def canonical(config: Any) -> str:
    """Return the settings as JSON with defaults filled in and keys sorted: equal settings, equal text."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True, allow_nan=False, separators=(",", ":"))


def coerce(value: Any, hint: Any) -> Any:
    """Return ``value`` as the annotated type, or raise `ValueError` saying what is accepted.

    Examples
    --------
    >>> coerce("1e-4", float), coerce([2, 3], tuple[int, ...]), coerce(2.0, int)
    (0.0001, (2, 3), 2)
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _coerce_union(value, arguments)
    if origin is typing.Literal:
        if value in arguments and not isinstance(value, bool):
            return value
        raise ValueError(f"one of {', '.join(map(str, arguments))}")
    if origin is tuple:
        if isinstance(value, list | tuple):
            return tuple(coerce(item, arguments[0]) for item in value)
        raise ValueError(describe(hint))
    if origin is dict:
        if isinstance(value, Mapping):
            return {coerce(k, arguments[0]): coerce(v, arguments[1]) for k, v in value.items()}
        raise ValueError(describe(hint))
    return _coerce_scalar(value, hint)


def _coerce_union(value: Any, options: tuple[Any, ...]) -> Any:
    # The exact type first: a string stays a string where both a string and a number are accepted.
    for option in sorted(options, key=lambda o: o is not type(value)):
        try:
            return coerce(value, option)
        except ValueError:
            continue
    raise ValueError(" or ".join(describe(option) for option in options))


def _coerce_scalar(value: Any, hint: Any) -> Any:
    if hint is type(None):
        if value is None:
            return None
    elif hint in (bool, str):
        if isinstance(value, hint):
            return value
    elif hint in (int, float) and not isinstance(value, bool):
        return _number(value, hint)
    raise ValueError(describe(hint))


def _number(value: Any, hint: type[int] | type[float]) -> int | float:
    if isinstance(value, int | float | str):
        try:
            number = float(value)
            exact = int(value) if isinstance(value, int) else int(number)
        except (ValueError, OverflowError):
            pass
        else:
            if hint is float and number == number:
                return number
            if hint is int and exact == number:
                return exact
    raise ValueError(describe(hint))


def describe(hint: Any) -> str:
    """Return the accepted values of a type annotation, in words.

    Examples
    --------
    >>> describe(tuple[int, ...] | float | None)
    'a list of whole numbers or a number or nothing'
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(describe(a) for a in arguments)
    if origin is typing.Literal:
        return " or ".join(map(str, arguments))
    if origin is tuple:
        return f"a list of {describe(arguments[0]).removeprefix('a ')}s"
    if origin is dict:
        return f"a mapping of names to {describe(arguments[1]).removeprefix('a ')}s"
    words = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", type(None): "nothing"}
    return words[hint]


def json_schema(config_type: type) -> dict[str, Any]:
    """Return the JSON schema of a config dataclass, for ``workflow/schemas/`` and editors."""
    hints = typing.get_type_hints(config_type)
    properties = {}
    for field in dataclasses.fields(config_type):
        default = field.default_factory() if callable(field.default_factory) else field.default
        entry = _property(hints[field.name])
        entry["description"] = field.metadata.get("help", "")
        entry["default"] = json.loads(json.dumps(default))
        properties[field.name] = entry
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(hint: Any) -> dict[str, Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_property(a) for a in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _property(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _property(arguments[1])}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if hint is type(None):
        return {"type": "null"}
    if hint is float:  # YAML reads 1e-4 as a string; `build` accepts it
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"}]}
    return {"type": _JSON_TYPES[hint]}


def field_types(config_type: type) -> dict[str, str]:
    """Return the accepted values of every setting, in words."""
    hints = typing.get_type_hints(config_type)
    return {field.name: describe(hints[field.name]) for field in dataclasses.fields(config_type)}
