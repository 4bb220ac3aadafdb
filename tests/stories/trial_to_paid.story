# A trial is a period that costs nothing, with its own allocation (B8).
plan starter 1000 trial 100
2026-02-01T12:00    subscribe starter trial 14 as s
                    see status trialing monthly 100 allocation 100 from 2026-02-01T12:00 until 2026-02-15T12:00
                    see paid 2026-02-15T12:00 renews 2026-02-15T12:00
                    charge 60
2026-02-10T00:00    pay s
                    see status trialing monthly 40 paid 2026-03-15T12:00
2026-02-15T12:00    see status active monthly 1000 provisional no renews 2026-03-15T12:00
                    wrote expiry -40 grant 1000
                    renewals granted
