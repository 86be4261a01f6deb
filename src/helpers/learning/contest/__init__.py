"""The contest: every input by every classifier, tuned and compared inside the training folds alone."""
