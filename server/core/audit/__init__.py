"""What happened: one record for each change of state, in the same transaction, without a secret."""
