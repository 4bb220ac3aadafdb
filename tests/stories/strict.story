# Empty until the payment lands, and said to be renewing (T7).
plan starter 1000 renewal strict
2026-01-10T00:00    subscribe starter as s
                    topup pay_1 70
                    charge 100
2026-02-10T00:00    see monthly 0 addon 70 renewing yes
                    wrote expiry -900
2026-02-10T00:05    pay s
                    see monthly 1000 addon 70 renewing no
                    renewals granted granted
2026-03-10T00:10    see monthly 0 renewing yes
                    renewals granted granted late
2026-03-11T00:00    see monthly 0 renewing no status past_due
                    cancel s
                    see status none addon 70
                    renewals granted granted failed
