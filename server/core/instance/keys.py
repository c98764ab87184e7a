"""The master keys have changed on disk."""

KEYS_TOPIC = "keys"
