"""A table of rows to sort and scroll, whose data the menu "Take away" gives. Knows no page."""

import numpy as np
import pandas as pd
import streamlit as st

from components.kit.export.offers import offer
from components.kit.export.table import Table


def show(table: pd.DataFrame, key: str, **how):
    """Draw a table -> what st.dataframe returns; how: its other arguments."""
    offer(key, columns_of, table)
    return st.dataframe(table, key=key, hide_index=True, **how)


def columns_of(table: pd.DataFrame) -> Table:
    """A line a row; times in ISO 8601."""
    return Table({"row": range(len(table))}, {str(name): _column(table[name]) for name in table})


def _column(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.array([x.isoformat() for x in column], dtype=str)
    return np.array(["" if pd.isna(x) else str(x) for x in column], dtype=str)
