"""The API: Stripe's addresses, parameters, lists and errors."""
