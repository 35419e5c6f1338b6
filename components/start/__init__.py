"""The Start page's pictures and cards of the five kinds of memory. No number is computed here."""
