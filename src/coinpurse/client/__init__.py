"""The public library: the same calls in process or over HTTP."""
