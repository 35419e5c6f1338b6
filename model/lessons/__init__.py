"""Lessons: steps with a text, a state of a page and a question whose right answer is computed from
the model at hand. No looks, and no page's name, live here.
"""
