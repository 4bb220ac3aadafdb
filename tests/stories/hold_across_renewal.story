# A hold that crosses a renewal keeps its old monthly credits for its capture; what is given back lapses (H4).
plan starter 1000
2026-01-31T10:00    subscribe starter as s
                    pay s
                    topup pay_1 500
                    charge 900
2026-02-28T09:50    hold 400 as one
                    took monthly 100 addon 300
                    see monthly 0 addon 200 held 400 available 200
                    charge 300 ! credits_held needed=300 available=200 held=400 shortfall=100
2026-02-28T10:00    see monthly 1000 addon 200 held 400 available 1200
2026-02-28T10:05    capture one 250 as paid
                    took monthly 100 addon 150
                    wrote charge 0 charge 0 release 150
                    see monthly 1000 addon 350 held 0
# Reversed, the old month's share lapses and the add-on comes back.
                    reverse paid 200
                    gave addon 150 lapsed 50
                    see monthly 1000 addon 500
                    reverse paid 51 ! reversal_exceeds_charge charged=250 reversible=50 asked=51
                    reverse paid compensate
                    gave lapsed 50
                    see compensation 50 monthly 1000
# Released after the end of its period: lapsed, and the new month does not swell.
2026-03-31T09:59    hold 1100 as two
                    took monthly 1000 compensation 50 addon 50
2026-03-31T10:00    see monthly 1000 provisional yes held 1100
                    release two
                    wrote release 50 expiry 0 expiry 0
                    see monthly 1000 addon 500 held 0 compensation 0
