"""A page of the admin: what a person reads on it, and as a browser takes it apart, with what its forms would send."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
CONTROLS = {"button", "input", "select", "textarea", "form"}


@dataclass
class Element:
    """One element; ``text`` is all that stands in it, its children included."""

    tag: str
    attrs: dict[str, str]
    parents: tuple[Element, ...] = ()
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def is_within(self, **attrs: str) -> bool:
        """Whether it stands in an element with these attributes."""
        return any(all(p.attrs.get(name) == value for name, value in attrs.items()) for p in self.parents)


class Page(HTMLParser):
    """The elements of a page in their order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {n: v or "" for n, v in attrs}, tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        for n in range(len(self._open) - 1, -1, -1):
            if self._open[n].tag == tag:
                del self._open[n:]
                return

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def of(self, *tags: str, within: str = "content-main") -> list[Element]:
        """The elements of these kinds inside the element of this id."""
        return [e for e in self.elements if e.tag in tags and e.is_within(id=within)]

    def fields(self, form: Element | None = None) -> dict[str, str]:
        """What a browser would send of the form (of the page's own POST form) without a button being pressed."""
        if form is None:
            forms = [e for e in self.of("form") if e.attrs.get("method") == "post"]
            form = next(e for e in forms if not e.is_within(**{"class": "sj-head"}))
        found: dict[str, str] = {}
        for element in self.elements:
            name = element.attrs.get("name", "")
            if not name or form not in element.parents:
                continue
            kind = element.attrs.get("type", "text")
            if element.tag == "textarea":
                found[name] = element.text.removeprefix("\n")
            elif element.tag == "select":
                options = [o for o in self.elements if o.tag == "option" and element in o.parents]
                chosen = [o for o in options if "selected" in o.attrs] or options[:1]
                found[name] = chosen[0].attrs.get("value", "") if chosen else ""
            elif element.tag == "input" and kind in ("radio", "checkbox"):
                if "checked" in element.attrs:
                    found[name] = element.attrs.get("value", "on")
            elif element.tag == "input" and kind not in ("submit", "button", "image", "reset"):
                found[name] = element.attrs.get("value", "")
        found.pop("csrfmiddlewaretoken", None)
        return found


def text_of(html: str) -> str:
    """What a person reads, in one line."""
    html = re.sub(r"<(script|style|symbol|title)\b.*?</\1>", "", html.replace("<wbr>", ""), flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", html)
    for code, char in (
        ("&#x27;", "'"),
        ("&quot;", '"'),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
        ("&lsaquo;", "‹"),
    ):
        text = text.replace(code, char)
    return re.sub(r"\s+", " ", text)


def in_one_line(html: str) -> str:
    """A page without the line breaks of its templates, between elements and between attributes."""
    return re.sub(r"\s*\n\s*", " ", html).replace(" >", ">").replace("> <", "><")
