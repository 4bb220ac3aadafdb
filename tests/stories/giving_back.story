# Credits go back where they came from, last-taken first (F1, F2), and a revoked grant takes none.
plan starter 100
2026-01-10T00:00    subscribe starter as s
                    topup pay_1 100 as t
                    charge 150 as c
                    reverse c 70
                    gave addon 50 monthly 20
                    see monthly 20 addon 100
                    charge 40 as d
                    took monthly 20 addon 20
                    revoke t
                    see addon 0 monthly 0
                    wrote revocation -80
                    reverse d
                    gave monthly 20 lapsed 20
                    see monthly 20 addon 0
                    reverse d ! reversal_exceeds_charge
                    revoke t ! conflict
                    topup pay_2 10 as u
                    revoke u 4
                    see addon 6
# A frozen month takes its credits back frozen.
2026-02-10T00:00    charge 30 as e
                    took monthly 30
2026-02-11T00:00    see monthly 0 frozen 70 addon 6
                    reverse e
                    gave monthly 30
                    see monthly 0 frozen 100
