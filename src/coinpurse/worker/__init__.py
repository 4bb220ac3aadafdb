"""The sweep: makes durable and announces what time has already made true."""
