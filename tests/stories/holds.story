# Capture, release and time-out exclude one another; the first wins (H3).
2026-01-01T00:00    topup pay_1 100
                    hold 30 as a
                    hold 20 for 60 as b
                    see addon 50 held 50
                    capture a as c
                    capture a
                    see addon 50 held 20
                    release a ! hold_closed state=captured
                    capture a 29 ! hold_closed state=captured
2026-01-01T00:01    see addon 70 held 0
                    wrote release 20
                    capture b ! hold_closed state=expired
                    release b ! hold_closed state=expired
                    hold 10 as d
                    capture d 11 ! capture_exceeds_hold held=10 asked=11
                    capture d 81 exceed ! insufficient_credits
                    capture d 70 exceed
                    took addon 10 addon 60
                    see addon 0 held 0
                    hold 1 ! insufficient_credits
                    hold 0 ! invalid_request
# A capture beyond its hold can take one grant twice: what was taken last goes back first (F1).
plan starter 20
                    topup pay_2 100
                    hold 10 as e
                    subscribe starter as s
                    capture e 60 exceed as f
                    took addon 10 monthly 20 addon 30
                    reverse f 40
                    gave addon 30 monthly 10
                    reverse f
                    gave monthly 10 addon 10
                    see monthly 20 addon 100
