"""Told sentences: the newest ones of a long conversation."""

from model.recall import told_facts

PROMPTS = ("I am Ann. I live in Rome.", "It rains.", "The sea is grey. We wait. Go.")


def test_the_newest_told_sentences_come_oldest_first(tiny):
    every = [f for n, text in enumerate(PROMPTS, 1) for f in told_facts.sentences(tiny, text, n)]
    for most in (1, 3, 4, len(every), 99):
        assert told_facts.newest(tiny, PROMPTS, most) == every[-most:]
    assert len(every) == 6 and told_facts.newest(tiny, (), 5) == []


def test_older_prompts_are_not_cut(tiny, monkeypatch):
    seen, cut = [], told_facts.sentences
    monkeypatch.setattr(
        told_facts, "sentences", lambda model, text, n: seen.append(n) or cut(model, text, n))
    told_facts.newest(tiny, PROMPTS, 2)
    assert seen == [3]
