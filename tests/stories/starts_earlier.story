# Moved in from elsewhere: a subscription that began before the account was known here is dated where it began.
plan starter 1000
2026-03-20T00:00    subscribe starter year from 2026-01-31T00:00 as s
                    see monthly 1000 from 2026-02-28T00:00 renews 2026-03-31T00:00
                    saw 2026-02-01T00:00 monthly 1000 from 2026-01-31T00:00
                    saw 2026-01-30T00:00 monthly 0
                    renewals granted granted
