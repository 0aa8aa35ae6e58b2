"""What a check says of a wrong answer."""

import re

import pytest

FORM = re.compile(r"^\w+\(.* (gave|raised) .* but it should be .*\. .+[.?]$")


def message(check, *arguments, **options) -> str:
    """The message of the AssertionError, which has to be of the form that readers know."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    assert FORM.match(str(caught.value)), caught.value
    return str(caught.value)
