# The renewal replaces the monthly credits (B1): 1,000, not 1,400. Add-on stays (B2).
plan starter 1000
2026-03-10T08:00    subscribe starter as s
                    topup pay_1 250
                    charge 600
                    see monthly 400 addon 250
                    pay s
2026-04-10T08:00    see monthly 1000 addon 250 available 1250
                    wrote expiry -400 grant 1000
                    saw 2026-04-10T07:59:59 available 650
