# Monthly to annual and back never gives one month twice and never skips one (B9).
plan starter 1000
plan studio 3000
2026-01-15T00:00    subscribe starter as s
                    charge 400
2026-01-20T00:00    change s starter year difference
                    see monthly 600 interval year paid 2026-02-15T00:00
                    pay s
                    see monthly 600 paid 2027-02-15T00:00
2026-02-15T00:00    see monthly 1000
# A downgrade of an annual plan waits until what was paid for has been given.
                    change s studio year difference
                    see monthly 3000
                    change s starter month at_renewal
                    see pending starter changes 2027-02-15T00:00
2026-03-15T00:00    see monthly 3000 plan studio
2027-01-15T00:00    see monthly 3000 plan studio renews 2027-02-15T00:00
2027-02-15T00:00    see monthly 1000 plan starter interval month provisional yes
                    pay s
                    see monthly 1000 provisional no paid 2027-03-15T00:00
