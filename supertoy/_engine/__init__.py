"""How training and measuring are done fast. Private: only the core imports it."""
