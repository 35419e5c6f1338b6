"""What the visitor chooses on the Training page."""

from components.frame.choices import Choice, Flag, OneOf, Text, Whole
from components.training import run

VIEWS = {"curves": "Watch a training", "new": "Train your own", "lesson": "What it learns from"}
VARIANTS = {
    "gpt2+rnn": "early and late recurrent memory: one state, carried from prompt to prompt",
    "gpt2+edm": "external memory: a slot for each token worth keeping, read by attention",
    "gpt2-m": "recurrent and external memory together; attention over Local ∪ Memory, which needs "
    "no training, joins when it is used",
}
ASKED_FOR = {"never": "values never trained on", "known": "values of the lists",
          "refused": "never told"}
SMALL = 400  # steps of a first training: some minutes on two cores, enough to see recall rise
LESSONS = {name: name for name in run.LESSONS}

VIEW = Choice("training_view", OneOf(VIEWS), "curves")
TRAINING = Choice("training", Text(200))  # the id of a job, or what is shipped
VALUES = Choice("training_values", OneOf(ASKED_FOR))
VARIANT = Choice("training_variant", OneOf(VARIANTS), "gpt2+edm")
STEPS = Choice("training_steps", Whole(50, 20_000), SMALL)
SEED = Choice("training_seed", Whole(0, 999_999), 0)
CELL = Choice("training_cell", OneOf({"gru": "GRU", "lstm": "LSTM"}), "gru")
LORA = Choice("training_lora", Flag(), False)
RANK = Choice("training_rank", Whole(1, 64), 8)
LESSON = Choice("training_lesson", OneOf(LESSONS), list(LESSONS)[1])
SOURCE = Choice("training_source", OneOf(run.SOURCES), "values")
EPISODE = Choice("training_episode", Whole(1), 1)
CHOICES = (VIEW, TRAINING, VALUES, VARIANT, STEPS, SEED, CELL, LORA, RANK, LESSON, SOURCE, EPISODE)
