"""Bringing in what people have now: balances, top-ups and subscriptions from files, and what a payment
provider knows of customers. See docs/importing.md."""
