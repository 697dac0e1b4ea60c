"""What an optimization sees of a model: what really ran, which weights it has, why an optimization cannot be."""
