"""A class in the browser: the bar below every page for lecturer and pupils, and the menu that starts
or joins one. What is led where stands in frame/led.py; knows no page's content.
"""
