"""The leaderboard: claims, submissions and results side by side, checked, never mixed.

It is files alone: one folder a submission, one JSON a number, a page that any static host serves.
"""
