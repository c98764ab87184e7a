"""What tests of several places share."""
