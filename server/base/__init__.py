"""The vocabulary: errors, ids, time, settings, who is asking. No input or output."""
