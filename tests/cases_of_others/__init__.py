"""The cases that people of this field reported, each as a function that runs it and says what it saw."""
