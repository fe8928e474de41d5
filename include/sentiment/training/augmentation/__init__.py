"""What a training learns beside its reviews: texts made for it, and copies that differ in what means nothing."""
