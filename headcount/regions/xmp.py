"""XMP packets as plain values: texts, lists, and structures by their full names.

Programs write the same properties in many forms of RDF: as attributes or elements, with
``rdf:parseType="Resource"`` or an ``rdf:Description`` inside, as Bag, Seq or Alt, under any prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias, Union  # a type that names itself cannot be written with `|`

from headcount.regions.xml import Node, UnfitXml, parse

Value: TypeAlias = Union[str, list["Value"], dict[str, "Value"]]  # noqa: UP007
Xmp: TypeAlias = Mapping[str, Value]
"""The properties of a packet by namespace and name in one."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XML = "http://www.w3.org/XML/1998/namespace"
_DESCRIPTION, _VALUE, _RESOURCE = RDF + "Description", RDF + "value", RDF + "resource"
_LISTS = frozenset({RDF + "Bag", RDF + "Seq", RDF + "Alt"})


def read_xmp(packets: Iterable[bytes]) -> dict[str, Value]:
    """The properties of packets; of one that stands twice the first, of lists both.

    Packets that are no XML, or none that is read here, say nothing.
    """
    found: dict[str, Value] = {}
    for packet in packets:
        try:
            root = parse(packet)
        except UnfitXml:
            continue
        for description in _descriptions(root):
            for name, value in _structure(description).items():
                _add(found, name, value)
    return found


def text_of(value: Value | None) -> str:
    """A value as text: of alternatives the first, of structures nothing."""
    while isinstance(value, list):
        value = value[0] if value else ""
    return value.strip() if isinstance(value, str) else ""


def items_of(value: Value | None) -> list[Value]:
    """The values of a list; a value that stands alone is a list of one."""
    if isinstance(value, list):
        return value
    return [value] if value else []


def texts_of(value: Value | None) -> list[str]:
    """The texts of a list that are not empty."""
    return [text for text in map(text_of, items_of(value)) if text]


def structures_of(value: Value | None) -> list[dict[str, Value]]:
    """The structures of a list."""
    return [item for item in items_of(value) if isinstance(item, dict)]


def structure_of(value: Value | None) -> dict[str, Value]:
    """A structure; an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def _add(found: dict[str, Value], name: str, value: Value) -> None:
    before = found.setdefault(name, value)
    if before is not value and isinstance(before, list) and isinstance(value, list):
        before.extend(value)


def _descriptions(root: Node) -> Iterator[Node]:
    """Yield what is described below an ``rdf:RDF``, which is the root or a child of it."""
    for node in (root, *root.children):
        if node.name == RDF + "RDF":
            yield from node.children


def _structure(node: Node) -> dict[str, Value]:
    """The properties of an element, from its attributes and its children."""
    found: dict[str, Value] = {
        name: text for name, text in node.attributes.items() if not name.startswith((RDF, _XML))
    }
    for child in node.children:
        _add(found, child.name, _value(child))
    return found


def _value(node: Node) -> Value:
    for child in node.children:
        if child.name in _LISTS:
            return [_value(item) for item in child.children]
    found = _structure(node)
    if isinstance(inner := found.pop(_DESCRIPTION, None), dict):
        found = inner | found
    if _VALUE in found:  # a value with qualifiers
        return found[_VALUE]
    return found or node.attributes.get(_RESOURCE) or node.text
