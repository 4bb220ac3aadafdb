# One month of a monthly plan with a top-up: monthly first, then add-on, then the reset.
plan starter 1000
2026-01-31T10:00    subscribe starter as s
                    see monthly 1000 addon 0 available 1000 allocation 1000 status active
                    see from 2026-01-31T10:00 until 2026-02-28T10:00 renews 2026-02-28T10:00
2026-02-03T09:00    topup pay_1 500 as t
                    see monthly 1000 addon 500 available 1500
2026-02-05T12:00    charge 600 as first
                    took monthly 600
                    see monthly 400 addon 500 available 900
2026-02-06T12:00    charge 700 as second
                    took monthly 400 addon 300
                    wrote charge -400 charge -300
                    see monthly 0 addon 200
                    charge 201 ! insufficient_credits needed=201 available=200 held=0 shortfall=1
                    see monthly 0 addon 200
                    charge 0 as free
                    took
                    see monthly 0 addon 200
2026-02-20T00:00    pay s
                    see monthly 0 addon 200 paid 2026-03-31T10:00
# The last microsecond of the old period, and the first of the new (T2).
2026-02-28T09:59:59.999999  see monthly 0 addon 200
2026-02-28T10:00    see monthly 1000 addon 200 available 1200 renews 2026-03-31T10:00 provisional no
                    charge 50
                    took monthly 50
                    saw 2026-02-28T09:59:59 monthly 0 addon 200
                    saw 2026-02-05T12:00 monthly 400 addon 500
                    renewals granted granted
