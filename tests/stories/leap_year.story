# The anchor's day is clipped month by month, never worn down: the 29th of February comes where there is one (T1).
plan starter 10
2027-12-31T12:00    subscribe starter year as s
2028-01-31T12:00    see renews 2028-02-29T12:00
2028-02-29T12:00    see from 2028-02-29T12:00 until 2028-03-31T12:00
2028-09-30T12:00    see renews 2028-10-31T12:00
