# An annual plan from January 31: twelve grants, each replacing the one before, from twelve anchored instants (B9, T1).
plan starter 1000
2026-01-31T23:30    subscribe starter year as s
                    see monthly 1000 paid 2027-01-31T23:30 renews 2026-02-28T23:30
                    topup pay_1 100
                    charge 1000
2026-02-28T23:29:59 see monthly 0 addon 100
2026-02-28T23:30    see monthly 1000 renews 2026-03-31T23:30
                    charge 1
2026-03-31T23:30    see monthly 1000 renews 2026-04-30T23:30
2026-04-30T23:30    see monthly 1000 renews 2026-05-31T23:30
                    charge 1050
                    took monthly 1000 addon 50
2026-05-31T23:30    see monthly 1000 renews 2026-06-30T23:30
2026-06-30T23:30    see monthly 1000 addon 50 renews 2026-07-31T23:30
2026-12-31T23:30    see monthly 1000 addon 50 renews 2027-01-31T23:30 provisional no
                    renewals granted granted granted granted granted granted granted granted granted granted granted granted
                    cancel s
                    see ends 2027-01-31T23:30 renews never monthly 1000
2027-01-31T23:29    see monthly 1000 addon 50 status active
2027-01-31T23:30    see monthly 0 addon 50 status none allocation 0 renews never
                    charge 50
                    took addon 50
