"""Stores and account stores, one file each; loaded only when a setting names them."""
