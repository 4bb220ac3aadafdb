"""The pages and the pill that people see."""
