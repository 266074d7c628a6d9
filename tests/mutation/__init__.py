"""Whether the tests of the security core notice when its code is changed."""
