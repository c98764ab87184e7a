"""What people are told by mail and SMS, through the outbox."""
