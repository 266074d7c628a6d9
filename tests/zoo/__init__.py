"""Applications with one nasty habit each. They know nothing of second factors; they count whom they served."""
