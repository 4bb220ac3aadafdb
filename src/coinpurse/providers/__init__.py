"""Payment providers: bytes and headers in, domain events out."""
