"""XML from photos of strangers, read within bounds: the one door to the XML parser.

A document type is refused before anything in it is read, so that no entity is ever expanded and
nothing is ever fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

LARGEST = 8 * 2**20
"""Bytes of a document. 40,000 regions take that much."""
MOST_NODES = 400_000
DEEPEST = 64
"""Elements inside each other: XMP of any program has less than 20."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class UnfitXml(ValueError):
    """A document that is no XML, or none that is read here."""


@dataclass(slots=True)
class Node:
    """An element. Its names are namespace and local name in one, as RDF reads them."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    text: str = ""


class _Tree:
    """The elements of a document, as a parser reports them."""

    def __init__(self) -> None:
        self.root = Node("", {})
        self._open: list[tuple[Node, list[str]]] = [(self.root, [])]
        self._nodes = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        self._nodes += 1 + len(attributes)
        if self._nodes > MOST_NODES or len(self._open) > DEEPEST:
            raise UnfitXml("too many elements, or too deep ones")
        node = Node(name, attributes)
        self._open[-1][0].children.append(node)
        self._open.append((node, []))

    def end(self, _name: str) -> None:
        node, texts = self._open.pop()
        node.text = "".join(texts)

    def add(self, text: str) -> None:
        self._open[-1][1].append(text)


def parse(data: bytes) -> Node:
    """The root element of a document. Raises UnfitXml."""
    if len(data) > LARGEST:
        raise UnfitXml("too large")
    tree, parser = _Tree(), expat.ParserCreate(None, "")
    parser.buffer_text = True
    parser.StartElementHandler = tree.begin
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.add
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data if data[:2] in _UTF_16 else data.strip(b"\0 \t\r\n"), True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise UnfitXml(str(error)) from error
    if not tree.root.children:
        raise UnfitXml("no element")
    return tree.root.children[0]


def _refuse(*_: object) -> None:
    raise UnfitXml("it has a document type")
