# A key makes a retry safe; a refused charge does not use it up (S8), and a payment makes one grant (P2).
2026-01-10T00:00    charge 60 job_1 ! insufficient_credits
                    topup pay_1 100
                    topup pay_1 100
                    see addon 100
                    charge 60 job_1
                    charge 60 job_1
                    see addon 40
                    charge 61 job_1 ! idempotency_conflict
                    charge 60 job_2 ! insufficient_credits shortfall=20
                    charge -1 ! invalid_request
                    charge 1000000000000001 ! invalid_request
                    see addon 40
