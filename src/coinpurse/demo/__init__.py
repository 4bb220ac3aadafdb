"""Kreator Studio, the sample app: pictures for credits, with everything of Coinpurse switched on."""
