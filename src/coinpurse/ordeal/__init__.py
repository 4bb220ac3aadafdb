"""The ordeal: real servers on a real PostgreSQL, a seeded crowd of customers, and everything that goes wrong.

It looks at Coinpurse from outside, as an app does. Of its insides it knows the pure model only, as a second
opinion on what each answer must be.
"""
