# The old credits stay spendable until the payment lands or the grace ends (T7).
plan starter 1000 renewal paid_with_grace
2026-01-10T00:00    subscribe starter as s
                    charge 100
2026-02-10T00:00    see monthly 900 renewing yes provisional no from 2026-02-10T00:00
                    charge 100
                    renewals granted expected
2026-02-10T02:00    pay s
                    see monthly 1000 renewing no
                    wrote expiry -800 grant 1000
                    renewals granted granted
2026-03-10T00:00    see monthly 1000 renewing yes
2026-03-11T00:00    see monthly 0 status past_due renewing no
                    wrote expiry -1000
2026-03-12T00:00    pay s
                    see monthly 1000 status active renews 2026-04-10T00:00
