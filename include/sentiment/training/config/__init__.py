"""What a training is made of: architecture, optimisation, presets."""
