"""What edit is made of: settings, plans, faces, frames, pictures, recipes, renderers."""
