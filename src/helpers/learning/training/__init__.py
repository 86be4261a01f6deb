"""How networks are trained: the cases as tensors, one training, and all folds and seeds of a study."""
