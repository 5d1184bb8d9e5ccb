"""How anything is measured: cases, their rows, equal rounds, what is kept of them."""
