"""What is there: methods, sources, kinds and figures, found in their folders; nothing is listed by hand."""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import polyadic.kinds
import polyadic.methods
import polyadic.plotting
import polyadic.sources
from polyadic.core.card import Card
from polyadic.core.errors import InputError, nearest
from polyadic.core.schema import Schema
from polyadic.core.stage import Stage


@functools.cache
def methods() -> dict[str, Card]:
    """Return the card of every method, by the name of its folder."""
    found = {}
    for info in pkgutil.iter_modules(polyadic.methods.__path__):
        card = getattr(importlib.import_module(f"polyadic.methods.{info.name}"), "METHOD", None)
        if info.ispkg and isinstance(card, Card):
            found[info.name] = card
    return found


@functools.cache
def sources() -> dict[str, Stage[Any]]:
    """Return the stage of every source, by the name of its module."""
    found = {}
    for info in pkgutil.iter_modules(polyadic.sources.__path__):
        stage = getattr(importlib.import_module(f"polyadic.sources.{info.name}"), info.name, None)
        if isinstance(stage, Stage):
            found[info.name] = stage
    return found


@functools.cache
def kinds() -> dict[str, Schema]:
    """Return the schema of every kind, by its name."""
    found = {}
    for info in pkgutil.iter_modules(polyadic.kinds.__path__):
        schema = getattr(importlib.import_module(f"polyadic.kinds.{info.name}"), "SCHEMA", None)
        if isinstance(schema, Schema):
            found[schema.kind] = schema
    return found


def figures(kind: str) -> Mapping[str, Callable[[Any], Any]]:
    """Return the figures of a kind by name, the default one first.

    Raises
    ------
    InputError
        If no module of `polyadic.plotting` draws this kind.
    """
    drawn = [info.name for info in pkgutil.iter_modules(polyadic.plotting.__path__) if info.name in kinds()]
    if kind not in drawn:
        raise InputError(f"there is no figure of kind {kind!r}; {nearest(kind, drawn)}")
    found: Mapping[str, Callable[[Any], Any]] = importlib.import_module(f"polyadic.plotting.{kind}").FIGURES
    return found


def method(name: str) -> Card:
    """Return the card of one method, or raise `InputError` naming the nearest one."""
    if name not in methods():
        raise InputError(f"there is no method {name!r}; {nearest(name, methods())}")
    return methods()[name]


def source(name: str) -> Stage[Any]:
    """Return the stage of one source, or raise `InputError` naming the nearest one."""
    if name not in sources():
        raise InputError(f"there is no source {name!r}; {nearest(name, sources())}")
    return sources()[name]


@functools.cache
def stage(method_name: str, stage_name: str) -> Stage[Any]:
    """Return a stage of a method: the function of the module's own name."""
    module = importlib.import_module(f"polyadic.methods.{method_name}.{stage_name}")
    found = getattr(module, stage_name, None)
    if not isinstance(found, Stage):
        raise TypeError(f"polyadic.methods.{method_name}.{stage_name} defines no stage {stage_name!r}")
    return found
