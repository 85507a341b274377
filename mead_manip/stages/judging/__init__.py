"""What the evaluate commands, compare and demo are made of: corpora, arms, measures, reports."""
