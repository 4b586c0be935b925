SET @a = (n - 32) * 5 / 9, @b = @a.x SELECT VALUE {'k': *, "l": [-@b, NOT (a OR b), exists(SELECT * FROM @a.l WHERE v IN [1])],} FROM 't' WHERE (a).b <> - -1
