# A cap bounds what is given on trust; the payment brings the rest (T7).
plan starter 1000 cap 200
2026-01-10T00:00    subscribe starter as s
2026-02-10T00:00    see monthly 200 provisional yes allocation 1000
                    charge 150
                    took monthly 150
2026-02-10T01:00    pay s
                    see monthly 850 provisional no
                    wrote grant 800
2026-03-10T00:00    see monthly 200
                    wrote expiry -50 expiry -800 grant 200
2026-03-11T00:00    see monthly 0 frozen 200 status past_due
                    pay s
                    see monthly 1000 frozen 0 status active
                    wrote thaw 200 grant 800
