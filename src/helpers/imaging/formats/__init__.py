"""Images and masks in the formats that hospitals and public archives write."""
