"""GPT-2 seen from inside: loading, tracing, arithmetic. Knows nothing of Streamlit or Plotly."""

import os

# Waiting OpenMP threads that spin starve every other session of a busy server; read once by torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Downloads go over plain HTTP: progress in bytes on disk, a cancel that stops, the path under test.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
