# Cancelling keeps everything until the paid time is over; coming back starts a new anchor (B3).
plan starter 1000
2026-05-12T06:00    subscribe starter as s
                    topup pay_1 300
                    charge 100
2026-05-20T00:00    cancel s
                    see status active monthly 900 addon 300 ends 2026-06-12T06:00 renews never
2026-05-21T00:00    resume s
                    see status active monthly 900 ends never renews 2026-06-12T06:00
2026-05-22T00:00    cancel s
2026-06-12T05:59:59 charge 100
                    took monthly 100
                    see monthly 800
2026-06-12T06:00    see monthly 0 addon 300 available 300 status none
                    wrote expiry -800
                    pay s ! conflict
                    resume s ! conflict
                    charge 10
                    took addon 10
2026-08-03T18:45    subscribe starter as again
                    see monthly 1000 addon 290 renews 2026-09-03T18:45
                    renewals granted granted
