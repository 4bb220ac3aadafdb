# A subscription may start later, or have started before it was recorded.
plan starter 1000
2026-01-10T00:00    subscribe starter from 2026-01-15T00:00 as s
                    see monthly 0 status active allocation 0 from never
2026-01-15T00:00    see monthly 1000 renews 2026-02-15T00:00
2026-03-20T00:00    cancel s now
                    see monthly 0 status none
                    subscribe starter year from 2026-02-01T00:00 as old
                    see monthly 1000 from 2026-03-01T00:00 renews 2026-04-01T00:00 paid 2027-02-01T00:00
