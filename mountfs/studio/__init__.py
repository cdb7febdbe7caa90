"""The rules, and the only authority on who sees and may write what. Knows nothing of the client half."""
