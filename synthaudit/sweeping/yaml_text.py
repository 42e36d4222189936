"""YAML with the line of every key, and with an end: small files may expand without one."""

from __future__ import annotations

from typing import Any, Final

import yaml

from synthaudit.errors import PlanError

Path = tuple[Any, ...]
"""Keys and numbers of items that lead to a value."""

_MOST_CHARACTERS: Final = 1_000_000
_MOST_NODES: Final = 100_000


def read_yaml(text: str, name: str) -> tuple[Any, dict[Path, int]]:
    """The contents of a YAML document, and the line number of every key and item by its path.

    Raises:
        PlanError: it is not YAML, or too large, too deep or without an end once its aliases are
            followed, or has a key twice or a value that cannot be.
    """
    if len(text) > _MOST_CHARACTERS:
        raise PlanError(f"{name} is larger than a plan can be: is it another file?")
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        raise PlanError(
            f"{name} is not YAML: it has the character U+{int(error.character):04X}."
        ) from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None, {}
        _count(node, name, {})
        return loader.construct_document(node), _lines(node)
    except yaml.YAMLError as error:
        raise PlanError(f"{name} is not YAML: {_where(error)}.") from error
    except RecursionError as error:
        raise PlanError(f"{name} is nested deeper than a plan can be.") from error
    # Numbers of too many digits, dates that no calendar has.
    except (ValueError, OverflowError) as error:
        reason = str(error).partition(";")[0]
        raise PlanError(f"{name} has a value that cannot be read: {reason}.") from error
    finally:
        loader.dispose()


def _count(node: yaml.Node, name: str, counted: dict[int, int]) -> int:
    """How many nodes there are below one once aliases are followed; 0 stands for one being counted.

    Each is visited once, however often it is named.
    """
    line = node.start_mark.line + 1
    if id(node) in counted:
        if counted[id(node)] == 0:
            raise PlanError(f"{name}, line {line}: what is named here holds itself.")
        return counted[id(node)]
    counted[id(node)] = 0
    total = 1
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise PlanError(f"{name}, line {line}: there are several keys {twice!r}: keep one.")
        total += sum(_count(key, name, counted) for key, _ in node.value)
        total += sum(_count(value, name, counted) for _, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        total += sum(_count(item, name, counted) for item in node.value)
    if total > _MOST_NODES:
        raise PlanError(
            f"{name}, line {line}: more than {_MOST_NODES:,} values once aliases are followed."
        )
    counted[id(node)] = total
    return total


def _lines(node: yaml.Node, path: Path = ()) -> dict[Path, int]:
    found = {path: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            found |= _lines(value, here)
            found[here] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            found |= _lines(item, (*path, number))
    return found


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
