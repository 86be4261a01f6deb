"""Networks, one a file, each from a `Batch` to one logit an endpoint."""
