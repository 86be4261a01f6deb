"""What a trained model looked at, and whether that can be believed."""
