# Immediate termination ends the monthly bucket now, and only that (B4).
plan starter 1000
2026-05-12T06:00    subscribe starter year as s
                    topup pay_1 300
                    grant promo 40 until 2026-12-31T00:00
2026-07-01T00:00    cancel s now
                    see monthly 0 addon 300 promo 40 available 340 status none
                    wrote expiry -1000
2026-07-12T06:00    see monthly 0 addon 300 promo 40
2026-12-31T00:00    see addon 300 promo 0 available 300
                    wrote expiry -40
