"""What clip-score is made of: frames, features, the rule, what is published and reported."""
