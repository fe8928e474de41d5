"""What a student learns beside the labels: a teacher's soft ones."""
