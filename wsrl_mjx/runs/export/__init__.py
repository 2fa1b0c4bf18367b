"""A policy that leaves: files that run without this package."""
