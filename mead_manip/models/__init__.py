"""Networks and face models: tensors in, tensors out; no files, no options, no device choice."""
