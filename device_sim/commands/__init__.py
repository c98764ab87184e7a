"""The commands of `countersign-device`, one file for each kind of thing a person does with a phone."""
