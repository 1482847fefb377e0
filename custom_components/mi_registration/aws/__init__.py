"""Everything about AWS. Imports nothing of Home Assistant and could be a package of its own."""
