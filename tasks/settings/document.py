"""A YAML text as plain values, with the place of each key and value in the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tasks.settings.syntax import NotYaml, explain

Path = tuple[str | int, ...]

_DEEPEST = 32
# Far above any service file; aliases of aliases reach it in a few lines.
_MOST_VALUES = 20_000
_PLAIN = "tag:yaml.org,2002:"
_MERGE = f"{_PLAIN}merge"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text: line and column from 0, and where it ends."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(slots=True)
class Document:
    """`tree` of plain values; `values` and `keys` say where each stands; `odd` is what YAML allows and we do not."""

    tree: Any = None
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    odd: list[tuple[Path, Span, str]] = field(default_factory=list)

    def key_span(self, path: Path) -> Span:
        """Return where the key of a path stands, or the nearest there is above it."""
        return self.keys.get(path) or self.value_span(path)

    def value_span(self, path: Path) -> Span:
        """Return where the value of a path stands, or the nearest there is above it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Span(0, 0, 0, 0))

    def path_at(self, span: Span) -> Path:
        """Return the deepest path whose value holds a span; () for a comment's."""
        holding = [path for path, value in self.values.items() if _holds(value, span)]
        return max(holding, key=len, default=())

    def get(self, path: Path) -> Any:
        """Return the value at a path, None when there is none."""
        value = self.tree
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def parse(text: str) -> Document:
    """Read a text; NotYaml when it cannot be read at all."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _DEEPEST
    # An anchor may be used again; the warning would quote the text, and whatever secret is in it.
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
    except YAMLError as problem:
        raise explain(problem, text) from problem
    document = Document()
    if root is not None:
        document.tree = _Reader(yaml, document).value(root, ())
    return document


class _Reader:
    """One pass over the nodes: keeps the budget of values and the nodes it is inside of."""

    def __init__(self, yaml: YAML, document: Document) -> None:
        self._scalar = yaml.constructor.construct_object
        self._document = document
        self._inside: set[int] = set()
        self._left = _MOST_VALUES

    def value(self, node: Node, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            raise NotYaml(node.start_mark.line, node.start_mark.column, "more than 20,000 values; a service has less")
        self._document.values[path] = _span(node)
        if id(node) in self._inside:
            self._odd(path, node, "contains itself; write it out")
            return None
        if not _is_plain(node):
            self._odd(path, node, f"the tag {_tag(node)} means nothing here; leave it out")
            return None
        self._inside.add(id(node))
        try:
            return self._plain(node, path)
        finally:
            self._inside.discard(id(node))

    def _plain(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        # A date stays text: no field of a service is a date.
        if str(node.tag) == f"{_PLAIN}timestamp":
            return node.value
        try:
            return self._scalar(node)
        except (ValueError, OverflowError) as problem:  # a number of thousands of digits
            raise NotYaml(node.start_mark.line, node.start_mark.column, "no number that anybody can mean") from problem

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in self._pairs(node, path):
            name = key.value
            if name in found:
                first = self._document.keys[(*path, name)]
                self._odd((*path, name), key, f"written twice; it is in line {first.line + 1} too")
                continue
            self._document.keys[(*path, name)] = _span(key)
            found[name] = self.value(value, (*path, name))
            if value.start_mark.index == value.end_mark.index:
                # Nothing was written: YAML puts it wherever the next thing begins, people look at the key.
                self._document.values[(*path, name)] = _span(key)
        for key, value in self._merged(node, path):
            if key.value not in found:
                self._document.keys[(*path, key.value)] = _span(key)
                found[key.value] = self.value(value, (*path, key.value))
        return found

    def _pairs(self, node: MappingNode, path: Path) -> Iterator[tuple[ScalarNode, Node]]:
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not _is_plain(key):
                self._odd(path, key, "a key has to be a plain word")
            elif str(key.tag) != _MERGE:
                yield key, value

    def _merged(self, node: MappingNode, path: Path) -> Iterator[tuple[ScalarNode, Node]]:
        for key, value in node.value:
            if str(key.tag) != _MERGE:
                continue
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(source, MappingNode) and id(source) not in self._inside:
                    yield from self._pairs(source, path)
                else:
                    self._odd(path, source, "<< takes in a mapping, such as *base")

    def _odd(self, path: Path, node: Node, what: str) -> None:
        self._document.odd.append((path, _span(node), what))


def _holds(outer: Span, inner: Span) -> bool:
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    return starts and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)


def _span(node: Node) -> Span:
    start, end = node.start_mark, node.end_mark
    return Span(start.line, start.column, end.line, end.column)


def _tag(node: Node) -> str:
    return str(node.tag).replace(_PLAIN, "!!")


def _is_plain(node: Node) -> bool:
    known: Mapping[type, tuple[str, ...]] = {
        MappingNode: ("map",),
        SequenceNode: ("seq",),
        ScalarNode: ("str", "int", "float", "bool", "null", "timestamp", "merge"),
    }
    return str(node.tag) in {f"{_PLAIN}{name}" for name in known[type(node)]}
