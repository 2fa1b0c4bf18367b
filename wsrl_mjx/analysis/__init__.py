"""Metrics as arrays: statistics, comparisons of several runs, tables and plots."""
