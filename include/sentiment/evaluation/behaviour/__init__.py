"""What a model must do with sentences that we made ourselves, so that the right answer is known beforehand."""
