"""The service measured beside the limit of what it stands on: `make bench`."""
