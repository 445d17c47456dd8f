"""Commands that ask more of finished runs than their value: combined, looked into, disturbed, shown a video."""
