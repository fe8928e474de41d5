"""A large teacher's soft labels, and the small student that learns from them."""
