"""Text from elsewhere never commands a terminal, whatever it is."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from checker.text import clean, plural


@given(st.text(), st.integers(2, 500))
def test_nothing_that_commands_is_left(text, limit):
    shown = clean(text, limit)
    assert all(unicodedata.category(each) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in shown)
    assert "\n" not in shown


@given(st.text(alphabet="abc äöü", max_size=50))
def test_ordinary_text_stays(text):
    assert clean(text) == text


def test_long_text_is_cut_and_says_so():
    assert clean("x" * 1000, 10) == "x" * 9 + "…"


def test_plural():
    assert (plural(1, "run"), plural(2, "run"), plural(0, "entry", "entries")) == ("1 run", "2 runs", "0 entries")
