"""GPT2-M: memory around and inside a frozen GPT-2. State comes in, state goes out."""
