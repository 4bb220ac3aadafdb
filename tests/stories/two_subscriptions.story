# An account can hold more than one subscription; the soonest expiry burns first (B12).
plan starter 1000
plan seat 200
2026-01-10T00:00    subscribe starter as main
2026-01-20T00:00    subscribe seat as seat
                    see monthly 1200 allocation 1200 renews 2026-02-10T00:00 plan starter
                    charge 1100
                    took monthly 1000 monthly 100
                    cancel main now
                    see monthly 100 allocation 200 plan seat renews 2026-02-20T00:00
