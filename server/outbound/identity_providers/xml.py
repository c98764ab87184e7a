"""XML from strangers: no document type, so no entities; nothing is fetched; nothing grows when it is read."""

from lxml import etree

PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"

Element = etree._Element  # noqa: SLF001 - the library's name for the type of what it returns


class UnreadableXml(Exception):
    """The document is not well-formed, or has a document type."""


def a_parser() -> etree.XMLParser:
    """A parser that expands and fetches nothing. Each is for one document at a time."""
    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, dtd_validation=False, huge_tree=False
    )


def parse(document: bytes) -> Element:
    """The root of *document*.

    Raises:
        UnreadableXml: It is not well-formed, or has a document type.
    """
    try:
        root = etree.fromstring(document, a_parser())
    except (etree.XMLSyntaxError, ValueError) as malformed:
        raise UnreadableXml from malformed
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableXml
    return root


def text_of(element: Element | None) -> str:
    """All of an element's text, with nothing cut off where a comment stands; empty for no element."""
    return "" if element is None else str(element.xpath("string()")).strip()
