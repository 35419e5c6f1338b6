"""An answer is said as whole words, or not at all."""

import pytest

from model.recall.whole_words import says


@pytest.mark.parametrize("text, answer", [
    (" You live in New York.", " New York"), (" You live in new\n york!", "New York"),
    ("His name is Ann.", "ann"), ("It is Ann's.", "Ann"), ("It is Ann’s boat.", "Ann"),
    ("(7)", "7"), ("It is 7.", "7"), ("It is 7, or 8.", "7"), ("At 7:30 sharp", "7:30"),
    ("It is 7.5 m.", "7.5"), ("He said \"Hamlet\".", "Hamlet"), ("I like Hamlet.", "\"Hamlet\""),
    ("I use C++.", "C++"), ("It is 🧠.", "🧠"), ("It is 🧠🧠.", "🧠"), ("Cafe\u0301 Bleu.", "Café"),
    ("私は東京に住んでいます。", "東京"), ("Я живу в Минске.", "Минске"), ("שלום.", "שלום"),
    ("Jean-Luc", "Jean-Luc"), ("O'Brien said so.", "O'Brien"), ("a well—", "well"),
    (" .", "."), ("?! What", "?!"), ("New York.", "New York..."), ("İstanbul", "İstanbul"),
])
def test_said(text, answer):
    assert says(text, answer)


@pytest.mark.parametrize("text, answer", [
    ("I am fine.", "."), ("I am fine.", ""), ("", ""), ("", "."), ("I am fine.", " \n"),
    ("Is it? ", "?!"), ("I am fine…", "…"), ("I am \"fine\".", "\""),
    ("New Yorkshire", "New York"), ("Anna", "Ann"), ("Joann", "Ann"), ("Ann-Marie", "Ann"),
    ("Mary-Ann", "Ann"), ("I don't.", "don"), ("O'Brien", "Brien"), ("foo_bar", "foo"),
    ("71", "7"), ("17", "7"), ("7.5", "7"), ("0.7", "7"), ("7,000", "7"), ("7:30", "7"), ("-7", "7"),
    ("7/8", "7"), ("A7", "7"), ("7a", "7"), ("कि", "क"), ("Cafe\u0301s", "cafe"),
    ("👩\u200d🚀", "👩"), ("Минска", "Минск"),
])
def test_not_said(text, answer):
    assert not says(text, answer)
