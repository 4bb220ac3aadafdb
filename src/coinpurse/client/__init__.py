"""The library: `Coinpurse`, for use from async code, and its blocking twin."""
