"""What of a told fact answers a question: the words that the question does not hold and the reply says."""

import pytest

from model.loading import checkpoint
from model.recall import new_words, told_facts
from model.run import tokens

CAT, BEES = "My sister's cat is called Biscuit.", "Our neighbour keeps bees in Tromso."
FERRY, BORN = "The ferry to Arbroath leaves at seven.", "I was born in Ljubljana."


@pytest.fixture(scope="module")
def embedded():
    return checkpoint.load("embedded")


def found(model, told: str, question: str, reply: str):
    ids, (fact,) = tokens.encode(model.tokenizer, told), told_facts.sentences(model, told, 1)
    spoken = tokens.encode(model.tokenizer, reply)
    runs = new_words.runs(model, ids, fact, tokens.encode(model.tokenizer, question))
    return ids, spoken, runs, new_words.said(model, ids, runs, spoken)


@pytest.mark.parametrize("told, question, reply, answer", [
    (CAT, "The name of my sister's cat is", " Biscuit.", " Biscuit"),  # not “called”, a word before it
    (CAT, "What is my sister's cat called?", " Your sister's cat is called Biscuit.", " Biscuit"),
    (BEES, "In which town does our neighbour keep bees?", " The keeps bees in Tromso.", " Tromso"),
    (BEES, "Who keeps bees in Tromso?", " Our neighbour keeps bees in Tromso.", " Our neighbour"),
    (FERRY, "When does the ferry to Arbroath leave?", " At seven.", " At seven"),
])
def test_the_words_that_a_reply_says_with_its_own_tokens(embedded, told, question, reply, answer):
    ids, spoken, _, (wanted, own) = found(embedded, told, question, reply)
    said = tokens.decode(embedded.tokenizer, spoken[own.start : own.stop])
    assert said == answer
    assert tokens.decode(embedded.tokenizer, ids[list(wanted)]).strip().casefold() == answer.strip().casefold()


@pytest.mark.parametrize("told, question, reply", [
    (BORN, "Where was my father born?", " I do not know."),  # “I” stands in both and says nothing
    (FERRY, "When does the ferry to Arbroath leave?", " The ferry to Arbroath leaves at Arbroath."),
])
def test_small_words_alone_answer_nothing(embedded, told, question, reply):
    assert found(embedded, told, question, reply)[3] is None


def test_runs_are_of_whole_words_and_of_no_word_in_another_form(embedded):
    ids, _, runs, _ = found(embedded, BEES, "In which town does our neighbour keep bees?", " No.")
    assert [tokens.decode(embedded.tokenizer, ids[list(new_words.whole(run))]) for run in runs] == [" Tromso"]
    ids, _, runs, _ = found(embedded, CAT, CAT, " No.")  # all are held: all words
    assert new_words.whole(runs[0]) == tuple(range(len(ids) - 1)) and len(runs) == 1
    ids, _, runs, _ = found(embedded, "私は東京に住む。", "どこに住む?", " 東京")  # a script without spaces
    last = [new_words.whole(run) for run in runs][-1]
    assert "京" in tokens.decode(embedded.tokenizer, ids[: last[-1] + 1]) and len(last) < len(ids)
    assert not any("住" in tokens.decode(embedded.tokenizer, ids[list(new_words.whole(run))]) for run in runs)
    ids, _, runs, _ = found(embedded, "?!", "Who?", " No.")
    assert new_words.whole(runs[0]) == tuple(range(len(ids)))
