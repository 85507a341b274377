"""How a stage runs: over clips, in processes, in shards, on a device, after what it needs."""
