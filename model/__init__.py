"""GPT-2 seen from inside: loading, tracing, arithmetic. Knows nothing of Streamlit or Plotly."""

import os

# Waiting OpenMP threads that spin starve every other session of a busy server; read once by torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
