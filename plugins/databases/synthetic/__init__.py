"""The synthetic database: drawn faces, made-up voices and words, written in the official layouts.

It is what the benchmark runs on where no real database is at hand, and it says nothing about real faces.
"""
