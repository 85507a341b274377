"""The CC0 head: its builder, scene, performances, and the MEAD-shaped data set with known truth."""
