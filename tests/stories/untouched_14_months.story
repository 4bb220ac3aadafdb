# Nobody looked for 14 months, and the first look is right, the past included (T5).
plan starter 1000
2026-01-31T10:00    subscribe starter as s
                    pay s 20
                    topup pay_1 500
                    charge 1200
                    see monthly 0 addon 300
2027-03-31T10:00    see monthly 1000 addon 300 renews 2027-04-30T10:00
                    saw 2026-02-28T10:00 monthly 1000 addon 300 renews 2026-03-31T10:00
                    saw 2026-02-28T09:59:59 monthly 0 addon 300
                    saw 2026-12-25T00:00 monthly 1000 addon 300 renews 2026-12-31T10:00
                    renewals granted granted granted granted granted granted granted granted granted granted granted granted granted granted granted
                    wrote expiry -1000 grant 1000 expiry -1000 grant 1000
