"""Files of rows as people have them, and how their columns become a review's."""
