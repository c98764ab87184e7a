"""What a person proves after the first proof: an app's code, a number, a phone, a code on paper."""
