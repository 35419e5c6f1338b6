"""The glossary marks each term once, leaves tags and links alone, and covers what the issue names."""

import html
import re

from components.kit import glossary


def test_a_term_is_marked_at_its_first_use_with_its_meaning():
    said = glossary.marked("A head reads a key. Heads of <b title='head'>one</b> layer.")
    words = re.findall(r'<abbr title="([^"]*)" tabindex="0">([^<]*)</abbr>', said)
    assert [word for _, word in words] == ["head", "key"]
    assert all(html.unescape(meaning) == glossary.meaning(word) for meaning, word in words)
    assert "<b title='head'>" in said


def test_a_longer_term_is_no_shorter_one():
    said = glossary.marked("An induction head, `wte` and a keyboard. [a key](key)")
    assert ">induction head</abbr>" in said and ">wte</abbr>" in said
    assert "keyboard" in said and "](key)" in said and said.count("<abbr") == 3


def test_a_value_is_a_term_only_beside_another_part_of_attention():
    assert "<abbr" not in glossary.marked("Colours end where 99.5 % of the values lie.")
    assert ">values</abbr>" in glossary.marked("The cache holds keys and values.")
    assert ">value</abbr>" in glossary.marked("A slot's value, a slot's age")


def test_every_meaning_is_one_or_two_sentences_and_names_asked_for_are_there():
    wanted = ("query", "key", "value", "logit", "entropy", "KL", "nat", "slot", "EDM", "AM", "wte", "wpe")
    assert all(glossary.meaning(word) for word in wanted) and glossary.meaning("Key")
    for name, meaning in glossary.MEANINGS.items():
        assert meaning.endswith((".", "?")) and len(meaning) < 160, name
    assert glossary.meaning("zorble") == ""
