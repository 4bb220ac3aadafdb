# A trial that is cancelled ends where it ends, and nothing follows.
plan starter 1000
2026-02-01T12:00    subscribe starter trial 14 as s
                    see monthly 1000
                    cancel s
                    see ends 2026-02-15T12:00 renews never status trialing
2026-02-15T12:00    see monthly 0 status none available 0
                    renewals
