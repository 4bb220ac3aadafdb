# Pausing stops new periods, resuming starts them again; add-on stays spendable (B11).
plan starter 1000
2026-01-10T00:00    subscribe starter as s
                    topup pay_1 50
                    pay s
                    charge 200
                    pause s
                    see status paused monthly 800 addon 50 renews never
2026-02-10T00:00    see status paused monthly 0 addon 50 allocation 1000
                    charge 5
                    took addon 5
2026-02-15T00:00    resume s
                    see status active monthly 1000 renews 2026-03-10T00:00
2026-03-01T00:00    pause s
                    see monthly 1000
2026-05-20T00:00    see monthly 0 addon 45 status paused
                    renewals granted granted skipped skipped skipped
                    resume s
                    see monthly 0 status active paid 2026-05-10T00:00 renews 2026-06-10T00:00
                    pay s
                    see monthly 1000 paid 2026-06-10T00:00 renews 2026-06-10T00:00
                    renewals granted granted skipped skipped granted
