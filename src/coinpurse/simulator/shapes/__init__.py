"""The objects of Stripe's API, version 2025-03-31 (Basil) and later, as plain JSON values.

Each builder takes what distinguishes an object and fills in the rest as Stripe shows an account that uses
none of it. `tests/simulator/test_shapes.py` compares them with recorded objects.
"""

API_VERSION = "2026-10-28.endive"
