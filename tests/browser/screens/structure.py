"""What a page is made of, for those who do not see it: headings, names of controls, the way of the Tab key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from playwright.sync_api import Page

HEADINGS = """
[...document.querySelectorAll('#content :is(h1, h2, h3, h4, h5, h6)')]
    .filter(heading => heading.checkVisibility())
    .map(heading => [Number(heading.tagName[1]), heading.textContent.trim()])
"""
NAMELESS = """
[...document.querySelectorAll('#content :is(a[href], button, input, select, textarea, summary)')]
    .filter(control => control.type !== 'hidden' && control.checkVisibility())
    .filter(control => {
        const by = control.getAttribute('aria-labelledby');
        const labels = [...(control.labels || [])];
        const texts = [
            control.getAttribute('aria-label'),
            by && document.getElementById(by)?.textContent,
            ...labels.map(label => label.textContent + (label.querySelector('img')?.alt || '')),
            ['A', 'BUTTON', 'SUMMARY'].includes(control.tagName)
                ? control.textContent + (control.querySelector('svg title')?.textContent || '') : '',
            ['submit', 'button', 'reset'].includes(control.type) ? control.value : '',
        ];
        return !texts.some(text => text && text.trim());
    })
    .map(control => control.outerHTML.slice(0, 200))
"""
WORDLESS = """
[...document.querySelectorAll('.sj-state, .sj-mark, .sj-i')]
    .filter(mark => mark.checkVisibility())
    .filter(mark => {
        // An icon stands beside its word: in its state, its link, its step, its sentence.
        const place = mark.matches('.sj-i') ? mark.closest('a, button, [role=link], label, li, p, dd, td, th, div') : mark;
        return !place.textContent.trim() && !place.getAttribute('aria-label');
    })
    .map(mark => mark.outerHTML.slice(0, 200))
"""
# The stops of the Tab key inside our content, as the document has them: one for each group of radio buttons.
STOPS = """
() => {
    document.activeElement.blur();
    const all = [...document.querySelectorAll(
        '#content :is(a[href], button, input, select, textarea, summary, [tabindex])'
    )].filter(one => one.type !== 'hidden' && !one.disabled && one.tabIndex >= 0 && one.checkVisibility()
        && getComputedStyle(one).visibility !== 'hidden');
    const groups = new Map();
    const stops = all.filter(one => {
        if (one.type !== 'radio') return true;
        if (one.checked) return true;
        const group = all.filter(other => other.type === 'radio' && other.name === one.name);
        return !group.some(other => other.checked) && group[0] === one;
    });
    window.sjStops = stops;
    window.sjLook = one => {
        const parts = [one, one.closest('label'), one.parentElement].filter(Boolean);
        return parts.map(part => {
            const style = getComputedStyle(part);
            return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow,
                style.borderTopColor, style.backgroundColor, style.textDecorationLine].join('|');
        }).join('&');
    };
    window.sjBefore = stops.map(window.sjLook);
    return stops.map(one => one.outerHTML.slice(0, 160));
}
"""
HERE = """
() => {
    const one = document.activeElement;
    const place = window.sjStops.indexOf(one);
    const box = one.getBoundingClientRect();
    return {
        place,
        inside: Boolean(one.closest('#content')),
        differs: place < 0 || window.sjLook(one) !== window.sjBefore[place],
        visible: box.width > 0 && box.height > 0,
        html: one.outerHTML.slice(0, 160),
    };
}
"""


class Stop(TypedDict):
    """Where the focus is: ``place`` counts the stops of our content, -1 is none of them."""

    place: int
    inside: bool
    differs: bool
    visible: bool
    html: str


def headings(page: Page) -> list[tuple[int, str]]:
    """Level and text of the headings of the content, in their order."""
    return [(level, text) for level, text in page.evaluate(HEADINGS)]


def nameless(page: Page) -> list[str]:
    """The controls of the content that nobody can name."""
    found: list[str] = page.evaluate(NAMELESS)
    return found


def wordless(page: Page) -> list[str]:
    """The states, marks and icons of ours beside which no word stands."""
    found: list[str] = page.evaluate(WORDLESS)
    return found


def stops(page: Page) -> list[str]:
    """What the Tab key ought to reach, in the order of the document."""
    found: list[str] = page.evaluate(STOPS)
    return found


def walk(page: Page, most: int) -> list[Stop]:
    """Where the Tab key leads from the beginning of the content until it leaves it, in at most so many steps."""
    page.evaluate("() => { const c = document.getElementById('content'); c.tabIndex = -1; c.focus(); }")
    found: list[Stop] = []
    while len(found) < most:
        page.keyboard.press("Tab")
        stop: Stop = page.evaluate(HERE)
        if not stop["inside"]:
            break
        # A field for a date has a stop of its own for day, month and year.
        if not found or found[-1]["html"] != stop["html"] or found[-1]["place"] != stop["place"]:
            found.append(stop)
    return found
