"""Stands in for st.session_state."""


class Session(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    def to_dict(self) -> dict:
        return dict(self)
