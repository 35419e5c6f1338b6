"""What the visitor chooses on the Anatomy page. Layer and head are shared with other pages
(frame/place.py)."""

from components.anatomy import size_figures
from components.frame.choices import Cell, Choice, OneOf, Several, Text
from model.analysis.anatomy import PARTS as PART_NAMES

VIEWS = {
    "tour": "Shape tour", "map": "Map of the weights", "tensors": "Every tensor",
    "heads": "Q, K, V by head", "size": "Size of any GPT",
}
FORMS = {"whole": "The whole tensor, pooled", "window": "A window, every value"}

VIEW = Choice("anatomy", OneOf(VIEWS), "tour")
TENSOR = Choice("tensor", Text(200))
PARTS = Choice("tensor_parts", Several({name: name for name in PART_NAMES}))
FORM = Choice("tensor_form", OneOf(FORMS), "whole")
WINDOW = Choice("tensor_window", Cell(), (0, 0))  # its first row and column
SIZE = Choice("size", OneOf(size_figures.TITLES), "gpt3")
SIZE_NUMBERS = Choice("size_numbers", Text(300))  # see kit/own_numbers.py
CHOICES = (VIEW, TENSOR, PARTS, FORM, WINDOW, SIZE, SIZE_NUMBERS)
