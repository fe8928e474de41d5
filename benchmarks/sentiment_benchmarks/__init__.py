"""What measures models and trainings, and writes the tables and pictures that say how they compare."""
