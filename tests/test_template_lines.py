from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.template_lines import Fault, faults_of, main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("<ul>\n  <li><b>a</b></li>\n  <li>b</li>\n</ul>\n", []),
        ("<div><p>a</p></div>", [Fault(1, "a second block element, <div>")]),
        ("<li>a</li><li>b</li>", [Fault(1, "a second block element, <li>")]),
        ("<p>a\nb</p>", [Fault(1, "<p> is not alone"), Fault(2, "</p> is not alone")]),
        ("<td>\n  a\n</td></tr>", [Fault(3, "</td> is not alone"), Fault(3, "</tr> is not alone")]),
        (
            "{% if a %}<div>\n</div>{% endif %}",
            [Fault(1, "<div> is not alone"), Fault(2, "</div> is not alone")],
        ),
        ('<div\n  title="{% translate "a > b" %}"\n>\n  c\n</div>', []),
        ("<pre>\na\n  b</pre>\n<textarea>\na</textarea>\n<hr>\n", []),
        ("a" * 121, [Fault(1, "121 characters, of at most 120")]),
        (f"  {{% include '{'a' * 121}' %}}", []),
        (f"{{% if a %}}{'a' * 121}{{% endif %}}", [Fault(1, "142 characters, of at most 120")]),
    ],
)
def test_a_line_of_a_template_has_one_block_element(source: str, faults: list[Fault]) -> None:
    assert faults_of(source) == faults


def test_the_command_names_the_lines_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.html").write_text("<p>a</p>\n")
    assert main([str(tmp_path)]) == 0
    (tmp_path / "bad.html").write_text("\n<p>a</p><p>b</p>\n")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"{tmp_path}/bad.html:2: a second block element, <p>\n"
