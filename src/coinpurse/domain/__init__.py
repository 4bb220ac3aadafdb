"""What is true of credits: plain Python without I/O, clock or SQL."""
