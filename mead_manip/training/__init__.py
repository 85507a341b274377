"""How a model learns: the loops and the losses, side by side."""
