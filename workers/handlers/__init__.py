"""One act a kind of work: each touches the outside world with no transaction open, then says how it went."""
