# A month that a pause skipped is not owed: the next payment is for the month that runs.
plan starter 1000
2026-01-10T00:00    subscribe starter as s
                    pause s
2026-02-20T00:00    resume s
                    see monthly 0 status active
2026-03-10T00:00    see monthly 1000 provisional yes
                    pay s
                    see monthly 1000 provisional no paid 2026-04-10T00:00
                    renewals granted skipped granted
