# The help center's follow-up questions, answered by what is shown.
plan starter 1000
2026-03-01T09:00    subscribe starter as s
                    topup pay_1 200
                    charge 850
# "My credits dropped to zero on my renewal date": they were replaced in the same instant.
2026-03-31T00:00    pay s
2026-04-01T08:59:59.999999  see monthly 150 addon 200 available 350
2026-04-01T09:00    see monthly 1000 addon 200 available 1200
                    wrote expiry -150 grant 1000
# "My total didn't go back up to the full plan amount": the add-on credits had been spent, monthly is full.
                    charge 1150
                    see monthly 0 addon 50 available 50
                    pay s
2026-05-01T09:00    see monthly 1000 addon 50 available 1050 allocation 1000
# "Can I get a refund for unused monthly credits": they stay until the period's end.
2026-05-31T23:00    see monthly 1000
# "What happens to my credits if I cancel": everything until the end, then add-on alone.
                    cancel s
                    see monthly 1000 addon 50 renews never until 2026-06-01T09:00
2026-06-01T09:00    see monthly 0 addon 50 available 50 status none
2028-06-01T09:00    see addon 50 available 50
# "Do annual plans roll over differently": no, each chunk replaces the one before.
                    subscribe starter year as annual
                    charge 10
2028-07-01T09:00    see monthly 1000 addon 50 paid 2029-06-01T09:00
