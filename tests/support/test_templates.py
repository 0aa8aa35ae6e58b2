"""Templates escape what they are given, and a value that is missing is an error."""

import jinja2
import pytest
from markupsafe import Markup

from lgn_lite.support.templates import render


def test_values_are_escaped_and_markup_is_not(tmp_path):
    template = tmp_path / "page.html.jinja"
    template.write_text("{# a note #}\n<p>{{ text }}{{ html }} – ü</p>\n", encoding="utf-8")
    assert render(template, text="<b>", html=Markup("<i>")) == "<p>&lt;b&gt;<i> – ü</p>"
    with pytest.raises(jinja2.UndefinedError, match="html"):
        render(template, text="")
