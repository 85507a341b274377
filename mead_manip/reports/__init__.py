"""HTML and picture reports: what a person looks at after a run."""
