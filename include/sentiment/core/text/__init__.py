"""What a review's text is: its one cleaning, for the lake, for data sets and for every text that is to be scored."""
