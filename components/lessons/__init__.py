"""Lessons above the pages: a bar with the step's text, its question and its answer, and the list of
all lessons. Computes no answer (model/lessons does) and knows no page's content.
"""
