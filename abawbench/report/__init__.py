"""Everything that people read: tables, the leaderboard, plots.

In: records, comparisons, published rows. Out: text, Markdown, pictures. May import: compare, records and below.
Nothing is decided here, and nothing reads this text back.
"""
