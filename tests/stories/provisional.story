# The default policy: on time on trust, late, failed, recovered (T7, B7).
plan starter 1000
2026-01-10T00:00    subscribe starter as s
                    topup pay_1 50
2026-02-10T00:00    see monthly 1000 provisional yes status active
                    renewals granted provisional
                    charge 300
2026-02-10T00:09:59 renewals granted provisional
2026-02-10T00:10    renewals granted late
                    see monthly 700 provisional yes
2026-02-11T00:00    see monthly 0 frozen 700 addon 50 status past_due available 50
                    renewals granted failed
                    unpaid 300
                    wrote freeze -700
                    charge 51 ! insufficient_credits needed=51 available=50
2026-02-20T00:00    pay s
                    see monthly 700 frozen 0 status active provisional no addon 50
                    wrote thaw 700
                    renewals granted granted
                    unpaid 0
# Not recovered: no further period is granted, and what was frozen goes with its period.
2026-03-10T00:00    see monthly 1000 provisional yes
2026-03-11T00:00    see monthly 0 frozen 1000 status past_due
2026-04-10T00:00    see monthly 0 frozen 0 status past_due
                    wrote expiry 0
                    renewals granted granted failed skipped
                    pay s 2
                    see monthly 1000 status active paid 2026-05-10T00:00 renews 2026-05-10T00:00
                    renewals granted granted failed granted
