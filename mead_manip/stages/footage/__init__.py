"""What audit, preprocess and faces are made of: which clips there are, and whose faces they show."""
