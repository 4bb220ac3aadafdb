# Moving between plans in mid-period (B5).
plan starter 1000
plan studio 3000
2026-04-01T00:00    subscribe starter as s
                    charge 800
                    see monthly 200
2026-04-16T00:00    change s studio difference
                    see monthly 2200 allocation 3000 plan studio renews 2026-05-01T00:00
                    wrote grant 2000
# The way back waits for the renewal, and can be taken back.
2026-04-18T00:00    change s starter difference ! conflict
                    change s starter at_renewal
                    see monthly 2200 plan studio pending starter changes 2026-05-01T00:00
                    change s studio at_renewal
                    see pending none plan studio
                    change s starter at_renewal
                    pay s
2026-05-01T00:00    see monthly 1000 allocation 1000 plan starter pending none
                    wrote expiry -200 expiry -2000 grant 1000
# Half of the month is left: half of the difference.
2026-05-16T12:00    change s studio prorated
                    see monthly 2000 allocation 3000
# Starting over: a new anchor, the whole allocation, the old credits gone.
2026-05-20T10:00    charge 1
                    change s starter restart
                    see monthly 1000 from 2026-05-20T10:00 renews 2026-06-20T10:00 paid 2026-06-20T10:00
